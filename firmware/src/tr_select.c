/* SELECT and SELECT_V2. Source: tensorflow/lite/kernels/internal/reference/select.h. */
#include "tr_kernels.h"
#include "tr_walk.h"

void tr_select(const struct tr_select *layer, const int8_t *condition, const int8_t *x, const int8_t *y, int8_t *output)
{
    const struct tr_walk_three *walk = &layer->walk;
    const int8_t *operands[3] = {condition, x, y};
    uint32_t index[TR_AXES] = {0}, at[3] = {0u, 0u, 0u};
    do {
        const int8_t *row[3] = {operands[0] + at[0], operands[1] + at[1], operands[2] + at[2]};
        for (const int8_t *end = output + walk->count; output != end; output++) {
            *output = *row[0] ? *row[1] : *row[2];
            for (uint32_t side = 0u; side < 3u; side++) {
                row[side] += walk->operands[side].step;
            }
        }
    } while (tr_next_row(walk->sizes, index, walk->operands, at, 3u));
}

void tr_select_two(const struct tr_select *layer, const int8_t *input0, const int8_t *input1, int8_t *output)
{
    if (layer->condition) {
        tr_select(layer, layer->condition, input0, input1, output);
    } else if (layer->x) {
        tr_select(layer, input0, layer->x, input1, output);
    } else {
        tr_select(layer, input0, input1, layer->y, output);
    }
}

void tr_select_one(const struct tr_select *layer, const int8_t *input, int8_t *output)
{
    tr_select(layer, layer->condition ? layer->condition : input, layer->x ? layer->x : input,
              layer->y ? layer->y : input, output);
}
