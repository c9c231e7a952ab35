/* PAD. Source: tensorflow/lite/kernels/internal/reference/pad.h. */
#include "tr_kernels.h"

void tr_pad(const struct tr_pad *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t y = 0u; y < layer->output.height; y++) {
        for (uint32_t x = 0u; x < layer->output.width; x++) {
            bool inside = y - layer->top < layer->input.height && x - layer->left < layer->input.width;
            for (uint32_t c = 0u; c < layer->output.channels; c++) {
                bool copied = inside && c - layer->front < layer->input.channels; /* wraps below zero */
                *output++ = copied ? *input++ : layer->value;
            }
        }
    }
}
