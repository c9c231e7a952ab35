#include "tr_fours.h"
#include "tr_isa.h"

#define UNITS 16u /* that are requantised together; a multiple of four */

#if !defined(TR_CODE_ARM)

/* What tr_fours_*.S do, portably. */
void tr_fours_pixel(const int8_t *weights, const int16_t *x, uint32_t pairs, int32_t *sums)
{
    uint32_t sum[4] = {0u};
    for (; pairs > 0u; pairs--, weights += 8, x += 2) {
        for (uint32_t row = 0u; row < 4u; row++) {
            const int8_t *at = weights + (row / 2u * 4u + row % 2u);
            sum[row] += (uint32_t)(at[0] * x[0]) + (uint32_t)(at[2] * x[1]);
        }
    }
    for (uint32_t row = 0u; row < 4u; row++) {
        sums[2u * row] = (int32_t)sum[row];
    }
}

#endif

/* One pixel's window as int16. */
__attribute__((noinline)) static void gather(const struct tr_pixels *pixels, const int8_t *input,
                                             struct tr_corner corner, int16_t *patch)
{
    const struct tr_window *window = &pixels->window;
    bool dense = tr_is_run(pixels, corner.x);
    uint32_t columns = dense ? 1u : window->width;
    uint32_t run = dense ? pixels->strides.run : pixels->input.channels;
    for (uint32_t rows = window->height; rows > 0u; rows--) {
        struct tr_corner tap = corner;
        for (uint32_t left = columns; left > 0u; left--) {
            const int8_t *from = tr_channels_at(pixels, input, tap.y, tap.x, tap.at);
            tap.x += window->dilation_x;
            tap.at += pixels->strides.column;
            const int16_t *end = patch + run;
            if (from == 0) {
                while (patch < end) {
                    *patch++ = (int16_t)tr_held(pixels, pixels->outside);
                }
                continue;
            }
            if (pixels->data_terms == 0) {
                for (; end - patch >= 4; patch += 4, from += 4) {
                    patch[0] = from[0];
                    patch[1] = from[1];
                    patch[2] = from[2];
                    patch[3] = from[3];
                }
            }
            while (patch < end) {
                *patch++ = (int16_t)tr_held(pixels, *from++);
            }
        }
        corner.y += window->dilation_y;
        corner.at += pixels->strides.row;
    }
}

/* Sums of all rows and two pixels, [rows][2]. */
static void multiply(const struct tr_table *table, const int16_t *x, uint32_t pairs, int32_t *sums)
{
    const int8_t *weights = table->words;
    for (uint32_t row = 0u; row < table->rows; row += 4u) {
        tr_fours_pixel(weights, x, pairs, sums);
        tr_fours_pixel(weights, x + 2u * pairs, pairs, sums + 1);
        weights += 8u * pairs;
        sums += 8;
    }
}

void tr_conv_2d_fours(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    uint32_t channels = pixels->output.channels;
    uint32_t pairs = (table.depth + 1u) / 2u;
    int16_t *patch = (int16_t *)scratch;
    int32_t *sums = scratch + 2u * pairs;
    struct tr_corner corner = tr_first_corner(pixels);
    for (uint32_t left = pixels->output.height * pixels->output.width; left > 0u;) {
        bool both = left > 1u; /* a last odd pixel is computed twice */
        struct tr_corner second = both ? tr_next_corner(pixels, corner) : corner;
        gather(pixels, input, corner, patch);
        gather(pixels, input, second, patch + 2u * pairs);
        multiply(&table, patch, pairs, sums);
        tr_finish_pixels(&layer->to, channels, sums, output, both ? output + channels : output);
        output += 2u * channels;
        corner = tr_next_corner(pixels, second);
        left -= both ? 2u : 1u;
    }
}

/* One row of activations as int16. */
static inline __attribute__((always_inline)) void copy_row(const struct tr_pixels *pixels, const int8_t *input,
                                                           uint32_t depth, int16_t *patch)
{
    uint32_t i = 0u;
    if (pixels->data_terms == 0) {
        for (; depth - i >= 4u; i += 4u) {
            patch[i] = input[i];
            patch[i + 1u] = input[i + 1u];
            patch[i + 2u] = input[i + 2u];
            patch[i + 3u] = input[i + 3u];
        }
    }
    for (; i < depth; i++) {
        patch[i] = (int16_t)tr_held(pixels, input[i]);
    }
}

void tr_fours_units(const struct tr_output *to, const int8_t *weights, const int16_t *x, uint32_t pairs, uint32_t units,
                    int8_t *output, tr_pixel_sums *pixel)
{
    for (uint32_t unit = 0u, count; unit < units; unit += count) {
        int32_t sums[2u * UNITS];
        uint32_t left = units - unit;
        count = left < UNITS ? left : UNITS;
        for (uint32_t n = 0u; n < count; n += 4u) {
            pixel(weights, x, pairs, sums + 2u * n);
            weights += 8u * pairs;
        }
        tr_finish_units(to, unit, count, sums, output);
        output += count;
    }
}

void tr_fully_connected_fours(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    uint32_t pairs = (table.depth + 1u) / 2u;
    int16_t *patch = (int16_t *)scratch;
    for (uint32_t row = 0u; row < pixels->input.height; row++) {
        copy_row(pixels, input, table.depth, patch);
        tr_fours_units(&layer->to, table.words, patch, pairs, table.rows, output, tr_fours_pixel);
        input += table.depth;
        output += table.rows;
    }
}

void tr_sums_fours(const struct tr_tiles *layer, const int8_t *input, int32_t *sums, int32_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    uint32_t pairs = (table.depth + 1u) / 2u;
    const int8_t *weights = table.words;
    int16_t *patch = (int16_t *)scratch;
    copy_row(&layer->pixels, input, table.depth, patch);
    for (uint32_t row = 0u; row < table.rows; row += 4u, weights += 8u * pairs) {
        int32_t four[8];
        tr_fours_pixel(weights, patch, pairs, four);
        for (uint32_t n = 0u; n < 4u && row + n < table.rows; n++) {
            sums[row + n] = four[2u * n];
        }
    }
}
