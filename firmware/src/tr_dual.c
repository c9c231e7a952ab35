#include "tr_dual.h"

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
#endif

/* What a plane holds of one activation. */
static inline int16_t held(const struct tr_planes *layer, int8_t x)
{
    return layer->data_terms != 0 ? layer->data_terms[x + 128] : x;
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

/* The image of one channel into its plane. */
__attribute__((noinline)) static void gather_one(const struct tr_planes *layer, const int8_t *input, int16_t *plane)
{
    plane += layer->first;
    for (uint32_t rows = layer->image_rows; rows > 0u; rows--) {
        const int8_t *from = input;
        for (uint32_t x = 0u; x < layer->image_columns; x++, from += layer->pixel) {
            plane[x] = held(layer, *from);
        }
        input += layer->line;
        plane += layer->pitch;
    }
}

/* The image of two channels into their planes, the second behind the first. */
__attribute__((noinline)) static void gather(const struct tr_planes *layer, const int8_t *input, int16_t *planes)
{
    uint32_t one = layer->first % 2u < layer->image_columns ? layer->first % 2u : layer->image_columns;
    if (layer->data_terms != 0) {
        gather_one(layer, input, planes);
        gather_one(layer, input + 1, planes + layer->size);
        return;
    }
    planes += layer->first;
    for (uint32_t rows = layer->image_rows; rows > 0u; rows--) {
        if (one != 0u) {
            planes[0] = input[0];
            planes[layer->size] = input[1];
        }
        gather_words(input + one * layer->pixel, layer->pixel, layer->image_columns - one, planes + one,
                     planes + layer->size + one);
        input += layer->line;
        planes += layer->pitch;
    }
}

/* All outputs of one channel, portably. */
static void plane_by_window(const struct tr_planes *layer, uint32_t channel, const int8_t *weights,
                            const int16_t *plane, int8_t *output)
{
    const int16_t *row = plane;
    for (uint32_t y = 0u; y < layer->rows; y++, row += layer->stride_y * layer->pitch) {
        const int16_t *window = row;
        for (uint32_t x = 0u; x < layer->columns; x++, window += layer->stride_x) {
            const int16_t *taps = window;
            const int8_t *weight = weights;
            uint32_t sum = 0u;
            for (uint32_t ky = 0u; ky < layer->height; ky++, taps += layer->dilation_y * layer->pitch) {
                for (uint32_t kx = 0u; kx < layer->width; kx++) {
                    sum += (uint32_t)(taps[kx * layer->dilation_x] * *weight++);
                }
            }
            *output = tr_output(&layer->to, channel, (int32_t)sum);
            output += layer->output_pixel;
        }
        output += layer->output_line;
    }
}

#if defined(__ARM_FEATURE_DSP)

static uint32_t in_both(int8_t value)
{
    uint32_t half = (uint32_t)value & 0xFFFFu;
    return half | half << 16;
}

/* All but what differs between channels. */
static struct tr_dual how_of(const struct tr_planes *layer)
{
    uint32_t odd = layer->columns % 2u;
    uint32_t pair = 4u * layer->stride_x;
    uint32_t row_step = 2u * layer->stride_y * layer->pitch;
    struct tr_dual how = {
        .step = layer->output_pixel,
        .rows = layer->rows,
        .skip = row_step - (layer->columns / 2u + odd) * pair,
        .row_step = row_step,
        .odd = odd,
        .output_skip = (uint32_t)layer->output_line,
        .minimum = in_both(layer->to.minimum),
        .maximum = in_both(layer->to.maximum),
        .pitch = 2u * layer->dilation_y * layer->pitch,
        .pair = pair,
        .lines = layer->lines,
        .line = 8u * layer->words + 4u,
        .entry = 20u * (TR_DUAL_LINE - layer->words),
    };
    return how;
}

/* A channel's weights as lines: for every word of activations one word for the first output and one for the second,
 * `stride_x` behind it; then the way from the words of this line to those of the next. `taps` lie between zeros. */
__attribute__((noinline)) static void make_lines(const struct tr_planes *layer, const int8_t *weights, int16_t *taps,
                                                 int32_t *lines)
{
    uint32_t segments = layer->lines / layer->height;
    int16_t *first = taps + layer->stride_x;
    for (uint32_t i = 0u; i < layer->stride_x + 2u * segments * layer->words; i++) {
        taps[i] = 0;
    }
    for (uint32_t y = 0u; y < layer->height; y++) {
        const int16_t *second = taps;
        for (uint32_t x = 0u; x < layer->width; x++) {
            first[x * layer->dilation_x] = *weights++;
        }
        for (uint32_t segment = 0u; segment < segments; segment++) {
            for (uint32_t word = 0u; word < layer->words; word++, second += 2) {
                __builtin_memcpy(lines++, second + layer->stride_x, sizeof *lines);
                __builtin_memcpy(lines++, second, sizeof *lines);
            }
            *lines++ = (int32_t)(4u * layer->words);
        }
        lines[-1] += (int32_t)(2u * layer->dilation_y * layer->pitch - 4u * segments * layer->words);
    }
}

/* All outputs of one channel; `lines`: the scratch behind the planes. */
static inline void run_plane(const struct tr_planes *layer, struct tr_dual *how, uint32_t channel,
                             const int8_t *weights, const int16_t *plane, int8_t *output, int32_t *lines)
{
    const struct tr_direct *by = layer->to.direct + channel;
    uint32_t pairs = layer->columns / 2u;
    how->bias = by->bias;
    how->multiplier = by->multiplier;
    how->centre = (2 * layer->to.zero_point + 1) * (1 << by->shift);
    how->shift = by->shift;
    const void *words = weights;
    if (layer->lines != 0u) {
        uint32_t less = TR_DUAL_LINE - layer->words;
        make_lines(layer, weights, (int16_t *)(lines + layer->lines * (2u * layer->words + 1u)), lines);
        plane -= 2u * less;
        words = lines - 2u * less;
    }
    how->row_end = plane + pairs * 2u * layer->stride_x;
    layer->plane(how, words, plane, output);
}

#endif

void tr_depthwise_conv_2d_dual(const struct tr_planes *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    const int8_t *weights = table.words;
    int16_t *planes = (int16_t *)scratch;
    int16_t outside = held(layer, layer->outside);
    for (uint32_t i = 0u; i < 2u * layer->size; i++) { /* what lies outside the image stays */
        planes[i] = outside;
    }
#if defined(__ARM_FEATURE_DSP)
    struct tr_dual how = how_of(layer);
#endif
    for (uint32_t channel = 0u; channel < layer->channels; channel += 2u) {
        uint32_t both = channel + 1u < layer->channels ? 2u : 1u;
        if (both == 2u) {
            gather(layer, input + channel, planes);
        } else {
            gather_one(layer, input + channel, planes);
        }
        for (uint32_t n = 0u; n < both * layer->multiplier; n++) {
            uint32_t row = channel * layer->multiplier + n;
            const int16_t *plane = n < layer->multiplier ? planes : planes + layer->size;
#if defined(__ARM_FEATURE_DSP)
            if (layer->plane != 0) {
                run_plane(layer, &how, row, weights + row * table.depth, plane, output + row, scratch + layer->size);
                continue;
            }
#endif
            plane_by_window(layer, row, weights + row * table.depth, plane, output + row);
        }
    }
}
