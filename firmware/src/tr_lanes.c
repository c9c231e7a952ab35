#include "tr_lanes.h"
#include "tr_isa.h"

#if !defined(TR_CODE_ARM)

/* The lanes of `word` to two sums. */
static void flush(uint32_t word, int32_t *sums)
{
    int32_t low = (int16_t)(uint16_t)word;
    sums[0] += low;
    sums[1] += (int16_t)(uint16_t)((word - (uint32_t)low) >> 16);
}

/* What tr_lanes_*.S do, portably. */
void tr_lanes(const uint8_t *runs, const int32_t *words, int32_t *sums)
{
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    bool last;
    do {
        uint32_t first = 0u, second = 0u;
        uint32_t run = tr_load_u32(runs);
        const int8_t *weights = (const int8_t *)runs + sizeof run;
        const int8_t *end = weights + 4u * (TR_LANE_UNITS - tr_lane_run_skip(run));
        last = tr_lane_run_last(run) != 0u;
        for (; weights != end; weights += 2, words++) {
            first += (uint32_t)weights[0] * (uint32_t)*words;
            second += (uint32_t)weights[1] * (uint32_t)*words;
        }
        flush(first, sums);
        flush(second, sums + 2);
        runs = (const uint8_t *)end;
    } while (!last);
}

#endif

void tr_conv_2d_lanes(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    const uint8_t *runs = table.words;
    uint32_t channels = pixels->output.channels;
    int32_t *sums = scratch + (table.depth + 1u) / 2u * 2u;
    struct tr_corner corner = tr_first_corner(pixels);
    for (uint32_t left = pixels->output.height * pixels->output.width; left > 0u;) {
        uint32_t pair = left > 1u ? 2u : 1u; /* a last odd pixel is computed twice */
        struct tr_corner next = pair == 2u ? tr_next_corner(pixels, corner) : corner;
        tr_gather(pixels, input, corner, next, scratch, 1u);
        for (uint32_t row = 0u; row < table.rows; row += 2u) {
            tr_lanes(runs + table.starts[row], scratch, sums + 2u * row);
        }
        tr_finish_pixels(&layer->to, channels, sums, output, output + (pair - 1u) * channels);
        output += pair * channels;
        corner = tr_next_corner(pixels, next);
        left -= pair;
    }
}
