#include "tr_fixed_point.h"

#include "tr_requant.h"

unsigned tr_leading_zeros(uint32_t x)
{
    unsigned zeros = 0u;
    for (; (x & 0x80000000u) == 0u; x <<= 1) {
        zeros++;
    }
    return zeros;
}

int32_t tr_saturating_shift_left(int32_t x, unsigned exponent)
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

int32_t tr_rounding_half_sum(int32_t a, int32_t b)
{
    int64_t sum = (int64_t)a + b;
    return (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
}

/* Three Newton-Raphson steps in Q2.29 from 48/17 - 32/17 d with d = (1 + x) / 2. */
int32_t tr_one_over_one_plus(int32_t x)
{
    const int32_t c48_over_17 = 1515870810;
    const int32_t cneg32_over_17 = -1010580540;
    const int32_t one = (int32_t)1 << 29;
    int32_t half = tr_rounding_half_sum(x, INT32_MAX);
    int32_t estimate = c48_over_17 + tr_doubling_high_mul(half, cneg32_over_17);
    for (unsigned step = 0u; step < 3u; step++) {
        int32_t residue = one - tr_doubling_high_mul(half, estimate);
        estimate += tr_saturating_shift_left(tr_doubling_high_mul(estimate, residue), 2u);
    }
    return tr_saturating_shift_left(estimate, 1u);
}

struct tr_factor tr_inverse_square_root(int32_t x)
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
