#include "tr_pairs.h"

/* A word for each weight of a row. Alone in its function: it needs all the registers there are. */
__attribute__((noinline)) static void gather(const struct tr_pixels *pixels, const int8_t *input,
                                             struct tr_corner first, struct tr_corner second, int32_t *words)
{
    tr_gather(pixels, input, first, second, words, 1u);
}

void tr_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    const struct tr_pixels *pixels = &layer->pixels;
    uint32_t channels = pixels->output.channels;
    uint32_t count = pixels->output.height * pixels->output.width;
    int32_t *sums = scratch + (uint32_t)pixels->window.height * pixels->window.width * pixels->input.channels;
    struct tr_corner first = tr_first_corner(pixels);
    for (uint32_t pixel = 0u; pixel < count; pixel += 2u) {
        bool both = pixel + 1u < count; /* a last odd pixel is computed twice */
        struct tr_corner second = both ? tr_next_corner(pixels, first) : first;
        gather(pixels, input, first, second, scratch);
        layer->code(scratch, sums);
        tr_finish_pixels(&layer->to, channels, sums, output, both ? output + channels : output);
        output += 2u * channels;
        first = tr_next_corner(pixels, second);
    }
}

/* Columns of a padded plane. */
static uint32_t plane_width(const struct tr_pixels *pixels)
{
    const struct tr_window *window = &pixels->window;
    return (pixels->output.width - 1u) * window->stride_x + (window->width - 1u) * (uint32_t)window->dilation_x + 1u;
}

/* Rows of words that pairs of output rows (2r, 2r + 1) look at. */
static uint32_t plane_height(const struct tr_pixels *pixels)
{
    const struct tr_window *window = &pixels->window;
    uint32_t pairs = (pixels->output.height + 1u) / 2u;
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
static int32_t *gather_rows(const struct tr_pixels *pixels, const int8_t *low, const int8_t *high, uint32_t count,
                            int32_t *words)
{
    uint32_t step = pixels->input.channels;
    if (low != 0 && high != 0 && pixels->data_terms == 0) {
        for (int32_t *end = words + count; words < end; words++) {
            *words = tr_packed(*low, *high);
            low += step;
            high += step;
        }
        return words;
    }
    for (uint32_t x = 0u; x < count; x++) {
        int32_t first = low != 0 ? tr_held(pixels, low[x * step]) : pixels->padding;
        int32_t second = high != 0 ? tr_held(pixels, high[x * step]) : pixels->padding;
        *words++ = tr_packed(first, second);
    }
    return words;
}

/* The words of one channel: row r of the plane holds padded rows r and r + stride_y. */
__attribute__((noinline)) static void gather_plane(const struct tr_pixels *pixels, const int8_t *input, int32_t *words)
{
    int32_t outside = tr_packed(pixels->padding, pixels->padding);
    uint32_t width = plane_width(pixels);
    uint32_t left = pixels->window.pad_left < width ? pixels->window.pad_left : width;
    uint32_t inside = pixels->input.width < width - left ? pixels->input.width : width - left;
    uint32_t right = width - left - inside;
    uint32_t low = 0u - pixels->window.pad_top;
    for (uint32_t rows = plane_height(pixels); rows > 0u; rows--, low++) {
        const int8_t *first = tr_channels_at(pixels, input, low, 0u);
        const int8_t *second = tr_channels_at(pixels, input, low + pixels->window.stride_y, 0u);
        words = fill_words(words, outside, left);
        words = gather_rows(pixels, first, second, inside, words);
        words = fill_words(words, outside, right);
    }
}

/* Requantise one channel. Its sums lie where the generated code left them: those of output rows (2r, 2r + 1)
 * at column x in plane rows 2r * stride_y and the next, column x * stride_x. */
static void finish_plane(const struct tr_pairs *layer, uint32_t channel, const int32_t *sums, int8_t *output)
{
    const struct tr_pixels *pixels = &layer->pixels;
    uint32_t width = plane_width(pixels);
    uint32_t columns = pixels->output.width;
    uint32_t step = pixels->output.channels;
    uint32_t height = pixels->output.height;
    struct tr_run run = {
        .sums = sums,
        .sum_step = 4u * pixels->window.stride_x,
        .output = output + channel,
        .step = step,
        .count = columns,
        .rows = (height + 1u) / 2u,
        .sum_skip = 4u * (2u * pixels->window.stride_y * width - columns * pixels->window.stride_x),
        .skip = columns * step,
    };
    tr_finish_run(&layer->to, channel, &run);
    if (height > 1u) {
        run.sums += width;
        run.output += columns * step;
        run.rows = height / 2u;
        tr_finish_run(&layer->to, channel, &run);
    }
}

static void fill(const struct tr_pairs *layer, uint32_t channel, int8_t *output)
{
    int8_t value = tr_output(&layer->to, channel, 0);
    uint32_t pixels = layer->pixels.output.height * layer->pixels.output.width;
    for (uint32_t pixel = 0u; pixel < pixels; pixel++) {
        output[pixel * layer->pixels.output.channels + channel] = value;
    }
}

void tr_depthwise_conv_2d_pairs(const struct tr_pairs *layer, const int8_t *input, int8_t *output,
                                int32_t *scratch)
{
    uint32_t multiplier = layer->pixels.output.channels / layer->pixels.input.channels;
    for (uint32_t channel = 0u; channel < layer->pixels.output.channels; channel++) {
        if (layer->planes[channel] == 0) {
            fill(layer, channel, output);
            continue;
        }
        gather_plane(&layer->pixels, input + channel / multiplier, scratch);
        layer->planes[channel](scratch);
        finish_plane(layer, channel, scratch, output);
    }
}
