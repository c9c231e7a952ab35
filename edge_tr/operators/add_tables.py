"""ADD of two int8 tensors by two tables: each value's share of the result, with a fraction.

TFLite scales both inputs to 31 bits, adds, and scales back: three 64-bit products an element. int8 has 256 values, so
one table an input holds what its value adds: ``t = first[a] + second[b]``; the result is ``t >> fraction`` above the
activation's minimum, clamped. The first table carries the zero point, the half and what TFLite's double rounding
adds to it (see `kernels.quick`). That rounding depends on the sign of the result: where one constant does not do for
both, what lies below `threshold` is less by `nudge`. That it equals the reference is not argued but tried, with all
65536 pairs; where one differs, the layer keeps the reference's arithmetic.
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


@dataclass(frozen=True)
class AddTables:
    """`first` and `second`, int32 [256] by x as an unsigned byte, in units of 2^-fraction of the result's step; sums
    below `threshold` are less by `nudge` >= 0."""

    first: np.ndarray
    second: np.ndarray
    threshold: int
    nudge: int
    fraction: int

    def apply(self, params: AddParams, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The C code's mirror: int8 of int8 arrays of one shape."""
        minimum, maximum = params.activation
        total = self.first[a.view(np.uint8)].astype(np.int64) + self.second[b.view(np.uint8)]
        rounded = (total - np.where(total < self.threshold, self.nudge, 0)) >> self.fraction
        return (np.clip(rounded, 0, maximum - minimum) + minimum).astype(np.int8)


def add_tables(params: AddParams | SumParams) -> AddTables | None:
    """Tables with which all pairs of inputs give the reference's result; None if there are none."""
    shift = int(params.requant_out.shift[0])
    unit = float(params.requant_out.multiplier[0]) * 2.0 ** (shift - 31)
    values = INT8_VALUES.astype(np.int8).view(np.uint8).argsort()  # by unsigned byte
    shares = [share[values] * unit for share in params.shares]
    reach = sum(np.abs(share).max() for share in shares) + 257
    fraction = min(MAX_FRACTION, 30 - int(np.ceil(np.log2(reach))))
    if fraction < 1:
        return None
    first, second = (np.round(share * 2.0**fraction).astype(np.int32) for share in shares)
    centre = ((params.output_zero_point - params.activation[0]) << fraction) + (1 << (fraction - 1))
    nudge = max(1, round(2.0 ** (fraction + shift - 1)))
    a, b = np.repeat(INT8_VALUES, 256).astype(np.int8), np.tile(INT8_VALUES, 256).astype(np.int8)
    exact = params.exact(a, b)
    for above, less in ((centre + nudge, 0), (centre - nudge, 0), (centre + nudge, 2 * nudge)):
        tables = AddTables(first + np.int32(above), second, above, less, fraction)
        if np.array_equal(tables.apply(params, a, b), exact):
            return tables
    return None
