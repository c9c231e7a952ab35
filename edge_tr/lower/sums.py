"""ADD of two int8 tensors by two tables: each value's share of the result, with a fraction.

TFLite scales both inputs to 31 bits, adds, and scales back: three 64-bit products an element. int8 has 256 values, so
one table an input holds what its value adds: ``t = first[a] + second[b]``; the result is
``(t + (t < 0 ? below : above)) >> fraction``, clamped, where the two constants carry the zero point, the half and
what TFLite's double rounding adds to it (see `lower.quick`). That it equals the reference is not argued but
tried, with all 65536 pairs; where one differs, the layer keeps the reference's arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.golden.layers import INT8_VALUES, apply, requant
from edge_tr.ir.params import AddParams
from edge_tr.tr.requant import Rounding

MAX_FRACTION = 24


@dataclass(frozen=True)
class AddTables:
    """`first` and `second`, int32 [256] by x + 128, in units of 2^-fraction of the result's step."""

    first: np.ndarray
    second: np.ndarray
    above: int
    below: int
    fraction: int

    def apply(self, params: AddParams, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The C code's mirror: int8 of int8 arrays of one shape."""
        total = self.first[a.astype(np.int64) + 128].astype(np.int64) + self.second[b.astype(np.int64) + 128]
        rounded = (total + np.where(total < 0, self.below, self.above)) >> self.fraction
        return np.clip(rounded, *params.activation).astype(np.int8)


def add_tables(params: AddParams) -> AddTables | None:
    """Tables with which all pairs of inputs give the reference's result; None if these do not."""
    shift = int(params.requant_out.shift[0])
    unit = float(params.requant_out.multiplier[0]) * 2.0 ** (shift - 31)
    inputs = ((params.input1_zero_point, params.requant1), (params.input2_zero_point, params.requant2))
    shares = [
        requant((INT8_VALUES - zero_point) << params.left_shift, by, Rounding.DOUBLE) * unit
        for zero_point, by in inputs
    ]
    reach = sum(np.abs(share).max() for share in shares) + 129
    fraction = min(MAX_FRACTION, 30 - int(np.ceil(np.log2(reach))))
    if fraction < 1:
        return None
    half, nudge = 1 << (fraction - 1), max(1, round(2.0 ** (fraction + shift - 1)))
    centre = (params.output_zero_point << fraction) + half
    scaled = (np.round(share * 2.0**fraction).astype(np.int32) for share in shares)
    tables = AddTables(*scaled, centre + nudge, centre - nudge, fraction)
    a, b = np.repeat(INT8_VALUES, 256).astype(np.int8), np.tile(INT8_VALUES, 256).astype(np.int8)
    exact = apply(params, [a, b], Rounding.DOUBLE)
    return tables if np.array_equal(tables.apply(params, a, b), exact) else None
