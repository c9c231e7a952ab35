/* QUANTIZE from int8 to int8. Source: tensorflow/lite/kernels/internal/reference/requantize.h. */
#include "tr_kernels.h"
#include "tr_requant.h"

void tr_requantize(const struct tr_requantize *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t i = 0u; i < layer->size; i++) {
        int32_t scaled = tr_multiply(input[i] - layer->input_zero_point, layer->factor.multiplier, layer->factor.shift);
        output[i] = tr_clamp(tr_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
    }
}
