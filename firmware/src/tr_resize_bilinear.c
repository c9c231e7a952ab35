/* RESIZE_BILINEAR. Source: ResizeBilinearInteger in tensorflow/lite/kernels/internal/reference/resize_bilinear.h.
 * Weights add up to 2^20, so 32 bits hold every sum of int8 by them. */
#include "tr_kernels.h"

#define ONE 1024

static int8_t rounded(int32_t sum)
{
    int32_t half = ONE * ONE / 2;
    return (int8_t)((sum + (sum > 0 ? half : -half)) / (ONE * ONE));
}

void tr_resize_bilinear(const struct tr_resize_bilinear *layer, const int8_t *input, int8_t *output)
{
    uint32_t channels = layer->input.channels;
    uint32_t line = layer->input.width * channels;
    for (uint32_t batch = 0u; batch < layer->batches; batch++) {
        for (uint32_t y = 0u; y < layer->output.height; y++) {
            const int32_t *row = layer->rows + 3u * y;
            const int8_t *above = input + (uint32_t)row[0] * line;
            const int8_t *below = input + (uint32_t)row[1] * line;
            for (uint32_t x = 0u; x < layer->output.width; x++) {
                const int32_t *column = layer->columns + 3u * x;
                uint32_t left = (uint32_t)column[0] * channels;
                uint32_t right = (uint32_t)column[1] * channels;
                for (uint32_t c = 0u; c < channels; c++) {
                    int32_t sum = above[left + c] * (ONE - row[2]) * (ONE - column[2]);
                    sum += below[left + c] * row[2] * (ONE - column[2]);
                    sum += above[right + c] * (ONE - row[2]) * column[2];
                    sum += below[right + c] * row[2] * column[2];
                    *output++ = rounded(sum);
                }
            }
        }
        input += layer->input.height * line;
    }
}
