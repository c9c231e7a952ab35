"""gemmlowp's fixed-point exponential, logarithm, reciprocal and inverse square root, as TFLite's kernels use them.

Values are raw int32: Qm.n stands for raw / 2**n. Source: `exp_on_negative_values`
and `one_over_one_plus_x_for_x_in_0_1` in gemmlowp's fixedpoint/fixedpoint.h,
`GetReciprocal` in tensorflow/lite/kernels/internal/common.h.
"""

from __future__ import annotations

import math

import numpy as np

from edge_tr.tr.requant import rounding_divide_by_pot, saturating_rounding_doubling_high_mul

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
DIFF_FRACTION_BITS = 26  # softmax's differences are Q5.26
SUM_FRACTION_BITS = 19  # and its sums of exponentials Q12.19


def exp_on_negative_values(x: np.ndarray) -> np.ndarray:
    """exp(x) in Q0.31 of x <= 0 in Q5.26.

    x is split into a part in [-1/4, 0), by Taylor series, and multiples of
    1/4, by one constant factor per bit.
    """
    x = np.asarray(x, dtype=np.int64)
    quarter = 1 << (DIFF_FRACTION_BITS - 2)
    part = (x & (quarter - 1)) - quarter
    result = _exp_of_small(part << 5)
    remainder = part - x
    for power in range(-2, 5):
        factor = round(math.exp(-(2.0**power)) * 2**31)
        bit = remainder & (1 << (DIFF_FRACTION_BITS + power))
        result = np.where(bit != 0, saturating_rounding_doubling_high_mul(result, factor), result)
    return np.where(x == 0, INT32_MAX, result).astype(np.int32)


def _exp_of_small(a: np.ndarray) -> np.ndarray:
    """exp(a) for a in [-1/4, 0), both Q0.31: fourth-order Taylor series around -1/8."""
    mul = saturating_rounding_doubling_high_mul
    centre, third = round(math.exp(-1 / 8) * 2**31), round(2**31 / 3)
    x = (a + (1 << 28)).astype(np.int32)
    x2 = mul(x, x)
    x3 = mul(x2, x)
    quarter_x4 = rounding_divide_by_pot(mul(x2, x2), 2)
    rest = rounding_divide_by_pot(mul(quarter_x4 + x3, third) + x2, 1)
    return centre + mul(centre, x + rest)


def reciprocal(x: np.ndarray, integer_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """(scale, bits) with 1 / x = scale / 2**31 / 2**bits, for x > 0 with `integer_bits` before the point."""
    x = np.asarray(x, dtype=np.int64)
    headroom = _leading_zeros(x)
    return _one_over_one_plus((x << headroom) - (1 << 31)), integer_bits - headroom


def _one_over_one_plus(a: np.ndarray) -> np.ndarray:
    """1 / (1 + a) for a in [0, 1), both Q0.31: three Newton-Raphson steps in Q2.29."""
    mul = saturating_rounding_doubling_high_mul
    half_denominator = (a + INT32_MAX + 1) >> 1
    x = round(48 / 17 * 2**29) + mul(half_denominator, round(-32 / 17 * 2**29))
    for _ in range(3):
        rest = (1 << 29) - mul(half_denominator, x)
        x = x + _saturating_shift_left(mul(x, rest), 2)
    return _saturating_shift_left(x, 1).astype(np.int32)


def logarithm(x: np.ndarray) -> np.ndarray:
    """log(x) in Q5.26 of x >= 1 in Q12.19; int32.

    x = r * 2^power with r near sqrt(sqrt(1/2)), and log(r) as a quotient of polynomials. Source:
    `log_x_for_x_greater_than_or_equal_to_1_impl` in tensorflow/lite/kernels/internal/common.h.
    """
    mul, x = saturating_rounding_doubling_high_mul, np.asarray(x, dtype=np.int64)
    root = round(math.sqrt(0.5) * 2**31)
    middle = round(0.5**0.25 * 2**31)
    r, power = _normalised(x, root)
    p, q = (r + middle + 1) >> 1, 2 * (r - middle)
    square = mul(q, q).astype(np.int64)
    numerator = mul(q, r).astype(np.int64) + mul(mul(q, square), 117049297)
    inner = 1057819769 + q + mul(127690142, square)
    denominator = mul(p, inner).astype(np.int64) + mul(638450708, q)
    fraction = mul(rounding_divide_by_pot(numerator, 6), _one_over_one_plus(denominator))
    log_2 = round(math.log(2) * 2**31)
    return _saturating_shift_left(mul(power, log_2).astype(np.int64) + fraction, 1).astype(np.int32)


def _normalised(x: np.ndarray, root: int) -> tuple[np.ndarray, np.ndarray]:
    """(r in Q0.31, power in Q6.25) of x in Q12.19: the better of x itself and x times `root`."""
    mul, quarter = saturating_rounding_doubling_high_mul, 1 << 23
    left = _leading_zeros(x) - 1
    r_a = _saturating_shift_left(mul(_saturating_shift_left(x, left), root), 1)
    left_b = _leading_zeros(mul(x, root)) - 1
    r_b = _saturating_shift_left(x, left_b)
    power = np.maximum(((11 - left) << 25) + quarter, ((12 - left_b) << 25) - quarter)
    return np.minimum(r_a, r_b), power


def _leading_zeros(x: np.ndarray) -> np.ndarray:
    """Of 32 bits, int64."""
    return 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)


def inverse_square_root(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(multiplier, shift), int32, with 1 / sqrt(x) = multiplier * 2^(shift - 31), of int32 x >= 0, 0 taken as 1.

    Newton-Raphson in Q3.28. Source: `GetInvSqrtQuantizedMultiplierExp` in tensorflow/lite/kernels/internal/common.h.
    """
    mul, x = saturating_rounding_doubling_high_mul, np.asarray(x, dtype=np.int64)
    large = x >= 1 << 29
    value = np.where(large, x // 4, np.maximum(x, 2))
    pairs = (_leading_zeros(value) - 1) // 2 - 1
    shift = 11 + large - pairs
    half = rounding_divide_by_pot((value << (2 * pairs)) >> 1, 1)
    y = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = _saturating_shift_left(mul(mul(y, y), y), 6)
        y = _saturating_shift_left(mul((1 << 28) + (1 << 27), y).astype(np.int64) - mul(half, cube), 3)
    y = mul(y, round(math.sqrt(0.5) * 2**31)).astype(np.int64)
    y, shift = np.where(shift < 0, y << np.maximum(-shift, 0), y), np.maximum(shift, 0)
    small = x <= 1
    return np.where(small, INT32_MAX, y).astype(np.int32), np.where(small, 0, -shift).astype(np.int32)


def _saturating_shift_left(x: np.ndarray, exponent: int) -> np.ndarray:
    return np.clip(x.astype(np.int64) << exponent, INT32_MIN, INT32_MAX)
