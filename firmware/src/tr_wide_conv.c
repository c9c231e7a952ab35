/* CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16 with int8 weights. Sources, in
 * tensorflow/lite/kernels/internal/reference/integer_ops: conv.h, depthwise_conv.h, fully_connected.h. */
#include "tr_requant.h"
#include "tr_wide.h"

/* The products of one tap. */
static int64_t products(const int16_t *x, const int8_t *weights, uint32_t count)
{
    int64_t sum = 0;
    for (uint32_t i = 0u; i < count; i++) {
        sum += x[i] * weights[i];
    }
    return sum;
}

/* The sum of output channel `channel` of the window whose corner is (top, left). */
static int64_t window_sum(const struct tr_wide_conv *layer, const int16_t *input, int32_t top, int32_t left,
                          uint32_t channel)
{
    const struct tr_window *window = &layer->window;
    uint32_t taps = (uint32_t)window->height * window->width;
    const int8_t *weights = layer->weights + channel * taps * layer->depth;
    const int16_t *first = input + channel / layer->outputs * layer->depth;
    int64_t sum = layer->bias[channel];
    for (uint32_t ky = 0u; ky < window->height; ky++) {
        uint32_t y = (uint32_t)(top + (int32_t)(ky * window->dilation_y)); /* a negative one wraps to a large one */
        for (uint32_t kx = 0u; kx < window->width; kx++, weights += layer->depth) {
            uint32_t x = (uint32_t)(left + (int32_t)(kx * window->dilation_x));
            if (y < layer->input.height && x < layer->input.width) {
                const int16_t *pixel = first + (y * layer->input.width + x) * layer->input.channels;
                sum += products(pixel, weights, layer->depth);
            }
        }
    }
    return sum;
}

void tr_wide_conv(const struct tr_wide_conv *layer, const int16_t *input, int16_t *output)
{
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        int32_t top = (int32_t)(y * layer->window.stride_y) - layer->window.pad_top;
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            int32_t left = (int32_t)(x * layer->window.stride_x) - layer->window.pad_left;
            for (uint32_t c = 0u; c < layer->output.channels; c++) {
                int64_t sum = window_sum(layer, input, top, left, c);
                int32_t scaled = layer->narrow ? tr_multiply((int32_t)(uint32_t)sum, layer->multiplier[c], layer->shift[c])
                                               : tr_wide_multiply(sum, layer->multiplier[c], layer->shift[c]);
                *output++ = tr_wide_clamp(scaled, layer->minimum, layer->maximum);
            }
        }
    }
}
