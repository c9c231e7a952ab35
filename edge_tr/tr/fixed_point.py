"""gemmlowp's fixed-point exponential and reciprocal, as SOFTMAX's reference kernel uses them, and RSQRT's root.

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
    headroom = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)  # leading zeros of 32 bits
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


def _saturating_shift_left(x: np.ndarray, exponent: int) -> np.ndarray:
    return np.clip(x.astype(np.int64) << exponent, INT32_MIN, INT32_MAX)


def inverse_square_root(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(multiplier, shift), int32, with 1 / sqrt(x) = multiplier * 2^(shift - 31), for integers 1 <= x < 2^29.

    `GetInvSqrtQuantizedMultiplierExp` in the same file: five Newton-Raphson steps in Q3.28.
    """
    mul = saturating_rounding_doubling_high_mul
    x = np.asarray(x, dtype=np.int64)
    pairs = (31 - np.frexp(x.astype(np.float64))[1].astype(np.int64)) // 2 - 1
    right = 11 - pairs
    half = rounding_divide_by_pot((x << 2 * pairs) >> 1, 1)
    root = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = _saturating_shift_left(mul(mul(root, root), root), 6)
        step = mul(np.int32(3 << 27), root).astype(np.int64) - mul(half, cube)
        root = _saturating_shift_left(step, 3)
    root = mul(root, 1518500250).astype(np.int64)  # sqrt(1/2)
    root = root << np.maximum(-right, 0)
    one = x <= 1
    return (
        np.where(one, INT32_MAX, root).astype(np.int32),
        np.where(one, 0, -np.maximum(right, 0)).astype(np.int32),
    )
