/* Windows over an image as words of two pixels, x0 + (x1 << 16): what generated code and list kernels read. */
#ifndef TR_PIXELS_H
#define TR_PIXELS_H

#include "tr_kernels.h"

/* Where words come from. x is the activation as it is, the zero point being part of the bias, or
 * x - zero_point cut to its s largest terms. */
struct tr_pixels {
    struct tr_shape input, output;
    struct tr_window window;
    int16_t padding;           /* what lies outside the image, as words hold it */
    const int16_t *data_terms; /* [256]: x + 128 -> what words hold; null: x itself */
};

/* One output pixel: the input row and column of its window's corner, which may lie outside, below zero
 * as a large number. */
struct tr_corner {
    uint32_t y, x;
};

/* A layer whose weights are a table that is read once for a tile of pixels. */
struct tr_tiles {
    struct tr_pixels pixels;
    const uint32_t *table;
    struct tr_output to;
};

static inline int32_t tr_packed(int32_t first, int32_t second)
{
    return (int32_t)((uint32_t)first + ((uint32_t)second << 16));
}

/* What a word holds of one activation. */
static inline int32_t tr_held(const struct tr_pixels *pixels, int8_t x)
{
    return pixels->data_terms != 0 ? pixels->data_terms[x + 128] : x;
}

/* Words of a run of activations of two pixels, either of which may lie outside (null), `step` words apart. */
static inline void tr_gather_run(const struct tr_pixels *pixels, const int8_t *first, const int8_t *second,
                                 uint32_t count, int32_t *words, uint32_t step)
{
    int32_t *end = words + count * step;
    if (first != 0 && second != 0 && pixels->data_terms == 0) {
        for (; count >= 4u; count -= 4u) {
            words[0] = tr_packed(first[0], second[0]);
            words[step] = tr_packed(first[1], second[1]);
            words[2u * step] = tr_packed(first[2], second[2]);
            words[3u * step] = tr_packed(first[3], second[3]);
            first += 4;
            second += 4;
            words += 4u * step;
        }
        for (; words < end; words += step) {
            *words = tr_packed(*first++, *second++);
        }
        return;
    }
    for (; words < end; words += step) {
        int32_t low = first != 0 ? tr_held(pixels, *first++) : pixels->padding;
        int32_t high = second != 0 ? tr_held(pixels, *second++) : pixels->padding;
        *words = tr_packed(low, high);
    }
}

/* The channels of input pixel (y, x); null outside the image. */
static inline const int8_t *tr_channels_at(const struct tr_pixels *pixels, const int8_t *input, uint32_t y, uint32_t x)
{
    bool inside = y < pixels->input.height && x < pixels->input.width;
    return inside ? input + (y * pixels->input.width + x) * pixels->input.channels : 0;
}

/* The windows of two output pixels in the order of the weights: (y, x, channel). A row of a dense window
 * that lies inside the image is one run of activations. */
static inline void tr_gather(const struct tr_pixels *pixels, const int8_t *input, struct tr_corner first,
                             struct tr_corner second, int32_t *words, uint32_t step)
{
    const struct tr_window *window = &pixels->window;
    uint32_t span = window->dilation_x == 1u ? window->width : 1u;
    bool low_inside = first.x < pixels->input.width && first.x + span <= pixels->input.width;
    bool high_inside = second.x < pixels->input.width && second.x + span <= pixels->input.width;
    if (!low_inside || !high_inside) {
        span = 1u;
    }
    uint32_t run = span * pixels->input.channels;
    uint32_t across = window->dilation_x * span;
    uint32_t last_row = (window->height - 1u) * (uint32_t)window->dilation_y;
    uint32_t last_column = (window->width - 1u) * (uint32_t)window->dilation_x;
    for (uint32_t dy = 0u; dy <= last_row; dy += window->dilation_y) {
        for (uint32_t dx = 0u; dx <= last_column; dx += across) {
            const int8_t *low = tr_channels_at(pixels, input, first.y + dy, first.x + dx);
            const int8_t *high = tr_channels_at(pixels, input, second.y + dy, second.x + dx);
            tr_gather_run(pixels, low, high, run, words, step);
            words += run * step;
        }
    }
}

/* The corner of the first output pixel, and of the one behind another. */
static inline struct tr_corner tr_first_corner(const struct tr_pixels *pixels)
{
    struct tr_corner corner = {0u - pixels->window.pad_top, 0u - pixels->window.pad_left};
    return corner;
}

static inline struct tr_corner tr_next_corner(const struct tr_pixels *pixels, struct tr_corner corner)
{
    const struct tr_window *window = &pixels->window;
    uint32_t end = pixels->output.width * window->stride_x - window->pad_left;
    corner.x += window->stride_x;
    if (corner.x == end) {
        corner.x = 0u - window->pad_left;
        corner.y += window->stride_y;
    }
    return corner;
}

#endif
