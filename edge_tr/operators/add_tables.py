"""ADD of two int8 tensors by two tables: each value's share of the result, with a fraction.

TFLite scales both inputs to 31 bits, adds, and scales back: three 64-bit products an element. int8 has 256 values, so
one table an input holds what its value adds: the result is ``(first[a] + second[b]) >> fraction`` above the
activation's minimum, clamped. The first table carries the zero point and the half.

Shares that are rounded to that fraction are right for all but the sums next to a tie, and TFLite rounds twice there. So
tables are found as what they are, a solution of difference constraints: result r of a and b asks for
``r * 2^fraction <= first[a] + second[b] < (r + 1) * 2^fraction``. Relaxing from the rounded shares (Bellman and Ford)
ends with a solution, a few units away from them, or proves within as many rounds as there are values that there is
none; the layer then keeps the reference's arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_tr.operators.arithmetic import INT8_VALUES

if TYPE_CHECKING:
    from edge_tr.operators.add import AddParams
    from edge_tr.operators.sums import SumParams

MAX_FRACTION = 23
"""So that every sum below zero, as an unsigned number, is above any result."""
_ANYTHING = 1 << 40
"""Beyond every sum: no constraint."""


@dataclass(frozen=True)
class AddTables:
    """`first` and `second`, int32 [256] by x as an unsigned byte, in units of 2^-fraction of the result's step."""

    first: np.ndarray
    second: np.ndarray
    fraction: int

    def apply(self, params: AddParams, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The C code's mirror: int8 of int8 arrays of one shape."""
        minimum, maximum = params.activation
        total = self.first[a.view(np.uint8)].astype(np.int64) + self.second[b.view(np.uint8)]
        return (np.clip(total >> self.fraction, 0, maximum - minimum) + minimum).astype(np.int8)


def add_tables(params: AddParams | SumParams) -> AddTables | None:
    """Tables with which all pairs of inputs give the reference's result; None if there are none."""
    reach = sum(np.abs(share).max() for share in _real_shares(params)) + 257
    fraction = min(MAX_FRACTION, 30 - int(np.ceil(np.log2(reach))))
    found = solved(params, fraction) if fraction > 0 else None
    if found is None:
        return None
    order = INT8_VALUES.astype(np.int8).view(np.uint8).argsort()  # by unsigned byte
    first, second = found[0] - (params.activation[0] << fraction), found[1]
    return AddTables(first[order].astype(np.int32), second[order].astype(np.int32), fraction)


def solved(params: AddParams | SumParams, fraction: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Shares int64 [256] of each input by x + 128, in units of 2^-fraction, the result's zero point and half a step in
    the first: every sum of two, without its fraction, is the reference's result once it is clamped. None if no shares
    do that."""
    one, other = (np.rint(share * 2.0**fraction).astype(np.int64) for share in _real_shares(params))
    first, taken = one + (params.output_zero_point << fraction) + (1 << fraction >> 1), -other
    low, high = _bounds(params, fraction)
    for _ in range(2 * len(INT8_VALUES)):
        less = np.minimum(first, (taken + high).min(axis=1))
        fewer = np.minimum(taken, (less[:, np.newaxis] - low).min(axis=0))
        if np.array_equal(less, first) and np.array_equal(fewer, taken):
            return first, -taken
        first, taken = less, fewer
    return None


def _bounds(params: AddParams | SumParams, fraction: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest sum of each pair's shares, int64 [256, 256] by x + 128."""
    a, b = (values.ravel().astype(np.int8) for values in np.meshgrid(INT8_VALUES, INT8_VALUES, indexing="ij"))
    exact = params.exact(a, b).reshape(len(INT8_VALUES), -1).astype(np.int64)
    minimum, maximum = params.activation
    low = np.where(exact == minimum, -_ANYTHING, exact << fraction)
    return low, np.where(exact == maximum, _ANYTHING, (exact + 1 << fraction) - 1)


def _real_shares(params: AddParams | SumParams) -> list[np.ndarray]:
    """float64 [256] of each input by x + 128, in steps of the result."""
    unit = float(params.requant_out.multiplier[0]) * 2.0 ** (int(params.requant_out.shift[0]) - 31)
    return [share * unit for share in params.shares]
