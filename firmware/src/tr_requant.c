#include "tr_requant.h"

int32_t tr_doubling_high_mul(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN) {
        return INT32_MAX;
    }
    /* gemmlowp's nudge by sign and division towards zero come to this floor for either sign */
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

int32_t tr_rounding_shift_right(int32_t x, unsigned exponent)
{
    int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1u);
    int32_t remainder = x & mask;
    int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

int32_t tr_multiply(int32_t x, int32_t multiplier, int shift)
{
    uint32_t left = shift > 0 ? (uint32_t)shift : 0u;
    uint32_t right = shift > 0 ? 0u : (uint32_t)-shift;
    int32_t scaled = (int32_t)((uint32_t)x << left); /* wraps as the reference does */
    return tr_rounding_shift_right(tr_doubling_high_mul(scaled, multiplier), right);
}

int8_t tr_clamp(int32_t x, int32_t minimum, int32_t maximum)
{
    if (x < minimum) {
        x = minimum;
    }
    if (x > maximum) {
        x = maximum;
    }
    return (int8_t)x;
}
