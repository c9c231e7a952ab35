/* Windows over an image as words of two pixels, x0 + (x1 << 16): what generated code and list kernels read. */
#ifndef TR_PIXELS_H
#define TR_PIXELS_H

#include "tr_kernels.h"

/* One output pixel: the input row and column of its window's corner, which may lie outside, below zero
 * as a large number, and where in the input it is, bytes modulo 2^32. */
struct tr_corner {
    uint32_t y, x, at;
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

/* Two activations as a word of halves. */
static inline int32_t tr_both(const struct tr_pixels *pixels, int8_t low, int8_t high)
{
    return (int32_t)(((uint32_t)tr_held(pixels, low) & 0xFFFFu) | (uint32_t)tr_held(pixels, high) << 16);
}

/* The channels of input pixel (y, x), `at` bytes behind the first one's; null outside the image. */
static inline const int8_t *tr_channels_at(const struct tr_pixels *pixels, const int8_t *input, uint32_t y, uint32_t x,
                                           uint32_t at)
{
    return y < pixels->input.height && x < pixels->input.width ? input + at : 0;
}

/* Whether rows of the window at column `x` are one run of activations. */
static inline bool tr_is_run(const struct tr_pixels *pixels, uint32_t x)
{
    const struct tr_window *window = &pixels->window;
    return window->dilation_x == 1u && x < pixels->input.width && x + window->width <= pixels->input.width;
}

/* `count` words, `step` words apart, of two pixels' activations, `apart` bytes from each other; the word behind
 * them. In assembly where there is a file for the core. */
int32_t *tr_pack(const int8_t *first, const int8_t *second, uint32_t apart, uint32_t count, int32_t *words,
                 uint32_t step);

/* The same of pixels of which one at least lies outside (null), or of truncated activations. */
int32_t *tr_gather_rare(const struct tr_pixels *pixels, const int8_t *first, const int8_t *second, uint32_t apart,
                        uint32_t count, int32_t *words, uint32_t step);

static inline int32_t *tr_gather_run(const struct tr_pixels *pixels, const int8_t *first, const int8_t *second,
                                     uint32_t apart, uint32_t count, int32_t *words, uint32_t step)
{
    bool usual = first != 0 && second != 0 && pixels->data_terms == 0;
    return usual ? tr_pack(first, second, apart, count, words, step)
                 : tr_gather_rare(pixels, first, second, apart, count, words, step);
}

/* Two windows inside the image whose rows are runs, from their first activations on. */
void tr_gather_inside(const struct tr_pixels *pixels, const int8_t *first, const int8_t *second, int32_t *words,
                      uint32_t step);

/* Any two windows. */
void tr_gather_border(const struct tr_pixels *pixels, const int8_t *input, struct tr_corner first,
                      struct tr_corner second, int32_t *words, uint32_t step);

/* Whether all of a window is inside the image, its rows runs of activations. */
static inline bool tr_is_inside(const struct tr_pixels *pixels, struct tr_corner corner)
{
    uint32_t height = pixels->input.height;
    return tr_is_run(pixels, corner.x) && corner.y < height && pixels->strides.rows <= height - corner.y;
}

/* The windows of two output pixels in the order of the weights: (y, x, channel). */
static inline void tr_gather(const struct tr_pixels *pixels, const int8_t *input, struct tr_corner first,
                             struct tr_corner second, int32_t *words, uint32_t step)
{
    if (pixels->data_terms == 0 && tr_is_inside(pixels, first) && tr_is_inside(pixels, second)) {
        tr_gather_inside(pixels, input + first.at, input + second.at, words, step);
    } else {
        tr_gather_border(pixels, input, first, second, words, step);
    }
}

/* The corner of the first output pixel, and of the one behind another. */
static inline struct tr_corner tr_first_corner(const struct tr_pixels *pixels)
{
    struct tr_corner corner = {0u - pixels->window.pad_top, 0u - pixels->window.pad_left, pixels->strides.corner};
    return corner;
}

static inline struct tr_corner tr_next_corner(const struct tr_pixels *pixels, struct tr_corner corner)
{
    corner.x += pixels->window.stride_x;
    corner.at += pixels->strides.right;
    if (corner.x == pixels->strides.end) {
        corner.x = 0u - pixels->window.pad_left;
        corner.y += pixels->window.stride_y;
        corner.at += pixels->strides.down;
    }
    return corner;
}

#endif
