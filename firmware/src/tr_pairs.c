#include "tr_pairs.h"

/* What a word holds of one activation. */
static inline int32_t held(const struct tr_pairs *layer, int8_t x)
{
    return layer->data_terms != 0 ? layer->data_terms[x + 128] : x;
}

static inline int32_t packed(int32_t first, int32_t second)
{
    return (int32_t)((uint32_t)first + ((uint32_t)second << 16));
}

/* The channels of the input pixel under tap (ky, kx) of an output pixel; null outside the image. */
static const int8_t *tap(const struct tr_pairs *layer, const int8_t *input, uint32_t pixel, uint32_t ky, uint32_t kx)
{
    const struct tr_window *window = &layer->window;
    uint32_t y = pixel / layer->output.width * window->stride_y + ky * window->dilation_y - window->pad_top;
    uint32_t x = pixel % layer->output.width * window->stride_x + kx * window->dilation_x - window->pad_left;
    bool inside = y < layer->input.height && x < layer->input.width; /* below zero wraps */
    return inside ? input + (y * layer->input.width + x) * layer->input.channels : 0;
}

/* Words of two pixels' channels, either of which may lie outside. */
static void gather_tap(const struct tr_pairs *layer, const int8_t *first, const int8_t *second, int32_t *words)
{
    uint32_t channels = layer->input.channels;
    if (first != 0 && second != 0 && layer->data_terms == 0) {
        for (uint32_t c = 0u; c < channels; c++) {
            words[c] = packed(first[c], second[c]);
        }
        return;
    }
    for (uint32_t c = 0u; c < channels; c++) {
        int32_t low = first != 0 ? held(layer, first[c]) : layer->padding;
        int32_t high = second != 0 ? held(layer, second[c]) : layer->padding;
        words[c] = packed(low, high);
    }
}

static void gather(const struct tr_pairs *layer, const int8_t *input, uint32_t first, uint32_t second, int32_t *words)
{
    for (uint32_t ky = 0u; ky < layer->window.height; ky++) {
        for (uint32_t kx = 0u; kx < layer->window.width; kx++) {
            const int8_t *low = tap(layer, input, first, ky, kx);
            const int8_t *high = tap(layer, input, second, ky, kx);
            gather_tap(layer, low, high, words);
            words += layer->input.channels;
        }
    }
}

void tr_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    uint32_t channels = layer->output.channels;
    uint32_t pixels = layer->output.height * layer->output.width;
    int32_t *sums = scratch + (uint32_t)layer->window.height * layer->window.width * layer->input.channels;
    for (uint32_t first = 0u; first < pixels; first += 2u) {
        uint32_t second = first + 1u < pixels ? first + 1u : first; /* a last odd pixel is computed twice */
        gather(layer, input, first, second, scratch);
        layer->code(scratch, sums);
        int8_t *low = output + first * channels;
        int8_t *high = output + second * channels;
        for (uint32_t c = 0u; c < channels; c++) {
            low[c] = tr_output(&layer->to, c, sums[2u * c]);
            high[c] = tr_output(&layer->to, c, sums[2u * c + 1u]);
        }
    }
}

/* Columns of a padded plane. */
static uint32_t plane_width(const struct tr_pairs *layer)
{
    const struct tr_window *window = &layer->window;
    return (layer->output.width - 1u) * window->stride_x + (window->width - 1u) * (uint32_t)window->dilation_x + 1u;
}

/* Rows of words that pairs of output rows (2r, 2r + 1) look at. */
static uint32_t plane_height(const struct tr_pairs *layer)
{
    const struct tr_window *window = &layer->window;
    uint32_t pairs = (layer->output.height + 1u) / 2u;
    return (pairs - 1u) * 2u * window->stride_y + (window->height - 1u) * (uint32_t)window->dilation_y + 1u;
}

/* One channel's column `x` (padded), from `input` at that channel on: words[y] holds rows y and
 * y + stride_y. */
static void gather_column(const struct tr_pairs *layer, const int8_t *input, uint32_t x, int32_t *words)
{
    uint32_t pitch = plane_width(layer);
    uint32_t row_bytes = layer->input.width * layer->input.channels;
    uint32_t height = plane_height(layer);
    uint32_t top = layer->window.pad_top;
    uint32_t stride = layer->window.stride_y;
    uint32_t column = x - layer->window.pad_left;
    bool inside = column < layer->input.width;
    const int8_t *at = inside ? input + column * layer->input.channels : input;
    for (uint32_t y = 0u; y < height; y++) {
        uint32_t low_y = y - top;
        uint32_t high_y = low_y + stride;
        int32_t low = inside && low_y < layer->input.height ? held(layer, at[low_y * row_bytes]) : layer->padding;
        int32_t high = inside && high_y < layer->input.height ? held(layer, at[high_y * row_bytes]) : layer->padding;
        *words = packed(low, high);
        words += pitch;
    }
}

/* Requantise a row pair of one channel: output rows y and, if there is one, y + 1. */
static void finish_rows(const struct tr_pairs *layer, uint32_t channel, uint32_t y, const int32_t *sums, int8_t *output)
{
    uint32_t step = layer->output.channels;
    uint32_t row_bytes = layer->output.width * step;
    bool both = y + 1u < layer->output.height;
    int8_t *at = output + y * row_bytes + channel;
    for (uint32_t x = 0u; x < layer->output.width; x++) {
        at[0] = tr_output(&layer->to, channel, sums[0]);
        if (both) {
            at[row_bytes] = tr_output(&layer->to, channel, sums[1]);
        }
        at += step;
        sums += 2;
    }
}

static void fill(const struct tr_pairs *layer, uint32_t channel, int8_t *output)
{
    int8_t value = tr_output(&layer->to, channel, 0);
    uint32_t pixels = layer->output.height * layer->output.width;
    for (uint32_t pixel = 0u; pixel < pixels; pixel++) {
        output[pixel * layer->output.channels + channel] = value;
    }
}

void tr_depthwise_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output,
                                int32_t *scratch)
{
    uint32_t multiplier = layer->output.channels / layer->input.channels;
    uint32_t width = plane_width(layer);
    int32_t *sums = scratch + width * plane_height(layer);
    for (uint32_t channel = 0u; channel < layer->output.channels; channel++) {
        if (channel % multiplier == 0u) {
            for (uint32_t x = 0u; x < width; x++) {
                gather_column(layer, input + channel / multiplier, x, scratch + x);
            }
        }
        if (layer->loops[channel] == 0) {
            fill(layer, channel, output);
            continue;
        }
        for (uint32_t y = 0u; y < layer->output.height; y += 2u) {
            layer->loops[channel](scratch + y * layer->window.stride_y * width, sums, layer->output.width);
            finish_rows(layer, channel, y, sums, output);
        }
    }
}
