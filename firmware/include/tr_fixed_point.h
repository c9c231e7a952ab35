/* gemmlowp's fixed point, bit for bit: Qm.n is an int32 that stands for raw / 2^n. Source: fixedpoint/fixedpoint.h. */
#ifndef TR_FIXED_POINT_H
#define TR_FIXED_POINT_H

#include <stdint.h>

#include "tr_layers.h"

/* Of 32 bits, x not 0. */
unsigned tr_leading_zeros(uint32_t x);

/* x * 2^exponent, saturating. SaturatingRoundingMultiplyByPOT. */
int32_t tr_saturating_shift_left(int32_t x, unsigned exponent);

/* (a + b) / 2, ties away from zero. RoundingHalfSum. */
int32_t tr_rounding_half_sum(int32_t a, int32_t b);

/* 1 / (1 + x) for x in [0, 1), both Q0.31. one_over_one_plus_x_for_x_in_0_1. */
int32_t tr_one_over_one_plus(int32_t x);

/* 1 / sqrt(x), of x below 2 as of 1. TFLite's GetInvSqrtQuantizedMultiplierExp (kernels/internal/common.h). */
struct tr_factor tr_inverse_square_root(int32_t x);

#endif
