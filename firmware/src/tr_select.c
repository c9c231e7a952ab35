/* SELECT and SELECT_V2. Source: tensorflow/lite/kernels/internal/reference/select.h. */
#include "tr_kernels.h"
#include "tr_walk.h"

/* A row of values of one byte; each of the operands goes on by its step. */
static int8_t *select_row(const struct tr_walk_three *walk, const int8_t *const *row, int8_t *output)
{
    const int8_t *condition = row[0], *x = row[1], *y = row[2];
    for (const int8_t *end = output + walk->count; output != end; output++) {
        *output = *condition ? *x : *y;
        condition += walk->operands[0].step;
        x += walk->operands[1].step;
        y += walk->operands[2].step;
    }
    return output;
}

/* The same of values of `bytes`. */
static int8_t *select_wide_row(const struct tr_walk_three *walk, uint32_t bytes, const int8_t *const *row, int8_t *output)
{
    const int8_t *condition = row[0], *x = row[1], *y = row[2];
    for (const int8_t *end = output + walk->count * bytes; output != end; output += bytes) {
        __builtin_memcpy(output, *condition ? x : y, bytes);
        condition += walk->operands[0].step;
        x += walk->operands[1].step * bytes;
        y += walk->operands[2].step * bytes;
    }
    return output;
}

void tr_select(const struct tr_select *layer, const int8_t *condition, const int8_t *x, const int8_t *y, int8_t *output)
{
    const struct tr_walk_three *walk = &layer->walk;
    uint32_t bytes = layer->bytes;
    uint32_t index[TR_AXES] = {0}, at[3] = {0u, 0u, 0u};
    do {
        const int8_t *row[3] = {condition + at[0], x + at[1] * bytes, y + at[2] * bytes};
        output = bytes == 1u ? select_row(walk, row, output) : select_wide_row(walk, bytes, row, output);
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
