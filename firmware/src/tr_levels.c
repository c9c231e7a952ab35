#include "tr_levels.h"

#define WORDS (TR_LIST_PIXELS / 2u)
#define UNITS 16u /* that are requantised together */

static int32_t correction(const struct tr_levels *layer, uint32_t channel)
{
    return layer->corrections[*layer->level * layer->pixels.output.channels + channel];
}

/* One channel's sums of eight pixels, `sums` [8]; a level without terms of its own has no list. */
static void sum_pixels(const struct tr_levels *layer, const struct tr_table *table, uint32_t channel,
                       const int32_t *words, int32_t *sums)
{
    const uint8_t *runs = table->words;
    const uint32_t *starts = table->starts + channel * layer->levels;
    int32_t lacking = correction(layer, channel);
    for (uint32_t pixel = 0u; pixel < TR_LIST_PIXELS; pixel++) {
        sums[pixel] = lacking;
    }
    for (uint32_t level = 0u; level <= *layer->level; level++) {
        if (starts[level] != starts[level + 1u]) {
            int32_t part[TR_LIST_PIXELS];
            tr_list_pixels(runs + starts[level], words, part);
            for (uint32_t pixel = 0u; pixel < TR_LIST_PIXELS; pixel++) {
                sums[pixel] = (int32_t)((uint32_t)sums[pixel] + (uint32_t)part[pixel]);
            }
        }
    }
}

void tr_conv_2d_levels(const struct tr_levels *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    uint32_t channels = pixels->output.channels;
    struct tr_corner corner = tr_first_corner(pixels);
    uint32_t left = pixels->output.height * pixels->output.width;
    int32_t sums[TR_LIST_PIXELS];
    struct tr_run run = {.sums = sums, .sum_step = 4u, .step = channels, .rows = 1u};
    while (left > 0u) {
        uint32_t count = left < TR_LIST_PIXELS ? left : TR_LIST_PIXELS;
        corner = tr_list_gather(pixels, input, corner, count, scratch);
        for (uint32_t channel = 0u; channel < channels; channel++) {
            sum_pixels(layer, &table, channel, scratch, sums);
            run.output = output + channel;
            run.count = count;
            tr_finish_run(&layer->to, channel, &run);
        }
        output += count * channels;
        left -= count;
    }
}

/* ---- depthwise ------------------------------------------------------------- */

/* A channel in eight strips. Element (y, x) is four words: rows y of strips 0 and 1, 2 and 3, 4 and 5, 6 and 7. */
struct strips {
    uint32_t rows;  /* output rows of a strip */
    uint32_t height, width;
};

static struct strips strips_of(const struct tr_pixels *pixels)
{
    const struct tr_window *window = &pixels->window;
    uint32_t rows = (pixels->output.height + TR_LIST_PIXELS - 1u) / TR_LIST_PIXELS;
    uint32_t below = (window->height - 1u) * (uint32_t)window->dilation_y;
    uint32_t right = (window->width - 1u) * (uint32_t)window->dilation_x;
    struct strips strips = {
        .rows = rows,
        .height = (rows - 1u) * window->stride_y + below + 1u,
        .width = (pixels->output.width - 1u) * window->stride_x + right + 1u,
    };
    return strips;
}

/* `width` words of one row of two strips, each of which may lie outside (null). */
static void gather_row(const struct tr_pixels *pixels, const int8_t *low, const int8_t *high, uint32_t width,
                       int32_t *words)
{
    uint32_t step = pixels->input.channels;
    uint32_t at = 0u - pixels->window.pad_left; /* below zero as a large number */
    for (uint32_t x = 0u; x < width; x++, at++) {
        bool inside = at < pixels->input.width;
        int8_t first = inside && low != 0 ? low[at * step] : pixels->outside;
        int8_t second = inside && high != 0 ? high[at * step] : pixels->outside;
        *words = tr_packed(tr_held(pixels, first), tr_held(pixels, second));
        words += WORDS;
    }
}

__attribute__((noinline)) static void gather_strips(const struct tr_pixels *pixels, const struct strips *strips,
                                                    const int8_t *input, int32_t *words)
{
    uint32_t step = strips->rows * pixels->window.stride_y;
    uint32_t line = pixels->strides.line, apart = step * line; /* bytes, modulo 2^32 */
    for (uint32_t y = 0u; y < strips->height; y++) {
        uint32_t row = y - pixels->window.pad_top;
        uint32_t at = row * line;
        for (uint32_t word = 0u; word < WORDS; word++) {
            const int8_t *low = tr_channels_at(pixels, input, row, 0u, at);
            const int8_t *high = tr_channels_at(pixels, input, row + step, 0u, at + apart);
            gather_row(pixels, low, high, strips->width, words + word);
            row += 2u * step;
            at += 2u * apart;
        }
        words += strips->width * WORDS;
    }
}

/* All windows of one channel; `words` are its strips. */
static void sweep(const struct tr_levels *layer, const struct tr_table *table, uint32_t channel,
                  const struct strips *strips, const int32_t *words, int8_t *output)
{
    const struct tr_shape *to = &layer->pixels.output;
    const struct tr_window *window = &layer->pixels.window;
    int32_t sums[TR_LIST_PIXELS];
    struct tr_run run = {
        .sums = sums, .sum_step = 4u, .step = strips->rows * to->width * to->channels, .rows = 1u,
    };
    run.output = output + channel;
    for (uint32_t y = 0u; y < strips->rows; y++) {
        run.count = (to->height - y + strips->rows - 1u) / strips->rows; /* strips that have this row */
        const int32_t *corner = words + y * window->stride_y * strips->width * WORDS;
        for (uint32_t x = 0u; x < to->width; x++) {
            sum_pixels(layer, table, channel, corner, sums);
            tr_finish_run(&layer->to, channel, &run);
            run.output += to->channels;
            corner += window->stride_x * WORDS;
        }
    }
}

void tr_depthwise_conv_2d_levels(const struct tr_levels *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    struct strips strips = strips_of(pixels);
    uint32_t multiplier = pixels->output.channels / pixels->input.channels;
    uint32_t channel = 0u;
    for (uint32_t source = 0u; source < pixels->input.channels; source++) {
        gather_strips(pixels, &strips, input + source, scratch);
        for (uint32_t end = channel + multiplier; channel < end; channel++) {
            sweep(layer, &table, channel, &strips, scratch, output);
        }
    }
}

/* ---- fully connected ------------------------------------------------------- */

static int32_t sum_bytes(const struct tr_levels *layer, const struct tr_table *table, uint32_t unit, const int8_t *x)
{
    const uint8_t *runs = table->words;
    const uint32_t *starts = table->starts + unit * layer->levels;
    uint32_t sum = (uint32_t)correction(layer, unit);
    for (uint32_t level = 0u; level <= *layer->level; level++) {
        if (starts[level] != starts[level + 1u]) {
            sum += (uint32_t)tr_list_bytes(runs + starts[level], x);
        }
    }
    return (int32_t)sum;
}

void tr_fully_connected_levels(const struct tr_levels *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    (void)scratch;
    struct tr_table table = tr_table_open(layer->table);
    uint32_t units = layer->pixels.output.channels;
    for (uint32_t row = 0u; row < layer->pixels.input.height; row++) {
        for (uint32_t unit = 0u, count; unit < units; unit += count) {
            int32_t sums[2u * UNITS];
            uint32_t left = units - unit;
            count = left < UNITS ? left : UNITS;
            for (uint32_t n = 0u; n < count; n++) {
                sums[2u * n] = sum_bytes(layer, &table, unit + n, input);
            }
            tr_finish_units(&layer->to, unit, count, sums, output);
            output += count;
        }
        input += table.depth;
    }
}

/* ---- sums ------------------------------------------------------------------ */

void tr_sums_levels(const struct tr_levels *layer, const int8_t *input, int32_t *sums, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    if (pixels->data_terms != 0) {
        tr_list_gather(pixels, input, tr_first_corner(pixels), 1u, scratch);
    }
    for (uint32_t row = 0u; row < pixels->output.channels; row++) {
        int32_t eight[TR_LIST_PIXELS];
        if (pixels->data_terms != 0) {
            sum_pixels(layer, &table, row, scratch, eight);
        } else {
            eight[0] = sum_bytes(layer, &table, row, input);
        }
        sums[row] = eight[0];
    }
}
