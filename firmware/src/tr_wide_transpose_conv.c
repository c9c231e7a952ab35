/* TRANSPOSE_CONV of int16 with int8 weights.
 * Source: tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h, which scatters; here each output
 * gathers what comes to it. */
#include "tr_requant.h"
#include "tr_wide.h"

/* The place along one axis of the input from which `tap` comes to `at`; not below `size`: none. */
static uint32_t source(uint32_t at, uint32_t pad, uint32_t tap, uint32_t stride, uint32_t size)
{
    uint32_t from = at + pad - tap; /* wraps below zero */
    return from < size * stride && from % stride == 0u ? from / stride : size;
}

static int64_t accumulated(const struct tr_wide_transpose_conv *layer, const int16_t *input, const int8_t *weights,
                           uint32_t y, uint32_t x)
{
    uint32_t depth = layer->input.channels;
    int64_t sum = 0;
    for (uint32_t ky = 0u; ky < layer->window.height; ky++) {
        uint32_t row = source(y, layer->window.pad_top, ky, layer->window.stride_y, layer->input.height);
        for (uint32_t kx = 0u; kx < layer->window.width; kx++, weights += depth) {
            uint32_t column = source(x, layer->window.pad_left, kx, layer->window.stride_x, layer->input.width);
            if (row >= layer->input.height || column >= layer->input.width) {
                continue;
            }
            const int16_t *from = input + (row * layer->input.width + column) * depth;
            for (uint32_t c = 0u; c < depth; c++) {
                sum += from[c] * weights[c];
            }
        }
    }
    return sum;
}

void tr_wide_transpose_conv(const struct tr_wide_transpose_conv *layer, const int16_t *input, int16_t *output)
{
    uint32_t taps = (uint32_t)layer->window.height * layer->window.width * layer->input.channels;
    for (uint32_t batch = 0u; batch < layer->batches; batch++) {
        for (uint32_t y = 0u; y < layer->output.height; y++) {
            for (uint32_t x = 0u; x < layer->output.width; x++) {
                for (uint32_t c = 0u; c < layer->output.channels; c++) {
                    int64_t sum = accumulated(layer, input, layer->weights + c * taps, y, x) + layer->bias[c];
                    int32_t scaled = layer->narrow
                                         ? tr_multiply((int32_t)(uint32_t)sum, layer->multiplier[c], layer->shift[c])
                                         : tr_wide_multiply(sum, layer->multiplier[c], layer->shift[c]);
                    *output++ = tr_wide_clamp(scaled, layer->minimum, layer->maximum);
                }
            }
        }
        input += layer->input.height * layer->input.width * layer->input.channels;
    }
}
