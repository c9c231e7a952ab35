"""Integer arithmetic that several operators' golden models share, equal to TFLite's reference kernels bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edge_tr.record import Range, Requant, Size
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier

DATA_RANGE = 255  # |x - zero_point| of int8 x and zero point
INT8_VALUES = np.arange(-128, 128, dtype=np.int32)
INT32_MAX = (1 << 31) - 1


def by_unsigned_byte(table: np.ndarray) -> np.ndarray:
    """A table [256] by x + 128, by x as an unsigned byte: the order in which the runtime looks it up."""
    return np.roll(table, 128, axis=0)


def requant(x: np.ndarray, by: Requant, rounding: Rounding) -> np.ndarray:
    """int32 [..., channels] times `by`; int32, wrapping where C would overflow."""
    if rounding is not Rounding.FLOAT:
        return multiply_by_quantized_multiplier(x, by.multiplier, by.shift, rounding)
    product = x * by.real
    rounded = np.copysign(np.floor(np.abs(product) + 0.5), product)
    return np.clip(rounded, -(2.0**31), 2.0**31 - 1).astype(np.int32)


def finish(acc: np.ndarray, by: Requant, zero_point: int, limits: Size, rounding: Rounding) -> np.ndarray:
    """Accumulators int32 [..., channels] to int8: scale, add the zero point, clamp."""
    scaled = requant(acc, by, rounding)
    scaled += np.int32(zero_point)
    return np.clip(scaled, *limits).astype(np.int8)


def finished_range(low: np.ndarray, high: np.ndarray, by: Requant, zero_point: int, limits: Size) -> Range:
    """What `finish` makes of sums between `low` and `high`, int64; all of `limits` where 32 bits do not hold them."""
    left = np.maximum(by.shift.astype(np.int64), 0)
    wraps = (np.maximum(np.abs(low), np.abs(high)) << left) > INT32_MAX - 128
    ends = []
    for end in (low, high):
        scaled = multiply_by_quantized_multiplier(np.where(wraps, 0, end).astype(np.int32), by.multiplier, by.shift)
        ends.append(np.clip(scaled.astype(np.int64) + zero_point, *limits))
    return Range(np.where(wraps, limits[0], ends[0]), np.where(wraps, limits[1], ends[1]))


def taps(size: int, out: int, kernel: int, stride: int, dilation: int, pad: int) -> Iterator[tuple[int, slice, slice]]:
    """Along one axis: (tap, the outputs whose tap lies inside the image, the inputs there)."""
    for tap in range(kernel):
        offset = tap * dilation - pad
        first, last = max(0, -(offset // stride)), min(out - 1, (size - 1 - offset) // stride)
        if first <= last:
            start = first * stride + offset
            yield tap, slice(first, last + 1), slice(start, (last - first) * stride + start + 1, stride)
