/* SOFTMAX. Source: tensorflow/lite/kernels/internal/reference/softmax.h with gemmlowp's fixed
 * point. The exponentials come from a table that the host makes with the same arithmetic, since
 * an int8 difference has only 256 values. */
#include "tr_kernels.h"
#include "tr_requant.h"

#define ACCUMULATOR_INTEGER_BITS 12 /* the sum of exponentials is Q12.19 */

static unsigned leading_zeros(uint32_t x)
{
    unsigned zeros = 0u;
    for (; (x & 0x80000000u) == 0u; x <<= 1) {
        zeros++;
    }
    return zeros;
}

/* x * 2^exponent, saturating. gemmlowp's SaturatingRoundingMultiplyByPOT. */
static int32_t saturating_shift_left(int32_t x, unsigned exponent)
{
    int32_t limit = INT32_MAX >> exponent;
    if (x > limit) {
        return INT32_MAX;
    }
    if (x < -limit - 1) {
        return INT32_MIN;
    }
    return (int32_t)((uint32_t)x << exponent);
}

/* (a + b) / 2, ties away from zero. gemmlowp's RoundingHalfSum. */
static int32_t rounding_half_sum(int32_t a, int32_t b)
{
    int64_t sum = (int64_t)a + b;
    return (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
}

/* 1 / (1 + x) for x in [0, 1), both Q0.31: three Newton-Raphson steps in Q2.29 from 48/17 - 32/17 d
 * with d = (1 + x) / 2. gemmlowp's one_over_one_plus_x_for_x_in_0_1. */
static int32_t one_over_one_plus(int32_t x)
{
    const int32_t c48_over_17 = 1515870810;
    const int32_t cneg32_over_17 = -1010580540;
    const int32_t one = (int32_t)1 << 29;
    int32_t half = rounding_half_sum(x, INT32_MAX);
    int32_t estimate = c48_over_17 + tr_doubling_high_mul(half, cneg32_over_17);
    for (unsigned step = 0u; step < 3u; step++) {
        int32_t residue = one - tr_doubling_high_mul(half, estimate);
        estimate += saturating_shift_left(tr_doubling_high_mul(estimate, residue), 2u);
    }
    return saturating_shift_left(estimate, 1u);
}

static void softmax_row(const struct tr_softmax *layer, const int8_t *input, int8_t *output)
{
    int32_t maximum = INT8_MIN;
    for (uint32_t i = 0u; i < layer->depth; i++) {
        maximum = input[i] > maximum ? input[i] : maximum;
    }
    int32_t sum = 0;
    for (uint32_t i = 0u; i < layer->depth; i++) {
        sum += tr_rounding_shift_right(layer->exponential[maximum - input[i]], ACCUMULATOR_INTEGER_BITS);
    }
    unsigned headroom = leading_zeros((uint32_t)sum);
    int32_t reciprocal = one_over_one_plus((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    unsigned right = ACCUMULATOR_INTEGER_BITS - headroom + 31u - 8u;
    for (uint32_t i = 0u; i < layer->depth; i++) {
        int32_t scaled = tr_doubling_high_mul(reciprocal, layer->exponential[maximum - input[i]]);
        output[i] = tr_clamp(tr_rounding_shift_right(scaled, right) + INT8_MIN, INT8_MIN, INT8_MAX);
    }
}

void tr_softmax(const struct tr_softmax *layer, const int8_t *input, int8_t *output)
{
    for (uint32_t row = 0u; row < layer->rows; row++) {
        softmax_row(layer, input, output);
        input += layer->depth;
        output += layer->depth;
    }
}
