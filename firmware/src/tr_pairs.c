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

/* One output pixel: the input row and column of its window's corner, which may lie outside, below zero
 * as a large number. */
struct corner {
    uint32_t y, x;
};

/* Words of the channels under one tap of two pixels, either of which may lie outside (null). */
static void gather_tap(const struct tr_pairs *layer, const int8_t *first, const int8_t *second, int32_t *words)
{
    uint32_t channels = layer->input.channels;
    if (first != 0 && second != 0 && layer->data_terms == 0) {
        for (int32_t *end = words + channels; words < end; words++) {
            *words = packed(*first++, *second++);
        }
        return;
    }
    for (uint32_t c = 0u; c < channels; c++) {
        int32_t low = first != 0 ? held(layer, first[c]) : layer->padding;
        int32_t high = second != 0 ? held(layer, second[c]) : layer->padding;
        words[c] = packed(low, high);
    }
}

/* The channels of input pixel (y, x); null outside the image. */
static const int8_t *channels_at(const struct tr_pairs *layer, const int8_t *input, uint32_t y, uint32_t x)
{
    bool inside = y < layer->input.height && x < layer->input.width;
    return inside ? input + (y * layer->input.width + x) * layer->input.channels : 0;
}

__attribute__((noinline)) static void gather(const struct tr_pairs *layer, const int8_t *input, struct corner first,
                                             struct corner second, int32_t *words)
{
    const struct tr_window *window = &layer->window;
    uint32_t last_column = (window->width - 1u) * (uint32_t)window->dilation_x;
    for (uint32_t dy = 0u; dy <= (window->height - 1u) * (uint32_t)window->dilation_y; dy += window->dilation_y) {
        for (uint32_t dx = 0u; dx <= last_column; dx += window->dilation_x) {
            const int8_t *low = channels_at(layer, input, first.y + dy, first.x + dx);
            const int8_t *high = channels_at(layer, input, second.y + dy, second.x + dx);
            gather_tap(layer, low, high, words);
            words += layer->input.channels;
        }
    }
}

/* The corner of the next output pixel. */
static struct corner next_corner(const struct tr_pairs *layer, struct corner corner)
{
    const struct tr_window *window = &layer->window;
    uint32_t end = layer->output.width * window->stride_x - window->pad_left;
    corner.x += window->stride_x;
    if (corner.x == end) {
        corner.x = 0u - window->pad_left;
        corner.y += window->stride_y;
    }
    return corner;
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
    struct corner first = {0u - layer->window.pad_top, 0u - layer->window.pad_left};
    for (uint32_t pixel = 0u; pixel < pixels; pixel += 2u) {
        bool both = pixel + 1u < pixels; /* a last odd pixel is computed twice */
        struct corner second = both ? next_corner(layer, first) : first;
        gather(layer, input, first, second, scratch);
        layer->code(scratch, sums);
        finish_pixels(&layer->to, channels, sums, output, both ? output + channels : output);
        output += 2u * channels;
        first = next_corner(layer, second);
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
    uint32_t rows = (window->height - 1u) * (uint32_t)window->dilation_y + 1u;
    return (pairs - 1u) * 2u * window->stride_y + (rows < 2u ? 2u : rows); /* the sums take two */
}

/* `count` words from `words` on; the next one. */
static int32_t *fill_words(int32_t *words, int32_t value, uint32_t count)
{
    for (; count > 0u; count--) {
        *words++ = value;
    }
    return words;
}

/* Words of `count` pixels of two rows, either of which may lie outside (null); the next one. */
static int32_t *gather_rows(const struct tr_pairs *layer, const int8_t *low, const int8_t *high, uint32_t count,
                            int32_t *words)
{
    uint32_t step = layer->input.channels;
    if (low != 0 && high != 0 && layer->data_terms == 0) {
        for (int32_t *end = words + count; words < end; words++) {
            *words = packed(*low, *high);
            low += step;
            high += step;
        }
        return words;
    }
    for (uint32_t x = 0u; x < count; x++) {
        int32_t first = low != 0 ? held(layer, low[x * step]) : layer->padding;
        int32_t second = high != 0 ? held(layer, high[x * step]) : layer->padding;
        *words++ = packed(first, second);
    }
    return words;
}

/* The words of one channel: row r of the plane holds padded rows r and r + stride_y. */
__attribute__((noinline)) static void gather_plane(const struct tr_pairs *layer, const int8_t *input, int32_t *words)
{
    int32_t outside = packed(layer->padding, layer->padding);
    uint32_t width = plane_width(layer);
    uint32_t left = layer->window.pad_left < width ? layer->window.pad_left : width;
    uint32_t inside = layer->input.width < width - left ? layer->input.width : width - left;
    uint32_t right = width - left - inside;
    uint32_t low = 0u - layer->window.pad_top;
    for (uint32_t rows = plane_height(layer); rows > 0u; rows--, low++) {
        const int8_t *first = channels_at(layer, input, low, 0u);
        const int8_t *second = channels_at(layer, input, low + layer->window.stride_y, 0u);
        words = fill_words(words, outside, left);
        words = gather_rows(layer, first, second, inside, words);
        words = fill_words(words, outside, right);
    }
}

/* Requantise one channel. Its sums lie where the generated code left them: those of output rows (2r, 2r + 1)
 * at column x in plane rows 2r * stride_y and the next, column x * stride_x. */
__attribute__((noinline)) static void finish_plane(const struct tr_pairs *layer, uint32_t channel, const int32_t *sums,
                                                   int8_t *output)
{
    const struct tr_channel quick = layer->to.quick[channel];
    uint32_t width = plane_width(layer);
    uint32_t pair_words = 2u * layer->window.stride_y * width;
    uint32_t step = layer->output.channels;
    uint32_t row_bytes = layer->output.width * step;
    for (uint32_t y = 0u; y < layer->output.height; y += 2u) {
        uint32_t below = y + 1u < layer->output.height ? row_bytes : 0u; /* a last odd row is written last */
        int8_t *at = output + y * row_bytes + channel;
        const int32_t *sum = sums + y / 2u * pair_words;
        for (uint32_t x = layer->output.width; x > 0u; x--) {
            at[below] = tr_output_quick(&layer->to, quick, channel, sum[width]);
            at[0] = tr_output_quick(&layer->to, quick, channel, sum[0]);
            at += step;
            sum += layer->window.stride_x;
        }
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
    for (uint32_t channel = 0u; channel < layer->output.channels; channel++) {
        if (layer->planes[channel] == 0) {
            fill(layer, channel, output);
            continue;
        }
        gather_plane(layer, input + channel / multiplier, scratch);
        layer->planes[channel](scratch);
        finish_plane(layer, channel, scratch, output);
    }
}
