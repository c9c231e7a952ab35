"""TFLite's softmax of int8 and its logarithm, bit for bit: golden runs them, firmware gets their table, and the host
side of an accelerator too.

Source: `Softmax` in tensorflow/lite/kernels/internal/reference/softmax.h.
"""

from __future__ import annotations

import numpy as np

from edge_tr.tr.fixed_point import SUM_FRACTION_BITS, exp_on_negative_values, logarithm, reciprocal
from edge_tr.tr.requant import (
    Rounding,
    multiply_by_quantized_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

UNIFORM = 1 << 28
"""A sum of exponentials of 512, Q12.19."""


def exponentials(multiplier: int, left_shift: int, diff_min: int, rounding: Rounding = Rounding.DOUBLE) -> np.ndarray:
    """exp of the differences 0, -1, ... -255 to the row's maximum: int32 [256], Q0.31.

    Entries below `diff_min` are 0: the kernel skips them.
    """
    differences = -np.arange(256, dtype=np.int32)
    used = differences >= diff_min
    scaled = multiply_by_quantized_multiplier(
        np.where(used, differences, 0), np.int32(multiplier), np.int32(left_shift), rounding
    )
    return np.where(used, exp_on_negative_values(scaled), 0).astype(np.int32)


def softmax(x: np.ndarray, table: np.ndarray, bits: int = 8) -> np.ndarray:
    """int8 [..., depth] to integers of 8 or 16 `bits` in the same shape, in 2^-bits from the least on; `table` from
    `exponentials`.

    Of 8 bits, from a sum of 512 on the kernel shifts by 32 bits, which C does not define: TFLite Micro stops, TFLite on
    x86 says 127 everywhere. Every share is below half a step then, so that all are -128 here.
    """
    below, total = _sums(x, table)
    most = UNIFORM if bits == 8 else 1 << 31
    scale, over = reciprocal(np.minimum(total, most - 1), 31 - SUM_FRACTION_BITS)
    share = rounding_divide_by_pot(saturating_rounding_doubling_high_mul(scale, table[below]), over + 31 - bits)
    half = 1 << (bits - 1)
    return np.where(total < most, np.clip(share - half, -half, half - 1), -half).astype(f"int{bits}")


def _sums(x: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each value is below its row's maximum, and each row's sum of exponentials, Q12.19."""
    rows = x.astype(np.int32)
    below = rows.max(axis=-1, keepdims=True) - rows
    addends = rounding_divide_by_pot(table, 31 - SUM_FRACTION_BITS).astype(np.int64)
    return below, addends[below].sum(axis=-1, keepdims=True)


def log_softmax(
    x: np.ndarray, table: np.ndarray, scaled: np.ndarray, reverse: tuple[int, int], least: int
) -> np.ndarray:
    """int8 [..., depth] to int8 of the same shape, zero point 127 and scale 1 / 16. `scaled`, int32 [256]: the
    differences 0, -1, ... -255 in Q5.26; `reverse`: the factor back; below `least` everything is -128.

    Source: `LogSoftmax` in tensorflow/lite/kernels/internal/reference/integer_ops/log_softmax.h.
    """
    below, total = _sums(x, table)
    log_sum = logarithm(total)
    nearest = multiply_by_quantized_multiplier(log_sum + np.int32(-(1 << 31)), *(np.int32(of) for of in reverse))
    value = rounding_divide_by_pot(scaled[below].astype(np.int64) - log_sum, 22) + 127
    return np.where(-below > np.maximum(least, nearest), np.clip(value, -128, 127), -128).astype(np.int8)
