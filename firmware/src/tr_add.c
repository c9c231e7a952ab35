/* ADD. Source: tensorflow/lite/kernels/internal/reference/integer_ops/add.h. */
#include "tr_isa.h"
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

#if !defined(TR_CODE_ARMV6M)

static void add(const struct tr_add_tables *layer, const int8_t *input0, const int8_t *input1, int8_t *output)
{
    const struct tr_add_tables at = *layer; /* stores of int8 may alias anything */
    for (const int8_t *end = input0 + at.size; input0 < end; input0++, input1++, output++) {
        int32_t sum = at.first[(uint8_t)*input0] + at.second[(uint8_t)*input1];
        uint32_t result = (uint32_t)sum >> at.fraction;
        if (result > at.range) {
            result = sum < 0 ? 0u : at.range;
        }
        *output = (int8_t)((int32_t)result + at.minimum);
    }
}

/* What tr_add_armv6m.S does, portably; on Armv7-M by another file where results are clamped to all of int8. */
void tr_add_tables(const struct tr_add_tables *layer, const int8_t *input0, const int8_t *input1, int8_t *output)
{
#if defined(TR_CODE_ARMV7M)
    if (layer->range == 255u) {
        uint32_t whole = layer->size / 4u * 4u;
        struct tr_add_tables rest = *layer;
        rest.size -= whole;
        tr_add_whole(layer, input0, input1, output, whole / 4u);
        add(&rest, input0 + whole, input1 + whole, output + whole);
        return;
    }
#endif
    add(layer, input0, input1, output);
}

#endif
