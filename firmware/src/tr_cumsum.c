/* CUMSUM. Source: tensorflow/lite/kernels/internal/reference/cumsum.h: sums are in 2^-19 of an input step and wrap. */
#include "tr_kernels.h"
#include "tr_requant.h"

static int32_t raised(int32_t x)
{
    return (int32_t)((uint32_t)x << 19);
}

static int8_t finished(const struct tr_cumsum *layer, int32_t sum)
{
    int32_t scaled = tr_multiply(sum, layer->factor.multiplier, layer->factor.shift);
    return tr_clamp(tr_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
}

static void along(const struct tr_cumsum *layer, const int8_t *input, int8_t *output)
{
    int32_t sum = raised(-layer->input_zero_point);
    for (uint32_t i = 0u; i < layer->count; i++) {
        uint32_t at = (layer->reverse ? layer->count - 1u - i : i) * layer->inner;
        int32_t next = tr_wrapping_add(sum, raised(input[at] - layer->input_zero_point));
        output[at] = finished(layer, layer->exclusive ? sum : next);
        sum = next;
    }
}

void tr_cumsum(const struct tr_cumsum *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t outer = 0u; outer < layer->outer; outer++) {
        for (uint32_t inner = 0u; inner < layer->inner; inner++) {
            along(layer, input + inner, output + inner);
        }
        input += layer->count * layer->inner;
        output += layer->count * layer->inner;
    }
}
