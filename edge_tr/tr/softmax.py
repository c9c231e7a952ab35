"""TFLite's int8 softmax, bit for bit: golden runs it, firmware gets its table, and the host side of an accelerator too.

Source: `Softmax` in tensorflow/lite/kernels/internal/reference/softmax.h.
"""

from __future__ import annotations

import numpy as np

from edge_tr.tr.fixed_point import SUM_FRACTION_BITS, exp_on_negative_values, reciprocal
from edge_tr.tr.requant import (
    Rounding,
    multiply_by_quantized_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)


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


def softmax(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """int8 [..., depth] to int8 of the same shape, zero point -128 and scale 1 / 256; `table` from `exponentials`."""
    rows = x.astype(np.int32)
    below = rows.max(axis=-1, keepdims=True) - rows
    addends = rounding_divide_by_pot(table, 31 - SUM_FRACTION_BITS)
    scale, bits = reciprocal(addends[below].sum(axis=-1, keepdims=True), 31 - SUM_FRACTION_BITS)
    share = rounding_divide_by_pot(saturating_rounding_doubling_high_mul(scale, table[below]), bits + 31 - 8)
    return np.clip(share - 128, -128, 127).astype(np.int8)
