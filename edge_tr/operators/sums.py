"""ADD with a constant or with broadcast, and SUB: tensorflow/lite/kernels/add.cc, sub.cc, internal/reference/add.h and
sub.h.

int8 with one scale each. By tables of each operand's share where all pairs of values give the reference's result
(`add_tables`), else in its arithmetic.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.add_tables import AddTables, add_tables
from edge_tr.operators.arithmetic import INT8_VALUES, finish, requant
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import activation_range, operands, require, scale, zero_point
from edge_tr.operators.checks import requant as requant_of
from edge_tr.record import Record, Requant, Size
from edge_tr.structs import Array, Value
from edge_tr.tr.requant import Rounding

LEFT_SHIFT = 20


@dataclass(frozen=True)
class SumParams(BroadcastParams):
    """out = requant_out(requant1((a - zp1) << 20) + sign * requant2((b - zp2) << 20)) + zp, `zero_points` in this
    order."""

    zero_points: tuple[int, int, int]
    requant1: Requant  # n = 1, shift <= 0
    requant2: Requant
    requant_out: Requant
    activation: Size
    sign: int

    @property
    def output_zero_point(self) -> int:
        return self.zero_points[2]

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """What each int8 value adds, int32 [256] by x + 128."""
        return self._share(INT8_VALUES, 0, Rounding.DOUBLE), self._share(INT8_VALUES, 1, Rounding.DOUBLE)

    def _share(self, x: np.ndarray, side: int, rounding: Rounding) -> np.ndarray:
        by = (self.requant1, self.requant2)[side]
        share = requant((x - np.int32(self.zero_points[side])) << LEFT_SHIFT, by, rounding)
        return share if side == 0 else share * np.int32(self.sign)

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        total = self._share(a, 0, rounding) + self._share(b, 1, rounding)
        return finish(total, self.requant_out, self.output_zero_point, self.activation, rounding)

    @property
    def limits(self) -> Size:
        return self.activation

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factor = float(self.requant_out.real[0]) * 2.0**LEFT_SHIFT
        first, second = (factor * float(by.real[0]) for by in (self.requant1, self.requant2))
        return np.full((1,) * max(a.ndim, b.ndim), first), np.full((1,) * max(a.ndim, b.ndim), self.sign * second)

    @functools.cached_property
    def tables(self) -> AddTables | None:
        """See `add_tables`."""
        return add_tables(self)

    def exact(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of two int8 arrays, as `add_tables` asks."""
        return self.apply(a.astype(np.int32), b.astype(np.int32), Rounding.DOUBLE)

    @property
    def function(self) -> str:
        """Of the kernel, by what it reads."""
        return "tr_sum" if self.tables is None else "tr_sum_looked_up"

    def values(self) -> Mapping[str, Value]:
        low, high = self.activation
        limits = {"minimum": low, "maximum": high}
        if self.tables is None:
            factors = (self.requant1, self.requant2, self.requant_out)
            numbers = {"zero_points": self.zero_points, "factors": factors, "left_shift": LEFT_SHIFT}
            return {**numbers, "subtracts": int(self.sign < 0), **limits}
        return {
            "first": Array("int32_t", "first", self.tables.first),
            "second": Array("int32_t", "second", self.tables.second),
            "fraction": self.tables.fraction,
            **limits,
        }


def prepare(graph: Graph, op: Op) -> Record:
    """Both operands are brought to twice the larger scale with 20 bits of headroom."""
    a, b, y = operands(graph, op)
    twice = 2 * max(scale(a), scale(b))
    output = twice / ((1 << LEFT_SHIFT) * scale(y))
    if op.kind == "ADD":
        require(output < 1, f"output scale {scale(y)} for inputs up to scale {twice / 2}", "a larger output scale")
    return broadcast(
        (a, b),
        y,
        SumParams,
        zero_points=(zero_point(a), zero_point(b), zero_point(y)),
        requant1=requant_of(scale(a) / twice),
        requant2=requant_of(scale(b) / twice),
        requant_out=requant_of(output),
        activation=activation_range(op, y),
        sign=1 if op.kind == "ADD" else -1,
    )


KINDS = {"SUB": (prepare, 5)}
