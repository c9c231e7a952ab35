/* ADD. Source: tensorflow/lite/kernels/internal/reference/integer_ops/add.h. */
#include "tr_kernels.h"
#include "tr_requant.h"

static int32_t term(const struct tr_add *layer, unsigned which, int8_t x)
{
    int32_t raised = (int32_t)((uint32_t)(x - layer->zero_point[which]) << layer->left_shift);
    return tr_multiply(raised, layer->input[which].multiplier, layer->input[which].shift);
}

void tr_add(const struct tr_add *layer, const int8_t *input0, const int8_t *input1, int8_t *output)
{
    for (uint32_t i = 0u; i < layer->size; i++) {
        int32_t sum = term(layer, 0u, input0[i]) + term(layer, 1u, input1[i]);
        int32_t scaled = tr_multiply(sum, layer->output.multiplier, layer->output.shift);
        output[i] = tr_clamp(scaled + layer->output_zero_point, layer->minimum, layer->maximum);
    }
}

void tr_add_tables(const struct tr_add_tables *layer, const int8_t *input0, const int8_t *input1, int8_t *output)
{
    const struct tr_add_tables at = *layer; /* stores of int8 may alias anything */
    const int32_t *first = at.first + 128;
    const int32_t *second = at.second + 128;
    for (const int8_t *end = input0 + at.size; input0 < end; input0++, input1++, output++) {
        int32_t sum = first[*input0] + second[*input1];
        int32_t result = (sum + (sum < 0 ? at.below : at.above)) >> at.fraction;
        result = result < at.minimum ? at.minimum : result;
        *output = (int8_t)(result > at.maximum ? at.maximum : result);
    }
}
