#include "tr_pixels.h"
#include "tr_isa.h"

#if defined(TR_CODE_C)

/* What tr_pack_*.S does, portably. */
int32_t *tr_pack(const int8_t *first, const int8_t *second, uint32_t apart, uint32_t count, int32_t *words,
                 uint32_t step)
{
    for (; count > 0u; count--) {
        *words = tr_packed(*first, *second);
        first += apart;
        second += apart;
        words += step;
    }
    return words;
}

#endif

/* Words of one pixel's activations beside the padding. */
static int32_t *pack_one(const int8_t *x, uint32_t shift, uint32_t padding, uint32_t apart, uint32_t count,
                         int32_t *words, uint32_t step)
{
    for (; count > 0u; count--, x += apart, words += step) {
        *words = (int32_t)(((uint32_t)(int32_t)*x << shift) + padding);
    }
    return words;
}

int32_t *tr_gather_rare(const struct tr_pixels *pixels, const int8_t *first, const int8_t *second, uint32_t apart,
                        uint32_t count, int32_t *words, uint32_t step)
{
    int32_t low = tr_held(pixels, pixels->outside), high = low;
    if (first == 0 && second == 0) {
        for (; count > 0u; count--, words += step) {
            *words = tr_packed(low, high);
        }
        return words;
    }
    if (pixels->data_terms == 0) {
        if (second == 0) {
            return pack_one(first, 0u, (uint32_t)tr_packed(0, high), apart, count, words, step);
        }
        if (first == 0) {
            return pack_one(second, 16u, (uint32_t)low, apart, count, words, step);
        }
    }
    for (; count > 0u; count--, words += step) {
        if (first != 0) {
            low = tr_held(pixels, *first);
            first += apart;
        }
        if (second != 0) {
            high = tr_held(pixels, *second);
            second += apart;
        }
        *words = tr_packed(low, high);
    }
    return words;
}

void tr_gather_inside(const struct tr_pixels *pixels, const int8_t *first, const int8_t *second, int32_t *words,
                      uint32_t step)
{
    for (uint32_t rows = pixels->window.height; rows > 0u; rows--) {
        words = tr_pack(first, second, 1u, pixels->strides.run, words, step);
        first += pixels->strides.row;
        second += pixels->strides.row;
    }
}

void tr_gather_border(const struct tr_pixels *pixels, const int8_t *input, struct tr_corner first,
                      struct tr_corner second, int32_t *words, uint32_t step)
{
    const struct tr_window *window = &pixels->window;
    bool dense = tr_is_run(pixels, first.x) && tr_is_run(pixels, second.x);
    uint32_t columns = dense ? 1u : window->width;
    uint32_t run = dense ? pixels->strides.run : pixels->input.channels;
    for (uint32_t rows = window->height; rows > 0u; rows--) {
        struct tr_corner low = first, high = second;
        for (uint32_t left = columns; left > 0u; left--) {
            const int8_t *from = tr_channels_at(pixels, input, low.y, low.x, low.at);
            const int8_t *other = tr_channels_at(pixels, input, high.y, high.x, high.at);
            words = tr_gather_run(pixels, from, other, 1u, run, words, step);
            low.x += window->dilation_x;
            high.x += window->dilation_x;
            low.at += pixels->strides.column;
            high.at += pixels->strides.column;
        }
        first.y += window->dilation_y;
        second.y += window->dilation_y;
        first.at += pixels->strides.row;
        second.at += pixels->strides.row;
    }
}
