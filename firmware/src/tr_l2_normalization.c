/* L2_NORMALIZATION. Source: tensorflow/lite/kernels/internal/reference/integer_ops/l2normalization.h, of uint8
 * reference/l2normalization.h. */
#include "tr_fixed_point.h"
#include "tr_kernels.h"
#include "tr_requant.h"

void tr_l2_normalization(const struct tr_l2_normalization *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t row = 0u; row < layer->rows; row++, input += layer->depth) {
        int32_t sum = 0;
        for (uint32_t i = 0u; i < layer->depth; i++) {
            int32_t x = input[i] - layer->input_zero_point;
            sum += x * x;
        }
        struct tr_factor factor = tr_inverse_square_root(sum);
        for (uint32_t i = 0u; i < layer->depth; i++) {
            int32_t x = (input[i] - layer->input_zero_point) * (1 << layer->first);
            int shift = factor.shift + 7 - layer->first;
            *output++ = tr_clamp(tr_multiply(x, factor.multiplier, shift), INT8_MIN, INT8_MAX);
        }
    }
}
