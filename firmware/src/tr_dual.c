#include "tr_dual.h"

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
#endif

/* Activations of a row of a plane, an even number. */
static uint32_t pitch_of(const struct tr_pixels *pixels)
{
    uint32_t columns = (pixels->output.width + 1u) / 2u * 2u;
    return ((columns - 1u) * pixels->window.stride_x + 4u) / 2u * 2u;
}

static uint32_t rows_of(const struct tr_pixels *pixels)
{
    return (pixels->output.height - 1u) * pixels->window.stride_y + 3u;
}

/* `count` activations, `step` bytes apart, of two channels; `low` and `high` lie at words. */
static void gather_words(const int8_t *from, uint32_t step, uint32_t count, int16_t *low, int16_t *high)
{
#if defined(__ARM_FEATURE_DSP)
    for (; count >= 2u; count -= 2u) {
        uint16_t first, second;
        __builtin_memcpy(&first, from, sizeof first);
        __builtin_memcpy(&second, from + step, sizeof second);
        uint32_t both = first | (uint32_t)second << 16;
        int32_t even = (int32_t)__sxtb16((int32_t)both);
        int32_t odd = (int32_t)__sxtb16((int32_t)(both >> 8 | both << 24));
        __builtin_memcpy(low, &even, sizeof even);
        __builtin_memcpy(high, &odd, sizeof odd);
        from += 2u * step;
        low += 2;
        high += 2;
    }
#endif
    for (; count > 0u; count--, from += step) {
        *low++ = from[0];
        *high++ = from[1];
    }
}

/* The image's rows of two channels into their planes, the second behind the first. */
__attribute__((noinline)) static void gather(const struct tr_pixels *pixels, const int8_t *input, int16_t *planes)
{
    uint32_t step = pixels->input.channels;
    uint32_t pitch = pitch_of(pixels);
    uint32_t left = pixels->window.pad_left;
    uint32_t room = pitch - left;
    uint32_t count = pixels->input.width < room ? pixels->input.width : room;
    uint32_t rows = rows_of(pixels) - pixels->window.pad_top;
    int16_t *low = planes + pixels->window.pad_top * pitch + left;
    int16_t *high = low + rows_of(pixels) * pitch;
    for (rows = pixels->input.height < rows ? pixels->input.height : rows; rows > 0u; rows--) {
        if (pixels->data_terms == 0) {
            uint32_t one = left % 2u < count ? left % 2u : count;
            if (one != 0u) {
                *low = input[0];
                *high = input[1];
            }
            gather_words(input + one * step, step, count - one, low + one, high + one);
        } else {
            for (uint32_t x = 0u; x < count; x++) {
                low[x] = (int16_t)tr_held(pixels, input[x * step]);
                high[x] = (int16_t)tr_held(pixels, input[x * step + 1u]);
            }
        }
        input += pixels->input.width * step;
        low += pitch;
        high += pitch;
    }
}

/* All outputs of one channel, portably. */
static void plane_by_window(const struct tr_tiles *layer, uint32_t channel, const int8_t *weights,
                            const int16_t *plane, int8_t *output)
{
    const struct tr_pixels *pixels = &layer->pixels;
    uint32_t pitch = pitch_of(pixels);
    for (uint32_t y = 0u; y < pixels->output.height; y++) {
        for (uint32_t x = 0u; x < pixels->output.width; x++) {
            uint32_t sum = 0u;
            for (uint32_t tap = 0u; tap < 9u; tap++) {
                uint32_t row = y * pixels->window.stride_y + tap / 3u;
                sum += (uint32_t)(plane[row * pitch + x * pixels->window.stride_x + tap % 3u] * weights[tap]);
            }
            *output = tr_output(&layer->to, channel, (int32_t)sum);
            output += pixels->output.channels;
        }
    }
}

static void run_plane(const struct tr_tiles *layer, uint32_t channel, const int8_t *weights, const int16_t *plane,
                      int8_t *output)
{
#if defined(__ARM_FEATURE_DSP)
    const struct tr_pixels *pixels = &layer->pixels;
    if (layer->to.direct != 0 && layer->to.zero_point == -128) {
        struct tr_direct by = layer->to.direct[channel];
        uint32_t stride = pixels->window.stride_x;
        uint32_t pairs = pixels->output.width / 2u;
        uint32_t odd = pixels->output.width % 2u;
        struct tr_dual how = {
            .bias = by.bias,
            .multiplier = by.multiplier,
            .centre = -(255 << by.shift),
            .shift = by.shift,
            .step = pixels->output.channels,
            .row_end = plane + 2u * pairs * stride,
            .rows = pixels->output.height,
            .skip = 2u * stride * (pitch_of(pixels) - 2u * (pairs + odd)),
            .row_step = 2u * stride * pitch_of(pixels),
            .odd = odd,
        };
        (stride == 1u ? tr_dual_plane_1 : tr_dual_plane_2)(&how, weights, plane, output);
        return;
    }
#endif
    plane_by_window(layer, channel, weights, plane, output);
}

void tr_depthwise_conv_2d_dual(const struct tr_tiles *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    struct tr_table table = tr_table_open(layer->table);
    const int8_t *weights = table.words;
    uint32_t channels = pixels->output.channels;
    uint32_t plane = rows_of(pixels) * pitch_of(pixels);
    int16_t *planes = (int16_t *)scratch;
    int16_t outside = (int16_t)tr_held(pixels, pixels->outside);
    for (uint32_t i = 0u; i < 2u * plane; i++) { /* what lies outside the image stays */
        planes[i] = outside;
    }
    for (uint32_t left = channels; left > 0u; left -= left > 1u ? 2u : 1u) {
        uint32_t channel = channels - (left > 1u ? left : 2u); /* a last odd one together with its neighbour again */
        gather(pixels, input + channel, planes);
        run_plane(layer, channel, weights + 9u * channel, planes, output + channel);
        run_plane(layer, channel + 1u, weights + 9u * (channel + 1u), planes + plane, output + channel + 1u);
    }
}
