#include "tr_winograd.h"

#include "tr_isa.h"
#include "tr_stage.h"

#define BELOW 1u /* struct tr_winograd_place */
#define BESIDE 2u
#define TILE (16u * TR_WINOGRAD_ROWS) /* sums of a tile */

static inline uint32_t four_bytes(const int8_t *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

/* The activations of a tile that is partly outside, row by row. */
__attribute__((noinline)) static struct tr_winograd_tile copy_tile(const struct tr_pixels *pixels, const int8_t *input, uint32_t y,
                                                       uint32_t x, int8_t *copy)
{
    uint32_t channels = pixels->input.channels;
    uint32_t outside = (uint8_t)pixels->outside * 0x01010101u;
    struct tr_winograd_tile tile = {copy, 4u * channels, channels};
    for (uint32_t row = 0u; row < 4u; row++) {
        for (uint32_t column = 0u; column < 4u; column++) {
            uint32_t at = (y + row) * pixels->strides.line + (x + column) * channels;
            const int8_t *from = tr_channels_at(pixels, input, y + row, x + column, at);
            for (uint32_t left = channels; left > 0u; left -= 4u, copy += 4) {
                uint32_t word = outside;
                if (from != 0) {
                    word = four_bytes(from);
                    from += 4;
                }
                __builtin_memcpy(copy, &word, sizeof word);
            }
        }
    }
    return tile;
}

#if !defined(TR_CODE_ARMV7M)

/* What tr_winograd_armv7m.S does, portably. */

static inline void put_half(int32_t value, int8_t *to)
{
    int16_t half = (int16_t)value;
    __builtin_memcpy(to, &half, sizeof half);
}

/* Points of one channel and a row, eight bytes apart, of its columns of activations. */
static inline void row_of_points(int32_t a, int32_t b, int32_t c, int32_t d, int8_t *to)
{
    put_half(a - c, to);
    put_half(b + c, to + 8);
    put_half(c - b, to + 16);
    put_half(b - d, to + 24);
}

#define ACTIVATIONS(row)                                                                                               \
    int32_t row##0 = row[0], row##1 = row[pixel], row##2 = row[2u * pixel], row##3 = row[3u * pixel]

/* All points of one channel; `step` bytes from one row of them to the next. */
static inline void points_of(const int8_t *a, uint32_t line, uint32_t pixel, int8_t *to, uint32_t step)
{
    const int8_t *b = a + line, *c = b + line, *d = c + line;
    ACTIVATIONS(b);
    ACTIVATIONS(c);
    row_of_points(b0 + c0, b1 + c1, b2 + c2, b3 + c3, to + step);
    row_of_points(c0 - b0, c1 - b1, c2 - b2, c3 - b3, to + 2u * step);
    ACTIVATIONS(a);
    row_of_points(a0 - c0, a1 - c1, a2 - c2, a3 - c3, to);
    ACTIVATIONS(d);
    row_of_points(b0 - d0, b1 - d1, b2 - d2, b3 - d3, to + 3u * step);
}

void tr_winograd_fourth(const struct tr_winograd_tile *tile, uint32_t channels, int8_t *points, uint32_t step)
{
    uint32_t line = tile->row, pixel = tile->pixel;
    for (const int8_t *at = tile->at, *end = at + channels; at != end; at += 4, points += 64) {
        points_of(at, line, pixel, points, step);
    }
}

#endif

#if !defined(__ARM_FEATURE_DSP)

void tr_winograd_points(const struct tr_winograd_tile *tile, uint32_t channels, int32_t *points, uint32_t step)
{
    struct tr_winograd_tile from = *tile;
    int8_t *to = (int8_t *)points;
    tr_winograd_fourth(&from, channels, to, step); /* channels 0 and 2 of four share words, 1 and 3 the next ones */
    from.at++;
    tr_winograd_fourth(&from, channels, to + 32, step);
    from.at++;
    tr_winograd_fourth(&from, channels, to + 2, step);
    from.at++;
    tr_winograd_fourth(&from, channels, to + 34, step);
}

#endif

#if !defined(TR_CODE_ARMV7M) && (!defined(__riscv_mul) || defined(__riscv_32e))

static inline uint32_t product(int32_t a, int32_t b)
{
    uint32_t low = (uint32_t)((int16_t)(uint16_t)(uint32_t)a * (int16_t)(uint16_t)(uint32_t)b);
    return low + (uint32_t)((a >> 16) * (b >> 16));
}

void tr_winograd_block(const int16_t *weights, const int32_t *points, int32_t *sums, uint32_t depth, uint32_t pairs)
{
    for (uint32_t point = 0u; point < 16u; point++, weights += 8u * depth, sums++) {
        const int32_t *row = points + point / 4u * 8u * depth * pairs + 2u * (point % 4u);
        for (uint32_t tile = 0u; tile < 2u * pairs; tile++) {
            const int32_t *x = row + tile / 2u * 8u * depth + tile % 2u;
            for (uint32_t n = 0u; n < TR_WINOGRAD_ROWS; n++) {
                uint32_t sum = 0u;
                for (uint32_t i = 0u; i < depth; i++) {
                    int32_t word;
                    __builtin_memcpy(&word, weights + 8u * i + 2u * n, sizeof word);
                    sum += product(word, x[8u * i]);
                }
                sums[TILE * tile + 16u * n] = (int32_t)sum;
            }
        }
    }
}

#endif

#if !defined(TR_CODE_ARMV7M)

/* Four times the sums of a tile, by column. */
#define COLUMN(n)                                                                                                      \
    uint32_t m##n = (uint32_t)sums[n + 4u] + (uint32_t)sums[n + 8u];                                                   \
    uint32_t top##n = (uint32_t)sums[n] + m##n;                                                                        \
    uint32_t low##n = (uint32_t)sums[n + 4u] - (uint32_t)sums[n + 8u] - (uint32_t)sums[n + 12u]

static inline int8_t result(const struct tr_winograd_quick *how, const struct tr_channel *quick, uint32_t four_times)
{
    int32_t sum = (int32_t)four_times >> 2;
    return tr_output_quick(how->to, quick, how->channel, sum, sum, quick->low);
}

void tr_winograd_finish_quick(const struct tr_winograd_quick *how, const int32_t *sums,
                              const struct tr_winograd_place *places, const struct tr_winograd_place *end)
{
    const struct tr_channel quick = *how->quick;
    uint32_t next = how->next, line = how->line;
    for (; places != end; places++, sums += TILE) {
        COLUMN(0u);
        COLUMN(1u);
        COLUMN(2u);
        COLUMN(3u);
        int8_t *to = places->output;
        bool below = (places->without & BELOW) == 0u, beside = (places->without & BESIDE) == 0u;
        to[0] = result(how, &quick, top0u + top1u + top2u);
        if (beside) {
            to[next] = result(how, &quick, top1u - top2u - top3u);
        }
        if (below) {
            to[line] = result(how, &quick, low0u + low1u + low2u);
        }
        if (beside && below) {
            to[line + next] = result(how, &quick, low1u - low2u - low3u);
        }
    }
}

#endif

#if defined(__ARM_FEATURE_DSP)

static uint32_t in_both(int8_t value)
{
    uint32_t half = (uint32_t)value & 0xFFFFu;
    return half | half << 16;
}

/* One channel by one long multiplication. */
static void finish_direct(const struct tr_tiles *layer, uint32_t channel, const int32_t *sums,
                          const struct tr_winograd_place *places, const struct tr_winograd_place *end)
{
    const struct tr_output *to = &layer->to;
    const struct tr_direct *by = to->direct + channel;
    uint32_t next = layer->pixels.output.channels;
    const struct tr_winograd_output how = {
        .bias = by->bias,
        .multiplier = by->multiplier,
        .centre = (2 * to->zero_point + 1) * (1 << by->shift),
        .shift = by->shift,
        .next = next,
        .line = layer->pixels.output.width * next,
        .minimum = in_both(to->minimum),
        .maximum = in_both(to->maximum),
    };
    bool whole = to->minimum == INT8_MIN && to->maximum == INT8_MAX;
    (whole ? tr_winograd_finish_whole : tr_winograd_finish_clamped)(&how, sums, places, end);
}

#endif

static void finish_channel(const struct tr_tiles *layer, uint32_t channel, const int32_t *sums,
                           const struct tr_winograd_place *places, const struct tr_winograd_place *end)
{
    const struct tr_output *to = &layer->to;
#if defined(__ARM_FEATURE_DSP)
    if (to->direct != 0) {
        finish_direct(layer, channel, sums, places, end);
        return;
    }
#endif
    uint32_t next = layer->pixels.output.channels;
    struct tr_winograd_quick how = {to, channel, to->quick + channel, next, layer->pixels.output.width * next};
    tr_winograd_finish_quick(&how, sums, places, end);
}

/* Channels from `channel` on, at most a block of rows; places move on by as many. */
static void finish_block(const struct tr_tiles *layer, uint32_t channel, const int32_t *sums,
                         struct tr_winograd_place *places, const struct tr_winograd_place *end)
{
    uint32_t left = layer->pixels.output.channels - channel;
    uint32_t count = left < TR_WINOGRAD_ROWS ? left : TR_WINOGRAD_ROWS;
    for (uint32_t n = 0u; n < count; n++, sums += 16) {
        finish_channel(layer, channel + n, sums, places, end);
        for (struct tr_winograd_place *place = places; place != end; place++) {
            place->output++;
        }
    }
}

static uint32_t tiles_at_once(uint32_t channels)
{
    uint32_t tiles = TR_WINOGRAD_TILES;
    while (tiles > 2u && 32u * tiles * channels > TR_WINOGRAD_BYTES) {
        tiles /= 2u;
    }
    return tiles;
}

/* The points of the tile at (y, x) of the output. */
static void read_tile(const struct tr_pixels *pixels, const int8_t *input, uint32_t y, uint32_t x, int32_t *points,
                      uint32_t step, int8_t *copy)
{
    uint32_t channels = pixels->input.channels;
    uint32_t top = y - pixels->window.pad_top, left = x - pixels->window.pad_left;
    bool inside = top < pixels->input.height && top + 4u <= pixels->input.height && left < pixels->input.width &&
                  left + 4u <= pixels->input.width;
    struct tr_winograd_tile tile = {input + top * pixels->strides.line + left * channels, pixels->strides.line,
                                    channels};
    if (!inside) {
        tile = copy_tile(pixels, input, top, left, copy);
    }
    tr_winograd_points(&tile, channels, points, step);
}

/* `copied`: every four rows of weights are copied behind the rest of scratch before they are read. */
static void convolve(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch,
                     uint32_t at_once, bool copied)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    uint32_t depth = pixels->input.channels / 2u, channels = pixels->output.channels;
    int32_t *sums = scratch + 16u * at_once * depth;
    uint32_t y = 0u, x = 0u;
    while (y < pixels->output.height) {
        struct tr_winograd_place places[TR_WINOGRAD_TILES];
        uint32_t count = 0u, columns = (pixels->output.width + 1u) / 2u;
        uint32_t left = (pixels->output.height - y + 1u) / 2u * columns - x / 2u;
        uint32_t pairs = ((left < at_once ? left : at_once) + 1u) / 2u;
        for (; count < at_once && y < pixels->output.height; count++) {
            int32_t *points = scratch + count / 2u * 8u * depth + count % 2u;
            read_tile(pixels, input, y, x, points, 32u * depth * pairs, (int8_t *)(sums + TILE * at_once));
            places[count].output = output + (y * pixels->output.width + x) * channels;
            places[count].without = (x + 1u < pixels->output.width ? 0u : BESIDE) |
                                    (y + 1u < pixels->output.height ? 0u : BELOW);
            x += 2u;
            if (x >= pixels->output.width) {
                x = 0u;
                y += 2u;
            }
        }
        const int16_t *weights = table.words;
        for (uint32_t row = 0u; row < channels; row += TR_WINOGRAD_ROWS, weights += 128u * depth) {
            const int16_t *block = weights;
            if (copied) {
                uint32_t *copy = (uint32_t *)(sums + TILE * at_once + 8u * depth);
                tr_stage(copy, (const uint32_t *)(const void *)weights, 256u * depth);
                block = (const int16_t *)copy;
            }
            tr_winograd_block(block, scratch, sums, depth, pairs);
            finish_block(layer, row, sums, places, places + count);
        }
    }
}

void tr_conv_2d_winograd(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve(layer, input, output, scratch, tiles_at_once(layer->pixels.input.channels), false);
}

void tr_conv_2d_winograd_copied(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve(layer, input, output, scratch, TR_WINOGRAD_TILES, true);
}
