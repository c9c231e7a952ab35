/* SOFTMAX of int16. Source: SoftmaxInt16 in tensorflow/lite/kernels/internal/reference/softmax.h. */
#include "tr_fixed_point.h"
#include "tr_requant.h"
#include "tr_wide.h"

static int32_t power(const struct tr_wide_softmax *layer, int32_t difference)
{
    int32_t scaled = tr_multiply(difference, layer->factor.multiplier, layer->factor.shift) + 32767;
    return tr_wide_looked_up(layer->exponential, tr_wide_clamp(scaled, INT16_MIN, INT16_MAX));
}

void tr_wide_softmax(const struct tr_wide_softmax *layer, const int16_t *input, int16_t *output)
{
    for (uint32_t row = 0u; row < layer->rows; row++, input += layer->depth) {
        int16_t maximum = INT16_MIN;
        int32_t sum = 0;
        for (uint32_t i = 0u; i < layer->depth; i++) {
            maximum = input[i] > maximum ? input[i] : maximum;
        }
        for (uint32_t i = 0u; i < layer->depth; i++) {
            sum += power(layer, input[i] - maximum);
        }
        uint32_t headroom = tr_leading_zeros((uint32_t)sum);
        int32_t shifted = (int32_t)((((int64_t)sum << (headroom - 1u)) + (1 << 13)) >> 14);
        int32_t centred = tr_wide_clamp(shifted - (1 << 15) - (1 << 16), INT16_MIN, INT16_MAX);
        int32_t reciprocal = tr_wide_looked_up(layer->reciprocal, centred);
        uint32_t right = 31u - headroom;
        for (uint32_t i = 0u; i < layer->depth; i++) {
            int64_t share = (int64_t)power(layer, input[i] - maximum) * reciprocal;
            int32_t result = (int32_t)((share + ((int64_t)1 << (right - 1u))) >> right);
            *output++ = tr_wide_clamp(result, 0, INT16_MAX);
        }
    }
}
