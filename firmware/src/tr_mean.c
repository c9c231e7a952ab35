/* MEAN. Source: tensorflow/lite/kernels/internal/reference/integer_ops/mean.h. */
#include "tr_kernels.h"
#include "tr_requant.h"

void tr_mean(const struct tr_mean *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t outer = 0u; outer < layer->outer; outer++) {
        for (uint32_t inner = 0u; inner < layer->inner; inner++) {
            int32_t sum = -layer->input_zero_point * (int32_t)layer->count;
            const int8_t *x = input + inner;
            for (uint32_t left = layer->count; left > 0u; left--, x += layer->inner) {
                sum += *x;
            }
            int32_t scaled = tr_multiply(sum, layer->factor.multiplier, layer->factor.shift);
            *output++ = tr_clamp(tr_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
        }
        input += layer->count * layer->inner;
    }
}
