/* Rows of operands with strides, 0 where one is broadcast. */
#include "tr_walk.h"

bool tr_next_row(const uint32_t *sizes, uint32_t *index, const struct tr_operand *operands, uint32_t *at,
                 uint32_t count)
{
    for (uint32_t axis = TR_AXES; axis > 0u;) {
        axis--;
        bool wraps = index[axis] + 1u == sizes[axis];
        for (uint32_t side = 0u; side < count; side++) {
            uint32_t stride = operands[side].strides[axis];
            at[side] += wraps ? 0u - stride * index[axis] : stride; /* modulo 2^32 */
        }
        index[axis] = wraps ? 0u : index[axis] + 1u;
        if (!wraps) {
            return true;
        }
    }
    return false;
}

void tr_walk_rows(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output,
                  tr_row *row)
{
    const struct tr_walk *walk = &layer->walk;
    uint32_t index[TR_AXES] = {0}, at[2] = {0u, 0u};
    do {
        row(layer, first + at[0], second + at[1], output);
        output += walk->count;
    } while (tr_next_row(walk->sizes, index, walk->operands, at, 2u));
}

void tr_walk_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output, tr_row *row)
{
    if (layer->constant_side == 0u) {
        tr_walk_rows(layer, layer->constant, input, output, row);
    } else {
        tr_walk_rows(layer, input, layer->constant, output, row);
    }
}
