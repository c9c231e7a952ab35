/* TRANSPOSE_CONV. Source: tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h.
 *
 * Scratch: sums of one input pixel with all taps, then the sums of window.height output rows: row y is row
 * y % window.height of them, zero until the first input row that reaches it. */
#include "tr_product.h"

/* Adds the products of one input pixel, from output row `top` and column `left` on. */
static void scatter(const struct tr_transpose_conv *layer, const int32_t *sums, int32_t *rows, int32_t top,
                    int32_t left)
{
    const int32_t *lacking = layer->taps.bias;
    for (uint32_t c = 0u; c < layer->output.channels; c++) {
        for (uint32_t ky = 0u; ky < layer->window.height; ky++) {
            uint32_t y = (uint32_t)top + ky; /* wraps above the first row */
            int32_t *row = rows + (y % layer->window.height) * layer->output.width * layer->output.channels;
            for (uint32_t kx = 0u; kx < layer->window.width; kx++) {
                uint32_t x = (uint32_t)left + kx;
                int32_t sum = tr_wrapping_add(*sums++, *lacking++);
                if (y < layer->output.height && x < layer->output.width) {
                    int32_t *at = row + x * layer->output.channels + c;
                    *at = tr_wrapping_add(*at, sum);
                }
            }
        }
    }
}

/* One row of outputs from its sums, which become zero. */
static void finish(const struct tr_transpose_conv *layer, int32_t *row, int8_t *output)
{
    for (uint32_t x = 0u; x < layer->output.width; x++) {
        for (uint32_t c = 0u; c < layer->output.channels; c++) {
            int32_t sum = tr_multiply(tr_wrapping_add(*row, layer->bias[c]), layer->multiplier[c], layer->shift[c]);
            sum = tr_wrapping_add(sum, layer->output_zero_point);
            *output++ = tr_clamp(sum, layer->minimum, layer->maximum);
            *row++ = 0;
        }
    }
}

static void convolve(const struct tr_transpose_conv *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    uint32_t width = layer->output.width * layer->output.channels, done = 0u;
    int32_t *rows = scratch + layer->output.channels * layer->window.height * layer->window.width;
    for (uint32_t i = 0u; i < layer->window.height * width; i++) {
        rows[i] = 0;
    }
    for (uint32_t iy = 0u; iy < layer->input.height; iy++) {
        int32_t top = (int32_t)(iy * layer->window.stride_y) - layer->window.pad_top;
        for (; (int32_t)done < top && done < layer->output.height; done++) {
            finish(layer, rows + done % layer->window.height * width, output + done * width);
        }
        for (uint32_t ix = 0u; ix < layer->input.width; ix++, input += layer->input.channels) {
            int32_t left = (int32_t)(ix * layer->window.stride_x) - layer->window.pad_left;
            layer->taps.sums(input, scratch, (int8_t *)scratch + layer->workspace);
            scatter(layer, scratch, rows, top, left);
        }
    }
    for (; done < layer->output.height; done++) {
        finish(layer, rows + done % layer->window.height * width, output + done * width);
    }
}

void tr_transpose_conv(const struct tr_transpose_conv *layer, const int8_t *input, int8_t *output, int32_t *scratch)
{
    for (uint32_t batch = 0u; batch < layer->batches; batch++) {
        convolve(layer, input, output, scratch);
        input += layer->input.height * layer->input.width * layer->input.channels;
        output += layer->output.height * layer->output.width * layer->output.channels;
    }
}
