"""SQUARED_DIFFERENCE: tensorflow/lite/kernels/squared_difference.cc.

int8 with one scale each, broadcast, either operand a constant. An output scale whose multiplier is 1 or more is
refused, as by the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import finish, requant
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import INT8, operands, require, scale, zero_point
from edge_tr.operators.checks import requant as requant_of
from edge_tr.record import Record, Requant
from edge_tr.structs import Value
from edge_tr.tr.requant import Rounding

LEFT_SHIFT = 7


@dataclass(frozen=True)
class SquaredDifferenceParams(BroadcastParams):
    """out = requant_out((requant1((a - zp1) << 7) - requant2((b - zp2) << 7))^2) + zp, `zero_points` in this order."""

    function: ClassVar[str] = "tr_squared_difference"
    monotone: ClassVar[bool] = False
    zero_points: tuple[int, int, int]
    requant1: Requant  # n = 1, shift <= 0
    requant2: Requant
    requant_out: Requant

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        first, second = (
            requant((x - np.int32(zero)) << LEFT_SHIFT, by, rounding)
            for x, zero, by in zip((a, b), self.zero_points, (self.requant1, self.requant2))
        )
        difference = first - second
        return finish(difference * difference, self.requant_out, self.zero_points[2], INT8, rounding)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, second = (float(by.real[0]) * 2**LEFT_SHIFT for by in (self.requant1, self.requant2))
        twice = 2 * float(self.requant_out.real[0])
        difference = first * (a - self.zero_points[0]) - second * (b - self.zero_points[1])
        return twice * first * difference, -twice * second * difference

    def values(self) -> Mapping[str, Value]:
        factors = (self.requant1, self.requant2, self.requant_out)
        return {"zero_points": self.zero_points, "factors": factors, "left_shift": LEFT_SHIFT}


def prepare(graph: Graph, op: Op) -> Record:
    """Both operands are brought to twice the larger scale with 7 bits of headroom."""
    a, b, y = operands(graph, op)
    twice = 2 * max(scale(a), scale(b))
    output = twice * twice / ((1 << 2 * LEFT_SHIFT) * scale(y))
    require(output < 1, f"output scale {scale(y)} for inputs up to scale {twice / 2}", "a larger output scale")
    return broadcast(
        (a, b),
        y,
        SquaredDifferenceParams,
        zero_points=(zero_point(a), zero_point(b), zero_point(y)),
        requant1=requant_of(scale(a) / twice),
        requant2=requant_of(scale(b) / twice),
        requant_out=requant_of(output),
    )


KINDS = {"SQUARED_DIFFERENCE": (prepare, 2)}
