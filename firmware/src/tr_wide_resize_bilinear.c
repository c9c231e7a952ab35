/* RESIZE_BILINEAR of int16. Source: ResizeBilinearInteger in
 * tensorflow/lite/kernels/internal/reference/resize_bilinear.h. */
#include "tr_wide.h"

#define ONE 1024

static int16_t rounded(int64_t sum)
{
    int64_t half = ONE * ONE / 2;
    return (int16_t)((sum + (sum > 0 ? half : -half)) / (ONE * ONE));
}

void tr_wide_resize_bilinear(const struct tr_resize_bilinear *layer, const int16_t *input, int16_t *output)
{
    uint32_t channels = layer->input.channels;
    uint32_t line = layer->input.width * channels;
    for (uint32_t batch = 0u; batch < layer->batches; batch++) {
        for (uint32_t y = 0u; y < layer->output.height; y++) {
            const int32_t *row = layer->rows + 3u * y;
            const int16_t *above = input + (uint32_t)row[0] * line;
            const int16_t *below = input + (uint32_t)row[1] * line;
            for (uint32_t x = 0u; x < layer->output.width; x++) {
                const int32_t *column = layer->columns + 3u * x;
                uint32_t left = (uint32_t)column[0] * channels;
                uint32_t right = (uint32_t)column[1] * channels;
                for (uint32_t c = 0u; c < channels; c++) {
                    int64_t first = above[left + c] * (ONE - row[2]) + below[left + c] * row[2];
                    int64_t second = above[right + c] * (ONE - row[2]) + below[right + c] * row[2];
                    *output++ = rounded(first * (ONE - column[2]) + second * column[2]);
                }
            }
        }
        input += layer->input.height * line;
    }
}
