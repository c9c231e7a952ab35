#include "tr_pairs.h"

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
        tr_gather(pixels, input, first, second, scratch, 1u);
        layer->code(scratch, sums);
        tr_finish_pixels(&layer->to, channels, sums, output, both ? output + channels : output);
        output += 2u * channels;
        first = tr_next_corner(pixels, second);
    }
}

/* The padded planes of a depthwise layer: their rows of words are `left` outside the image, `inside` and `right` outside.
 * Words hold the rows of the first half of outputs and those of the second half, first those at `low` and `high`. The sums
 * of output row y at column x lie where the generated code left them, at row y * stride_y and column x * stride_x of the
 * plane, those of the second half behind it: `run` says where. */
struct plane {
    uint32_t width, height, left, inside, right;
    struct tr_corner low, high;
    struct tr_run run;
};

static struct plane plane_of(const struct tr_pixels *pixels)
{
    const struct tr_window *window = &pixels->window;
    uint32_t line = pixels->strides.line;
    uint32_t columns = pixels->output.width;
    uint32_t step = pixels->output.channels;
    uint32_t width = (columns - 1u) * window->stride_x + (window->width - 1u) * (uint32_t)window->dilation_x + 1u;
    uint32_t half = (pixels->output.height + 1u) / 2u;
    uint32_t rows = (window->height - 1u) * (uint32_t)window->dilation_y + 1u;
    uint32_t below = half * window->stride_y;
    uint32_t left = window->pad_left < width ? window->pad_left : width;
    uint32_t inside = pixels->input.width < width - left ? pixels->input.width : width - left;
    struct tr_corner low = {0u - window->pad_top, 0u, 0u - window->pad_top * line};
    struct plane plane = {
        .width = width,
        .height = (half - 1u) * window->stride_y + rows,
        .left = left,
        .inside = inside,
        .right = width - left - inside,
        .low = low,
        .high = {low.y + below, 0u, low.at + below * line},
        .run = {
            .sum_step = 4u * window->stride_x,
            .step = step,
            .count = columns,
            .sum_skip = 4u * (window->stride_y * width - columns * window->stride_x),
        },
    };
    return plane;
}

/* `count` words from `words` on; the next one. */
static int32_t *fill_words(int32_t *words, int32_t value, uint32_t count)
{
    for (; count > 0u; count--) {
        *words++ = value;
    }
    return words;
}

/* The words of one channel. */
__attribute__((noinline)) static void gather_plane(const struct tr_pixels *pixels, const struct plane *plane,
                                                   const int8_t *input, int32_t *words)
{
    int32_t held = tr_held(pixels, pixels->outside);
    int32_t outside = tr_packed(held, held);
    uint32_t line = pixels->strides.line;
    struct tr_corner low = plane->low, high = plane->high;
    for (uint32_t rows = plane->height; rows > 0u; rows--) {
        const int8_t *first = tr_channels_at(pixels, input, low.y++, 0u, low.at);
        const int8_t *second = tr_channels_at(pixels, input, high.y++, 0u, high.at);
        words = fill_words(words, outside, plane->left);
        words = tr_gather_run(pixels, first, second, pixels->input.channels, plane->inside, words, 1u);
        words = fill_words(words, outside, plane->right);
        low.at += line;
        high.at += line;
    }
}

/* Requantise one channel. */
static void finish_plane(const struct tr_pairs *layer, const struct plane *plane, uint32_t channel,
                         const int32_t *sums, int8_t *output)
{
    uint32_t height = layer->pixels.output.height;
    uint32_t half = (height + 1u) / 2u;
    struct tr_run run = plane->run;
    run.sums = sums;
    run.output = output + channel;
    run.rows = half;
    tr_finish_run(&layer->to, channel, &run);
    if (height > 1u) {
        run.sums += plane->height * plane->width;
        run.output += half * layer->pixels.output.width * run.step;
        run.rows = height - half;
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
    struct plane plane = plane_of(&layer->pixels);
    uint32_t multiplier = layer->pixels.output.channels / layer->pixels.input.channels;
    for (uint32_t channel = 0u; channel < layer->pixels.output.channels; channel++) {
        if (layer->planes[channel] == 0) {
            fill(layer, channel, output);
            continue;
        }
        gather_plane(&layer->pixels, &plane, input + channel / multiplier, scratch);
        layer->planes[channel](scratch);
        finish_plane(layer, &plane, channel, scratch, output);
    }
}
