/* AVERAGE_POOL_2D and MAX_POOL_2D: padding does not count, ties of the average round away from zero.
 * Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h. */
#include "tr_kernels.h"
#include "tr_requant.h"

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
    return part;
}

static int32_t sum_of(const struct part *part, const int8_t *row)
{
    int32_t sum = 0;
    uint32_t step = part->step;
    for (uint32_t rows = part->rows; rows > 0u; rows--, row += part->line) {
        const int8_t *x = row;
        for (uint32_t left = part->columns; left > 0u; left--, x += step) {
            sum += *x;
        }
    }
    return sum;
}

static int32_t maximum_of(const struct part *part, const int8_t *row)
{
    int32_t maximum = INT8_MIN;
    uint32_t step = part->step;
    for (uint32_t rows = part->rows; rows > 0u; rows--, row += part->line) {
        const int8_t *x = row;
        for (uint32_t left = part->columns; left > 0u; left--, x += step) {
            maximum = *x > maximum ? *x : maximum;
        }
    }
    return maximum;
}

void tr_average_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            struct extent e = extent_at(layer, y, x);
            struct part part = part_of(layer, &e, input);
            int32_t count = (int32_t)(part.rows * part.columns);
            for (uint32_t c = 0u; c < layer->input.channels; c++) {
                int32_t sum = sum_of(&part, part.first + c);
                int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                *output++ = tr_clamp(mean, layer->minimum, layer->maximum);
            }
        }
    }
}

void tr_max_pool_2d(const struct tr_pool *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            struct extent e = extent_at(layer, y, x);
            struct part part = part_of(layer, &e, input);
            for (uint32_t c = 0u; c < layer->input.channels; c++) {
                *output++ = tr_clamp(maximum_of(&part, part.first + c), layer->minimum, layer->maximum);
            }
        }
    }
}
