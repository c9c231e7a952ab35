#include "tr_joint.h"

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>

typedef void multiplication(const int8_t *weights, const int32_t *words, const int32_t *end, int32_t *sums,
                            uint32_t blocks);
typedef void finished(const int8_t *weights, const int32_t *words, const int32_t *end, const struct tr_rows_to *to);

/* A layer's windows as rows of bytes, rounded up to four: what lies in the gap is multiplied by zero. */
struct rows {
    const struct tr_pixels *pixels;
    uint32_t bytes; /* of a row, without the gap */
    uint32_t pitch; /* with it */
    int32_t last;   /* the last byte of the input at which a window's corner leaves all its bytes inside */
};

/* Where one window lies: in the input, or in a copy. */
struct place {
    const int8_t *bytes;
    uint32_t step; /* from row to row */
};

static struct rows rows_of(const struct tr_pixels *pixels)
{
    uint32_t bytes = pixels->window.width * pixels->input.channels;
    uint32_t pitch = (bytes + 3u) / 4u * 4u;
    uint32_t reach = (pixels->window.height - 1u) * pixels->strides.row + pitch;
    struct rows rows = {pixels, bytes, pitch, (int32_t)(pixels->input.height * pixels->strides.line - reach)};
    return rows;
}

static uint32_t four_bytes(const int8_t *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

/* `count` bytes, which lie anywhere; the end of the copy. */
static int8_t *copy(const int8_t *from, uint32_t count, int8_t *to)
{
    for (; count >= 4u; count -= 4u, from += 4, to += 4) {
        uint32_t word = four_bytes(from);
        __builtin_memcpy(to, &word, sizeof word);
    }
    for (; count > 0u; count--) {
        *to++ = *from++;
    }
    return to;
}

static int8_t *fill(int8_t value, uint32_t count, int8_t *to)
{
    for (; count > 0u; count--) {
        *to++ = value;
    }
    return to;
}

/* A window that is partly outside, or dilated, or at the input's end. */
__attribute__((noinline)) static void copy_window(const struct rows *rows, const int8_t *input,
                                                  struct tr_corner corner, int8_t *to)
{
    const struct tr_pixels *pixels = rows->pixels;
    const struct tr_window *window = &pixels->window;
    bool dense = tr_is_run(pixels, corner.x);
    uint32_t run = dense ? rows->bytes : pixels->input.channels;
    for (uint32_t left = window->height; left > 0u; left--) {
        struct tr_corner tap = corner;
        for (const int8_t *end = to + rows->bytes; to != end;) {
            const int8_t *from = tr_channels_at(pixels, input, tap.y, tap.x, tap.at);
            to = from != 0 ? copy(from, run, to) : fill(pixels->outside, run, to);
            tap.x += window->dilation_x;
            tap.at += pixels->strides.column;
        }
        to += rows->pitch - rows->bytes;
        corner.y += window->dilation_y;
        corner.at += pixels->strides.row;
    }
}

__attribute__((always_inline)) static inline struct place place_of(const struct rows *rows, const int8_t *input, struct tr_corner corner, int8_t *bytes)
{
    const struct tr_pixels *pixels = rows->pixels;
    struct place place = {input + corner.at, pixels->strides.row};
    bool inside = tr_is_run(pixels, corner.x) && corner.y < pixels->input.height && (int32_t)corner.at <= rows->last;
    if (!inside) {
        copy_window(rows, input, corner, bytes);
        place.bytes = bytes;
        place.step = rows->pitch;
    }
    return place;
}

/* A row of two windows as words of two elements: of every four elements 0 and 2, then 1 and 3, each of the first window
 * and then of the second; the word behind them. */
__attribute__((always_inline)) static inline int32_t *spread(const struct tr_pixels *pixels, const int8_t *first,
                                                             const int8_t *second, uint32_t count, int32_t *words)
{
    if (pixels->data_terms == 0) {
        return tr_spread(first, second, count, words);
    }
    for (const int32_t *end = words + count; words != end; words += 4, first += 4, second += 4) {
        words[0] = tr_both(pixels, first[0], first[2]);
        words[1] = tr_both(pixels, second[0], second[2]);
        words[2] = tr_both(pixels, first[1], first[3]);
        words[3] = tr_both(pixels, second[1], second[3]);
    }
    return words;
}

static uint32_t four_times(int8_t value)
{
    return (uint8_t)value * 0x01010101u;
}

static struct tr_rows_to rows_to(const struct tr_output *layer, int8_t *output, uint32_t channels)
{
    struct tr_rows_to to = {
        .direct = layer->direct,
        .output = output,
        .second = channels,
        .channels = channels,
        .centre = 2 * layer->zero_point + 1,
        .minimum = four_times(layer->minimum),
        .maximum = four_times(layer->maximum),
    };
    return to;
}

/* One of `multiply` and `finish` is null. */
__attribute__((always_inline)) static inline void convolve(const struct tr_tiles *layer, const int8_t *input,
                                                           int8_t *output, int32_t *scratch, multiplication *multiply,
                                                           finished *finish)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    struct rows rows = rows_of(pixels);
    uint32_t channels = pixels->output.channels;
    uint32_t blocks = (table.rows + 3u) / 4u;
    uint32_t depth = pixels->window.height * rows.pitch;
    int32_t *sums = scratch + depth;
    int8_t *copies = (int8_t *)(sums + (finish != 0 ? 0u : 8u * blocks));
    struct tr_rows_to to = rows_to(&layer->to, output, channels);
    struct tr_corner corner = tr_first_corner(pixels);
    for (uint32_t left = pixels->output.height * pixels->output.width; left > 0u;) {
        uint32_t pair = left > 1u ? 2u : 1u; /* a last odd pixel is computed twice */
        struct tr_corner next = pair == 2u ? tr_next_corner(pixels, corner) : corner;
        struct place first = place_of(&rows, input, corner, copies);
        struct place second = place_of(&rows, input, next, copies + depth);
        for (int32_t *words = scratch; words != sums;) {
            words = spread(pixels, first.bytes, second.bytes, rows.pitch, words);
            first.bytes += first.step;
            second.bytes += second.step;
        }
        if (finish != 0) {
            to.output = output;
            to.second = (pair - 1u) * channels;
            finish(table.words, scratch, sums, &to);
        } else {
            multiply(table.words, scratch, sums, sums, blocks);
            tr_finish_pixels(&layer->to, channels, sums, output, output + (pair - 1u) * channels);
        }
        output += pair * channels;
        corner = tr_next_corner(pixels, next);
        left -= pair;
    }
}

__attribute__((noinline)) static void convolve_sums(const struct tr_tiles *layer, const int8_t *input, int8_t *output,
                                                    int32_t *scratch, multiplication *multiply)
{
    convolve(layer, input, output, scratch, multiply, 0);
}

/* Whether every window is one pixel of whole words, and the next window's is the next pixel. */
static bool is_pointwise(const struct tr_pixels *pixels)
{
    const struct tr_window *window = &pixels->window;
    bool one = window->height == 1u && window->width == 1u && window->stride_y == 1u && window->stride_x == 1u;
    bool whole = pixels->input.channels % 4u == 0u && pixels->data_terms == 0;
    return one && whole && pixels->input.width == pixels->output.width && pixels->input.height == pixels->output.height;
}

__attribute__((noinline)) static void pointwise(const struct tr_tiles *layer, const int8_t *input, int8_t *output,
                                                int32_t *scratch, finished *finish)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    uint32_t depth = pixels->input.channels, channels = pixels->output.channels;
    struct tr_rows_to to = rows_to(&layer->to, output, channels);
    for (uint32_t left = pixels->output.height * pixels->output.width; left > 0u;) {
        uint32_t pair = left > 1u ? 2u : 1u; /* a last odd pixel is computed twice */
        const int32_t *end = tr_spread(input, input + (pair - 1u) * depth, depth, scratch);
        to.second = (pair - 1u) * channels;
        finish(table.words, scratch, end, &to);
        to.output += pair * channels;
        input += pair * depth;
        left -= pair;
    }
}

__attribute__((noinline)) static void convolve_finished(const struct tr_tiles *layer, const int8_t *input,
                                                        int8_t *output, int32_t *scratch, finished *finish)
{
    if (is_pointwise(&layer->pixels)) {
        pointwise(layer, input, output, scratch, finish);
    } else {
        convolve(layer, input, output, scratch, 0, finish);
    }
}

void tr_conv_2d_joint(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_sums(layer, input, output, scratch, tr_rows_joint);
}

void tr_conv_2d_apart(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_sums(layer, input, output, scratch, tr_rows_apart);
}

void tr_conv_2d_joint_plain(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_finished(layer, input, output, scratch, tr_rows_joint_plain);
}

void tr_conv_2d_joint_signed(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_finished(layer, input, output, scratch, tr_rows_joint_signed);
}

void tr_conv_2d_joint_clamped(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_finished(layer, input, output, scratch, tr_rows_joint_clamped);
}

void tr_conv_2d_apart_plain(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_finished(layer, input, output, scratch, tr_rows_apart_plain);
}

void tr_conv_2d_apart_signed(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_finished(layer, input, output, scratch, tr_rows_apart_signed);
}

void tr_conv_2d_apart_clamped(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    convolve_finished(layer, input, output, scratch, tr_rows_apart_clamped);
}

#endif
