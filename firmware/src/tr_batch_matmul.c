/* BATCH_MATMUL. Source: tensorflow/lite/kernels/internal/reference/batch_matmul.h. */
#include "tr_kernels.h"
#include "tr_requant.h"

static void product(const struct tr_batch_matmul *layer, const int8_t *left, const int8_t *right, int8_t *output)
{
    for (uint32_t m = 0u; m < layer->rows; m++) {
        for (uint32_t n = 0u; n < layer->columns; n++) {
            const int8_t *a = left + m * layer->left.outer;
            const int8_t *b = right + n * layer->right.outer;
            int32_t sum = 0;
            for (uint32_t k = layer->depth; k > 0u; k--, a += layer->left.inner, b += layer->right.inner) {
                sum = tr_wrapping_add(sum, (*a - layer->left.zero_point) * (*b - layer->right.zero_point));
            }
            int32_t scaled = tr_multiply(sum, layer->factor.multiplier, layer->factor.shift);
            *output++ = tr_clamp(tr_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
        }
    }
}

static uint32_t start(const struct tr_matrices *side, uint32_t i, uint32_t j, uint32_t k)
{
    return i * side->batch[0] + j * side->batch[1] + k * side->batch[2];
}

void tr_batch_matmul(const struct tr_batch_matmul *layer, const int8_t *const *inputs, int8_t *output)
{
    const int8_t *left = layer->left.constant != 0 ? layer->left.constant : *inputs++;
    const int8_t *right = layer->right.constant != 0 ? layer->right.constant : *inputs;
    for (uint32_t i = 0u; i < layer->batch[0]; i++) {
        for (uint32_t j = 0u; j < layer->batch[1]; j++) {
            for (uint32_t k = 0u; k < layer->batch[2]; k++) {
                product(layer, left + start(&layer->left, i, j, k), right + start(&layer->right, i, j, k), output);
                output += layer->rows * layer->columns;
            }
        }
    }
}
