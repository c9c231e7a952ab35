#include "tr_units.h"

#if defined(__ARM_FEATURE_DSP)

/* `depth` activations in the order of `tr_spread`, of one pixel, rounded up to four with any that are there: the gap
 * is multiplied by zero. */
static void spread_row(const struct tr_pixels *pixels, const int8_t *from, uint32_t depth, int32_t *words)
{
    for (; depth >= 4u; depth -= 4u, from += 4) {
        *words++ = tr_both(pixels, from[0], from[2]);
        *words++ = tr_both(pixels, from[1], from[3]);
    }
    if (depth > 0u) {
        *words++ = tr_both(pixels, from[0], depth > 2u ? from[2] : from[0]);
        *words = tr_both(pixels, depth > 1u ? from[1] : from[0], from[0]);
    }
}

void tr_fully_connected_joint(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    uint32_t pairs = (table.depth + 3u) / 4u * 2u;
    for (uint32_t row = 0u; row < pixels->input.height; row++) {
        spread_row(pixels, input, table.depth, scratch);
        tr_fours_units(&layer->to, table.words, (const int16_t *)scratch, pairs, table.rows, output, tr_joint_pixel);
        input += table.depth;
        output += table.rows;
    }
}

#endif
