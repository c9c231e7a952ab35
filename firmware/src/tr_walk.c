/* Rows of two operands with strides, 0 where one is broadcast. */
#include "tr_walk.h"

#define AXES (sizeof(((struct tr_walk *)0)->sizes) / sizeof(uint32_t))

void tr_walk_rows(const struct tr_arithmetic *layer, const int8_t *first, const int8_t *second, int8_t *output,
                  tr_row *row)
{
    const struct tr_walk *walk = &layer->walk;
    uint32_t index[AXES] = {0}, at[2] = {0u, 0u};
    for (;;) {
        row(layer, first + at[0], second + at[1], output);
        output += walk->count;
        uint32_t axis = AXES;
        do {
            if (axis == 0u) {
                return;
            }
            axis--;
            index[axis] = index[axis] + 1u == walk->sizes[axis] ? 0u : index[axis] + 1u;
            for (uint32_t side = 0u; side < 2u; side++) {
                uint32_t stride = walk->operands[side].strides[axis];
                at[side] += index[axis] != 0u ? stride : (uint32_t)0u - stride * (walk->sizes[axis] - 1u);
            }
        } while (index[axis] == 0u);
    }
}

void tr_walk_constant(const struct tr_arithmetic *layer, const int8_t *input, int8_t *output, tr_row *row)
{
    if (layer->constant_side == 0u) {
        tr_walk_rows(layer, layer->constant, input, output, row);
    } else {
        tr_walk_rows(layer, input, layer->constant, output, row);
    }
}
