#include "tr_fixed_point16.h"

#include "tr_requant.h"

/* SaturatingRoundingDoublingHighMul. */
static int32_t multiply(int32_t a, int32_t b)
{
    int32_t product = (a * b + (1 << 14)) >> 15;
    return product > INT16_MAX ? INT16_MAX : product;
}

/* x * 2^exponent. SaturatingRoundingMultiplyByPOT, exponent >= 0. */
static int32_t rescale(int32_t x, unsigned exponent)
{
    int32_t threshold = (1 << (15u - exponent)) - 1;
    if (exponent == 0u) {
        return x;
    }
    if (x > threshold) {
        return INT16_MAX;
    }
    return x < -threshold ? INT16_MIN : x * (1 << exponent);
}

/* exp(a) for a in [-1/4, 0), both Q0.15: fourth-order Taylor series around -1/8. */
static int32_t exp_of_small(int32_t a)
{
    const int32_t exp_eighth = 28918;
    const int32_t third = 10923;
    int32_t x = a + (1 << 12);
    int32_t x2 = multiply(x, x);
    int32_t x3 = multiply(x2, x);
    int32_t quarter_x4 = tr_rounding_shift_right(multiply(x2, x2), 2u);
    int32_t rest = tr_rounding_shift_right(multiply(quarter_x4 + x3, third) + x2, 1u);
    return tr_saturated16(exp_eighth + multiply(exp_eighth, x + rest));
}

/* exp(a) in Q0.15 of a <= 0 with `bits` integer bits. */
static int32_t exp_on_negative_values(int32_t a, unsigned bits)
{
    /* exp(-2^power) for power -2 to 4 */
    static const int16_t factors[7] = {25520, 19875, 12055, 4435, 600, 11, 0};
    int32_t quarter = 1 << (13u - bits);
    if (a == 0) {
        return INT16_MAX;
    }
    if (bits > 5u && a < -(1 << (20u - bits))) {
        return 0;
    }
    int32_t part = (a & (quarter - 1)) - quarter;
    int32_t result = exp_of_small(rescale(part, bits));
    int32_t remainder = (part - a) >> (13u - bits);
    for (unsigned power = 0u; power < 7u && power < bits + 2u; power++) {
        if ((remainder >> power & 1) != 0) {
            result = multiply(result, factors[power]);
        }
    }
    return result;
}

/* 2 / (1 + a) in Q2.13 for a in [0, 1) in Q0.15: three Newton-Raphson steps. */
static int32_t newton(int32_t a)
{
    const int32_t c48_over_17 = 23130;
    const int32_t cneg32_over_17 = -15420;
    int32_t half_denominator = (a + INT16_MAX + 1) >> 1;
    int32_t x = c48_over_17 + multiply(half_denominator, cneg32_over_17);
    for (unsigned step = 0u; step < 3u; step++) {
        int32_t residue = (1 << 13) - multiply(half_denominator, x);
        x = (int16_t)(uint16_t)(x + rescale(multiply(x, residue), 2u));
    }
    return x;
}

int16_t tr_logistic16(int16_t x, unsigned bits)
{
    if (x == 0) {
        return 1 << 14;
    }
    int32_t positive = rescale(newton(exp_on_negative_values(x > 0 ? -x : x, bits)), 1u);
    return (int16_t)(x > 0 ? positive : INT16_MAX - positive);
}

int16_t tr_tanh16(int16_t x, unsigned bits)
{
    if (x == 0) {
        return 0;
    }
    /* the exponential is of 2 x, the same raw value with one more integer bit */
    int32_t positive = rescale((int16_t)(newton(exp_on_negative_values(x > 0 ? -x : x, bits + 1u)) - (1 << 13)), 2u);
    return (int16_t)(x < 0 ? -positive : positive);
}
