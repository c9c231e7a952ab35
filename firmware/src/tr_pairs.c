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
__attribute__((noinline)) static void gather_tap(const struct tr_pairs *layer, const int8_t *first,
                                                 const int8_t *second, int32_t *words)
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

/* Requantise the sums of two pixels. Alone in its function: it needs all the registers there are. */
__attribute__((noinline)) static void finish_pixels(const struct tr_output *to, uint32_t channels, const int32_t *sums,
                                                    int8_t *low, int8_t *high)
{
    for (uint32_t c = 0u; c < channels; c++) {
        const struct tr_channel quick = to->quick[c];
        int8_t result = tr_output_quick(to, quick, c, sums[0]);
        high[c] = tr_output_quick(to, quick, c, sums[1]);
        low[c] = result;
        sums += 2;
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
        finish_pixels(&layer->to, channels, sums, output + first * channels, output + second * channels);
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

/* A row of one channel: `x` int8 every `step` bytes from `at` on; null outside the image. */
struct row {
    const int8_t *at;
    uint32_t step;
};

static inline int32_t row_value(const struct tr_pairs *layer, const struct row *row, uint32_t x)
{
    return row->at != 0 ? held(layer, row->at[x * row->step]) : layer->padding;
}

/* Words of two rows, `count` pixels. */
__attribute__((noinline)) static void gather_row(const struct tr_pairs *layer, const struct row *low, const struct row *high, uint32_t count,
                                                 int32_t *words)
{
    if (low->at != 0 && high->at != 0 && layer->data_terms == 0) {
        const int8_t *first = low->at;
        const int8_t *second = high->at;
        uint32_t step = low->step;
        for (int32_t *end = words + count; words < end; words++) {
            *words = packed(*first, *second);
            first += step;
            second += step;
        }
        return;
    }
    for (uint32_t x = 0u; x < count; x++) {
        words[x] = packed(row_value(layer, low, x), row_value(layer, high, x));
    }
}

/* Row `y` (from the image's first) of the channel that `input` points at. */
static struct row row_at(const struct tr_pairs *layer, const int8_t *input, uint32_t y)
{
    uint32_t step = layer->input.channels;
    return (struct row){y < layer->input.height ? input + y * layer->input.width * step : 0, step};
}

/* The words of one channel: row y of the plane holds padded rows y and y + stride_y. */
static void gather_plane(const struct tr_pairs *layer, const int8_t *input, int32_t *words)
{
    uint32_t width = plane_width(layer);
    uint32_t height = plane_height(layer);
    uint32_t left = layer->window.pad_left;
    uint32_t right = left + layer->input.width < width ? left + layer->input.width : width;
    int32_t outside = packed(layer->padding, layer->padding);
    for (uint32_t y = 0u; y < height; y++) {
        struct row low = row_at(layer, input, y - layer->window.pad_top);
        struct row high = row_at(layer, input, y + layer->window.stride_y - layer->window.pad_top);
        for (uint32_t x = 0u; x < left && x < width; x++) {
            words[x] = outside;
        }
        if (left < width) {
            gather_row(layer, &low, &high, right - left, words + left);
        }
        for (uint32_t x = right; x < width; x++) {
            words[x] = outside;
        }
        words += width;
    }
}

/* Requantise a row pair of one channel: output rows y and, if there is one, y + 1. */
__attribute__((noinline)) static void finish_rows(const struct tr_pairs *layer, uint32_t channel, uint32_t y,
                                                  const int32_t *sums, int8_t *output)
{
    const struct tr_channel quick = layer->to.quick[channel];
    uint32_t step = layer->output.channels;
    uint32_t row_bytes = layer->output.width * step;
    int8_t *low = output + y * row_bytes + channel;
    int8_t *high = y + 1u < layer->output.height ? low + row_bytes : low; /* a last odd row is written last */
    for (const int32_t *end = sums + 2u * layer->output.width; sums < end; sums += 2) {
        *high = tr_output_quick(&layer->to, quick, channel, sums[1]);
        *low = tr_output_quick(&layer->to, quick, channel, sums[0]);
        low += step;
        high += step;
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
            gather_plane(layer, input + channel / multiplier, scratch);
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
