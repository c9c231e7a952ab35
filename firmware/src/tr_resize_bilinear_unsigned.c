/* RESIZE_BILINEAR of uint8. Source: ResizeBilinear in tensorflow/lite/kernels/internal/reference/resize_bilinear.h, whose
 * float32 arithmetic this is, step for step: IEEE 754 and no contraction, which ISO C as gcc compiles it has none of. */
#include "tr_kernels.h"

static float real(uint32_t bits)
{
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

static float part(int8_t x, uint32_t of_row, uint32_t of_column)
{
    float value = (float)(x + 128) * real(of_row);
    return value * real(of_column);
}

void tr_resize_bilinear_unsigned(const struct tr_resize_bilinear_unsigned *layer, const int8_t *input, int8_t *output)
{
    uint32_t channels = layer->input.channels;
    uint32_t line = layer->input.width * channels;
    for (uint32_t batch = 0u; batch < layer->batches; batch++) {
        for (uint32_t y = 0u; y < layer->output.height; y++) {
            const uint32_t *row = layer->rows + 4u * y;
            const int8_t *above = input + row[0] * line;
            const int8_t *below = input + row[1] * line;
            for (uint32_t x = 0u; x < layer->output.width; x++) {
                const uint32_t *column = layer->columns + 4u * x;
                uint32_t left = column[0] * channels;
                uint32_t right = column[1] * channels;
                for (uint32_t c = 0u; c < channels; c++) {
                    float sum = part(above[left + c], row[2], column[2]);
                    sum += part(below[left + c], row[3], column[2]);
                    sum += part(above[right + c], row[2], column[3]);
                    sum += part(below[right + c], row[3], column[3]);
                    *output++ = (int8_t)((int32_t)(sum + 0.5f) - 128);
                }
            }
        }
        input += layer->input.height * line;
    }
}
