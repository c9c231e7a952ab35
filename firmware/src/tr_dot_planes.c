/* Exponent-ordered term lists on pre-shifted activations: scratch holds `planes` copies of the
 * patch, plane e shifted left by e, so that a weight term is one load and one addition. A row's
 * words are the number of positive terms, their offsets, then the offsets of the negative ones. */
#include "tr_kernels.h"

static void prepare(const struct tr_table *table, int16_t *scratch)
{
    uint32_t depth = table->depth;
    for (uint32_t i = depth; i < depth * table->planes; i++) {
        scratch[i] = (int16_t)(scratch[i - depth] * 2);
    }
}

static int32_t row(const struct tr_table *table, uint32_t row, const int16_t *scratch)
{
    const uint16_t *words = table->words;
    const uint16_t *word = words + table->starts[row];
    const uint16_t *end = words + table->starts[row + 1u];
    const uint16_t *negative = word + 1 + tr_plane_row_positive(*word);
    int32_t sum = 0;
#pragma GCC unroll 4
    for (word++; word < negative; word++) {
        sum += scratch[*word];
    }
#pragma GCC unroll 4
    for (; word < end; word++) {
        sum -= scratch[*word];
    }
    return sum;
}

const struct tr_dot tr_dot_planes = {prepare, row};
