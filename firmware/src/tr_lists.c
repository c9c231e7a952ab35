#include "tr_lists.h"
#include "tr_isa.h"

#define WORDS (TR_LIST_PIXELS / 2u)
#define UNITS 16u /* that are requantised together */

#if defined(TR_CODE_C)

/* What tr_lists_*.S do, portably. */

void tr_list_pixels(const uint8_t *runs, const int32_t *words, int32_t *sums)
{
    uint32_t accumulators[WORDS] = {0u};
    for (uint32_t pixel = 0u; pixel < TR_LIST_PIXELS; pixel++) {
        sums[pixel] = 0;
    }
    for (bool last = false; !last;) {
        uint32_t run = tr_load_u32(runs);
        const int32_t *block = words + tr_list_run_block(run) * TR_LIST_BLOCK * WORDS;
        uint32_t added = tr_list_run_added(run);
        uint32_t named = added + tr_list_run_subtracted(run);
        runs += TR_LIST_RUN_SIZE;
        for (uint32_t word = 0u; word < WORDS; word++) {
            uint32_t sum = accumulators[word] << tr_list_run_double(run);
            for (uint32_t i = 0u; i < named; i++) {
                uint32_t x = (uint32_t)block[runs[i] * WORDS + word];
                sum = i < added ? sum + x : sum - x;
            }
            accumulators[word] = sum;
            if (tr_list_run_flush(run) != 0u) {
                int32_t low = (int16_t)(uint16_t)sum;
                int32_t high = (int16_t)(uint16_t)((sum - (uint32_t)low) >> 16);
                uint32_t shift = tr_list_run_shift(run);
                sums[2u * word] = (int32_t)((uint32_t)(sums[2u * word] + low) << shift);
                sums[2u * word + 1u] = (int32_t)((uint32_t)(sums[2u * word + 1u] + high) << shift);
                accumulators[word] = 0u;
            }
        }
        runs += named;
        last = tr_list_run_last(run) != 0u;
    }
}

int32_t tr_list_bytes(const uint8_t *runs, const int8_t *x)
{
    uint32_t sum = 0u;
    for (;;) {
        uint32_t run = tr_load_u32(runs);
        const int8_t *block = x + tr_list_run_block(run) * TR_LIST_BLOCK;
        uint32_t added = tr_list_run_added(run);
        uint32_t named = added + tr_list_run_subtracted(run);
        runs += TR_LIST_RUN_SIZE;
        sum <<= tr_list_run_double(run);
        for (uint32_t i = 0u; i < named; i++) {
            uint32_t term = (uint32_t)(int32_t)block[runs[i]];
            sum = i < added ? sum + term : sum - term;
        }
        runs += named;
        if (tr_list_run_last(run) != 0u) {
            return (int32_t)(sum << tr_list_run_shift(run));
        }
    }
}

#endif

__attribute__((noinline)) struct tr_corner tr_list_gather(const struct tr_pixels *pixels, const int8_t *input,
                                                           struct tr_corner corner, uint32_t count, int32_t *words)
{
    struct tr_corner next = corner;
    for (uint32_t pixel = 0u; pixel < TR_LIST_PIXELS; pixel += 2u) {
        struct tr_corner first = next;
        next = pixel + 1u < count ? tr_next_corner(pixels, first) : first;
        struct tr_corner second = next;
        next = pixel + 2u < count ? tr_next_corner(pixels, second) : second;
        tr_gather(pixels, input, first, second, words + pixel / 2u, WORDS);
    }
    return tr_next_corner(pixels, next);
}

void tr_conv_2d_lists(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    const uint8_t *runs = table.words;
    uint32_t channels = pixels->output.channels;
    struct tr_corner corner = tr_first_corner(pixels);
    uint32_t left = pixels->output.height * pixels->output.width;
    int32_t sums[TR_LIST_PIXELS];
    struct tr_run run = {.sums = sums, .sum_step = 4u, .step = channels, .rows = 1u};
    while (left > 0u) {
        uint32_t count = left < TR_LIST_PIXELS ? left : TR_LIST_PIXELS;
        corner = tr_list_gather(pixels, input, corner, count, scratch);
        for (uint32_t row = 0u; row < channels; row++) {
            tr_list_pixels(runs + table.starts[row], scratch, sums);
            run.output = output + row;
            run.count = count;
            tr_finish_run(&layer->to, row, &run);
        }
        output += count * channels;
        left -= count;
    }
}

void tr_fully_connected_lists(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    (void)scratch;
    struct tr_table table = tr_table_open(layer->table);
    const uint8_t *runs = table.words;
    for (uint32_t row = 0u; row < layer->pixels.input.height; row++) {
        for (uint32_t unit = 0u, count; unit < table.rows; unit += count) {
            int32_t sums[2u * UNITS];
            uint32_t left = table.rows - unit;
            count = left < UNITS ? left : UNITS;
            for (uint32_t n = 0u; n < count; n++) {
                sums[2u * n] = tr_list_bytes(runs + table.starts[unit + n], input);
            }
            tr_finish_units(&layer->to, unit, count, sums, output);
            output += count;
        }
        input += table.depth;
    }
}

void tr_sums_lists(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch)
{
    (void)scratch;
    struct tr_table table = tr_table_open(layer->table);
    const uint8_t *runs = table.words;
    for (uint32_t row = 0u; row < table.rows; row++) {
        sums[row] = tr_list_bytes(runs + table.starts[row], input);
    }
}
