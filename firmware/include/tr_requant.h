/* TFLite's fixed-point multiplication, double rounding, bit for bit.
 * Source: tensorflow/lite/kernels/internal/common.h, MultiplyByQuantizedMultiplier, which is
 * gemmlowp's SaturatingRoundingDoublingHighMul followed by RoundingDivideByPOT. */
#ifndef TR_REQUANT_H
#define TR_REQUANT_H

#include <stdint.h>

/* round(a * b / 2^31), ties up; the one overflow (both INT32_MIN) saturates. */
int32_t tr_doubling_high_mul(int32_t a, int32_t b);

/* round(x / 2^exponent), ties away from zero; exponent 0 to 31. */
int32_t tr_rounding_shift_right(int32_t x, unsigned exponent);

/* x * multiplier * 2^(shift - 31); shift -31 to 30, positive is left. */
int32_t tr_multiply(int32_t x, int32_t multiplier, int shift);

/* a + b modulo 2^32: biases and scales of a file may leave int32, where C promises nothing and the
 * reference wraps on every machine it runs on. */
static inline int32_t tr_wrapping_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* x clamped to [minimum, maximum] and narrowed. */
int8_t tr_clamp(int32_t x, int32_t minimum, int32_t maximum);

#endif
