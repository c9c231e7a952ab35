/* BATCH_MATMUL of int16. Source: tensorflow/lite/kernels/internal/reference/batch_matmul.h. */
#include "tr_wide.h"

static void product(const struct tr_wide_batch_matmul *layer, const int16_t *left, const int16_t *right, int16_t *output)
{
    for (uint32_t m = 0u; m < layer->rows; m++) {
        for (uint32_t n = 0u; n < layer->columns; n++) {
            const int16_t *a = left + m * layer->left.outer;
            const int16_t *b = right + n * layer->right.outer;
            int64_t sum = 0;
            for (uint32_t k = layer->depth; k > 0u; k--, a += layer->left.inner, b += layer->right.inner) {
                sum += *a * *b;
            }
            int32_t scaled = tr_wide_multiply(sum, layer->factor.multiplier, layer->factor.shift);
            *output++ = tr_wide_clamp(scaled, INT16_MIN, INT16_MAX);
        }
    }
}

static uint32_t start(const struct tr_wide_matrices *side, uint32_t i, uint32_t j, uint32_t k)
{
    return i * side->batch[0] + j * side->batch[1] + k * side->batch[2];
}

void tr_wide_batch_matmul(const struct tr_wide_batch_matmul *layer, const int8_t *const *inputs, int16_t *output)
{
    const int16_t *sides[2] = {layer->left.constant, layer->right.constant};
    for (uint32_t side = 0u; side < 2u; side++) {
        sides[side] = sides[side] != 0 ? sides[side] : (const int16_t *)(const void *)*inputs++;
    }
    for (uint32_t i = 0u; i < layer->batch[0]; i++) {
        for (uint32_t j = 0u; j < layer->batch[1]; j++) {
            for (uint32_t k = 0u; k < layer->batch[2]; k++) {
                product(layer, sides[0] + start(&layer->left, i, j, k), sides[1] + start(&layer->right, i, j, k), output);
                output += layer->rows * layer->columns;
            }
        }
    }
}
