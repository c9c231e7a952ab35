/* AVERAGE_POOL_2D, MAX_POOL_2D and MEAN of int16: padding does not count, ties of the average round away from zero.
 * Sources: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h, reduce.h. */
#include "tr_requant.h"
#include "tr_wide.h"

static uint32_t clipped(int32_t at, uint32_t limit)
{
    return at < 0 ? 0u : (uint32_t)at > limit ? limit : (uint32_t)at;
}

static int16_t pooled(const struct tr_wide_pool *layer, const int16_t *input, uint32_t y, uint32_t x, bool averages)
{
    const struct tr_window *window = &layer->window;
    int32_t top = (int32_t)(y * window->stride_y) - window->pad_top;
    int32_t left = (int32_t)(x * window->stride_x) - window->pad_left;
    uint32_t first = clipped(left, layer->input.width), end = clipped(left + window->width, layer->input.width);
    uint32_t row = clipped(top, layer->input.height), bottom = clipped(top + window->height, layer->input.height);
    int32_t count = (int32_t)((end - first) * (bottom - row));
    int32_t result = averages ? 0 : INT16_MIN;
    for (; row < bottom; row++) {
        for (uint32_t column = first; column < end; column++) {
            int32_t value = input[(row * layer->input.width + column) * layer->input.channels];
            result = averages ? result + value : value > result ? value : result;
        }
    }
    if (averages) {
        result = (result > 0 ? result + count / 2 : result - count / 2) / count;
    }
    return tr_wide_clamp(result, layer->minimum, layer->maximum);
}

static void pool(const struct tr_wide_pool *layer, const int16_t *input, int16_t *output, bool averages)
{
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            for (uint32_t c = 0u; c < layer->output.channels; c++) {
                *output++ = pooled(layer, input + c, y, x, averages);
            }
        }
    }
}

void tr_wide_average_pool_2d(const struct tr_wide_pool *layer, const int16_t *input, int16_t *output)
{
    pool(layer, input, output, true);
}

void tr_wide_max_pool_2d(const struct tr_wide_pool *layer, const int16_t *input, int16_t *output)
{
    pool(layer, input, output, false);
}

void tr_wide_mean(const struct tr_wide_mean *layer, const int16_t *input, int16_t *output)
{
    for (uint32_t outer = 0u; outer < layer->outer; outer++, input += layer->count * layer->inner) {
        for (uint32_t inner = 0u; inner < layer->inner; inner++) {
            int32_t sum = 0;
            for (uint32_t i = 0u; i < layer->count; i++) {
                sum += input[i * layer->inner + inner];
            }
            sum = tr_multiply(sum, layer->factor.multiplier, layer->factor.shift);
            *output++ = tr_wide_clamp(sum, INT16_MIN, INT16_MAX);
        }
    }
}
