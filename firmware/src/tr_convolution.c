/* CONV_2D and DEPTHWISE_CONV_2D over any dot-product kernel: gather a patch, then one dot product
 * per output channel. Padding is zero in x - zero_point, as in the reference. */
#include "tr_kernels.h"

/* One activation as the dot product takes it. */
static int16_t centred(const struct tr_convolution *layer, int8_t x)
{
    return layer->data_terms != 0 ? layer->data_terms[x + 128] : (int16_t)(x - layer->input_zero_point);
}

/* Gather `channels` channels from `first` on of the window at output pixel (y, x) into `patch`. */
static void gather(const struct tr_convolution *layer, const int8_t *input, uint32_t y, uint32_t x,
                   uint32_t first, uint32_t channels, int16_t *patch)
{
    const struct tr_window *window = &layer->window;
    int32_t top = (int32_t)(y * window->stride_y) - window->pad_top;
    int32_t left = (int32_t)(x * window->stride_x) - window->pad_left;
    for (uint32_t ky = 0u; ky < window->height; ky++) {
        int32_t iy = top + (int32_t)(ky * window->dilation_y);
        for (uint32_t kx = 0u; kx < window->width; kx++) {
            int32_t ix = left + (int32_t)(kx * window->dilation_x);
            /* a negative coordinate wraps to a large one */
            bool inside = (uint32_t)iy < layer->input.height && (uint32_t)ix < layer->input.width;
            if (!inside) {
                for (uint32_t c = 0u; c < channels; c++) {
                    *patch++ = 0;
                }
                continue;
            }
            uint32_t pixel = (uint32_t)iy * layer->input.width + (uint32_t)ix;
            const int8_t *from = input + pixel * layer->input.channels + first;
            for (uint32_t c = 0u; c < channels; c++) {
                *patch++ = centred(layer, from[c]);
            }
        }
    }
}

/* Requantised dot products of rows [first, end) of the table, written to output[first..end). */
static void rows(const struct tr_convolution *layer, const struct tr_table *table, uint32_t first, uint32_t end,
                 int16_t *scratch, int8_t *output)
{
    layer->dot->prepare(table, scratch);
    for (uint32_t row = first; row < end; row++) {
        output[row] = tr_output(&layer->to, row, layer->dot->row(table, row, scratch));
    }
}

void tr_conv_2d(const struct tr_convolution *layer, const int8_t *input, int8_t *output, int16_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            gather(layer, input, y, x, 0u, layer->input.channels, scratch);
            rows(layer, &table, 0u, layer->output.channels, scratch, output);
            output += layer->output.channels;
        }
    }
}

void tr_depthwise_conv_2d(const struct tr_convolution *layer, const int8_t *input, int8_t *output,
                          int16_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    uint32_t multiplier = layer->output.channels / layer->input.channels;
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            for (uint32_t c = 0u; c < layer->input.channels; c++) {
                gather(layer, input, y, x, c, 1u, scratch);
                rows(layer, &table, c * multiplier, (c + 1u) * multiplier, scratch, output);
            }
            output += layer->output.channels;
        }
    }
}

void tr_sums_patch(const struct tr_convolution *layer, const int8_t *input, int32_t *sums, int16_t *scratch)
{
    struct tr_table table = tr_table_open(layer->table);
    gather(layer, input, 0u, 0u, 0u, layer->input.channels, scratch);
    layer->dot->prepare(&table, scratch);
    for (uint32_t row = 0u; row < layer->output.channels; row++) {
        sums[row] = layer->dot->row(&table, row, scratch);
    }
}
