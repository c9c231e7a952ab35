/* AVERAGE_POOL_2D and MAX_POOL_2D: padding does not count, ties of the average round away from zero.
 * Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h; of uint8 reference/pooling.h. */
#include "tr_kernels.h"
#include "tr_requant.h"

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
#endif

/* The part of a window that lies inside the input, rows [top, bottom) and columns [left, right). */
struct extent {
    uint32_t top, bottom, left, right;
};

/* [first, end) of `size` elements from `origin` on that lie in [0, limit). */
static void clip(int32_t origin, uint32_t size, uint32_t limit, uint32_t *first, uint32_t *end)
{
    int32_t stop = origin + (int32_t)size;
    *first = origin < 0 ? 0u : (uint32_t)origin;
    *end = stop > (int32_t)limit ? limit : (uint32_t)stop;
}

static struct extent extent_at(const struct tr_pool *layer, uint32_t y, uint32_t x)
{
    const struct tr_window *window = &layer->window;
    struct extent e;
    clip((int32_t)(y * window->stride_y) - window->pad_top, window->height, layer->input.height, &e.top, &e.bottom);
    clip((int32_t)(x * window->stride_x) - window->pad_left, window->width, layer->input.width, &e.left, &e.right);
    return e;
}

/* The same in bytes: `rows`, `line` apart, of `columns` pixels, `step` apart, from `first` on. */
struct part {
    uint32_t rows, columns, step, line;
    const int8_t *first;
};

static struct part part_of(const struct tr_pool *layer, const struct extent *e, const int8_t *input)
{
    uint32_t step = layer->input.channels;
    struct part part = {e->bottom - e->top, e->right - e->left, step, layer->input.width * step,
                        input + (e->top * layer->input.width + e->left) * step};
    if (part.columns == layer->input.width) { /* whole rows are one */
        part.columns *= part.rows;
        part.rows = 1u;
    }
    return part;
}

static int32_t sum_of(const struct part *part, const int8_t *row)
{
    int32_t sum = 0;
    uint32_t step = part->step;
    for (uint32_t rows = part->rows; rows > 0u; rows--, row += part->line) {
        const int8_t *x = row;
        uint32_t left = part->columns;
        for (; left >= 4u; left -= 4u) {
            sum += *x;
            x += step;
            sum += *x;
            x += step;
            sum += *x;
            x += step;
            sum += *x;
            x += step;
        }
        for (; left > 0u; left--, x += step) {
            sum += *x;
        }
    }
    return sum;
}

/* Of values that are `offset` higher in the model. */
__attribute__((always_inline)) static inline void average(const struct tr_pool *layer, const int8_t *input,
                                                          int8_t *output, int32_t offset)
{
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            struct extent e = extent_at(layer, y, x);
            struct part part = part_of(layer, &e, input);
            int32_t count = (int32_t)(part.rows * part.columns);
            for (uint32_t c = 0u; c < layer->input.channels; c++) {
                int32_t sum = sum_of(&part, part.first + c) + offset * count;
                int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count - offset;
                *output++ = tr_clamp(mean, layer->minimum, layer->maximum);
            }
        }
    }
}

void tr_average_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output)
{
    average(layer, input, output, 0);
}

void tr_average_pool_2d_unsigned(const struct tr_pool *layer, const int8_t *input, int8_t *output)
{
    average(layer, input, output, 128);
}

/* The larger one of each two activations. */
static void raise(const int8_t *x, uint32_t count, int8_t *y)
{
#if defined(__ARM_FEATURE_DSP)
    for (; count >= 4u; count -= 4u, x += 4, y += 4) {
        int8x4_t four, highest;
        __builtin_memcpy(&four, x, sizeof four);
        __builtin_memcpy(&highest, y, sizeof highest);
        __ssub8(four, highest);
        uint8x4_t larger = __sel((uint8x4_t)four, (uint8x4_t)highest);
        __builtin_memcpy(y, &larger, sizeof larger);
    }
#endif
    for (; count > 0u; count--, x++, y++) {
        if (*x > *y) {
            *y = *x;
        }
    }
}

static void fill(int8_t value, uint32_t count, int8_t *y)
{
    for (; count > 0u; count--) {
        *y++ = value;
    }
}

static void lower(int8_t maximum, uint32_t count, int8_t *y)
{
    for (; count > 0u; count--, y++) {
        if (*y > maximum) {
            *y = maximum;
        }
    }
}

void tr_max_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output)
{
    uint32_t channels = layer->input.channels;
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            struct extent e = extent_at(layer, y, x);
            struct part part = part_of(layer, &e, input);
            fill(layer->minimum, channels, output);
            for (; part.rows > 0u; part.rows--, part.first += part.line) {
                const int8_t *from = part.first;
                for (uint32_t left = part.columns; left > 0u; left--, from += channels) {
                    raise(from, channels, output);
                }
            }
            output += channels;
        }
    }
    if (layer->maximum < INT8_MAX) {
        uint32_t size = layer->output.height * layer->output.width * channels;
        lower(layer->maximum, size, output - size);
    }
}
