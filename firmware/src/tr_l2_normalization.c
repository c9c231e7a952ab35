/* L2_NORMALIZATION. Source: tensorflow/lite/kernels/internal/reference/integer_ops/l2normalization.h, of uint8
 * reference/l2normalization.h. */
#include "tr_fixed_point.h"
#include "tr_kernels.h"
#include "tr_requant.h"

/* 1 / sqrt(x): GetInvSqrtQuantizedMultiplierExp in kernels/internal/common.h. */
static struct tr_factor inverse_square_root(int32_t x)
{
    if (x <= 1) {
        return (struct tr_factor){INT32_MAX, 0};
    }
    int shift = 11;
    while (x >= 1 << 29) {
        x /= 4;
        shift++;
    }
    unsigned pairs = (tr_leading_zeros((uint32_t)x) - 1u) / 2u - 1u;
    shift -= (int)pairs;
    int32_t half = tr_rounding_shift_right((x << (2u * pairs)) >> 1, 1u);
    int32_t y = (int32_t)1 << 28; /* Q3.28 */
    for (unsigned step = 0u; step < 5u; step++) {
        int32_t cube = tr_saturating_shift_left(tr_doubling_high_mul(tr_doubling_high_mul(y, y), y), 6u);
        int32_t three_halves = tr_doubling_high_mul((1 << 28) + (1 << 27), y);
        y = tr_saturating_shift_left(three_halves - tr_doubling_high_mul(half, cube), 3u);
    }
    y = tr_doubling_high_mul(y, 1518500250); /* sqrt(1/2) */
    if (shift < 0) {
        y = (int32_t)((uint32_t)y << -shift);
        shift = 0;
    }
    return (struct tr_factor){y, (int8_t)-shift};
}

void tr_l2_normalization(const struct tr_l2_normalization *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t row = 0u; row < layer->rows; row++, input += layer->depth) {
        int32_t sum = 0;
        for (uint32_t i = 0u; i < layer->depth; i++) {
            int32_t x = input[i] - layer->input_zero_point;
            sum += x * x;
        }
        struct tr_factor factor = inverse_square_root(sum);
        for (uint32_t i = 0u; i < layer->depth; i++) {
            int32_t x = (input[i] - layer->input_zero_point) * (1 << layer->first);
            int shift = factor.shift + 7 - layer->first;
            *output++ = tr_clamp(tr_multiply(x, factor.multiplier, shift), INT8_MIN, INT8_MAX);
        }
    }
}
