"""MUL: tensorflow/lite/kernels/mul.cc, internal/reference/integer_ops/mul.h. int8 with one scale each, broadcast,
either operand a constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import finish
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import activation_range, operands, requant, zero_point
from edge_tr.record import Record, Requant, Size
from edge_tr.structs import Value
from edge_tr.tr.requant import Rounding


@dataclass(frozen=True)
class MulParams(BroadcastParams):
    """out = requant((a - zp1) * (b - zp2)) + zp, `zero_points` in this order."""

    function: ClassVar[str] = "tr_mul"
    zero_points: tuple[int, int, int]
    requant: Requant  # n = 1
    activation: Size

    @property
    def limits(self) -> Size:
        return self.activation

    @property
    def monotone(self) -> bool:
        """Where a large scale does not wrap the product."""
        return int(self.requant.shift[0]) <= 14

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        product = (a - np.int32(self.zero_points[0])) * (b - np.int32(self.zero_points[1]))
        return finish(product, self.requant, self.zero_points[2], self.activation, rounding)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factor = float(self.requant.real[0])
        return factor * (b - self.zero_points[1]), factor * (a - self.zero_points[0])

    def values(self) -> Mapping[str, Value]:
        unused = (0, 0)
        low, high = self.activation
        factors = (unused, unused, self.requant)
        return {"zero_points": self.zero_points, "factors": factors, "minimum": low, "maximum": high}


def prepare(graph: Graph, op: Op) -> Record:
    """The product of the scales is one of float32."""
    a, b, y = operands(graph, op)
    with np.errstate(over="ignore"):
        real = a.quantization.scale[0] * b.quantization.scale[0] / y.quantization.scale[0]
    zero_points = (zero_point(a), zero_point(b), zero_point(y))
    integers = dict(zero_points=zero_points, requant=requant(float(real)), activation=activation_range(op, y))
    return broadcast((a, b), y, MulParams, **integers)


KINDS = {"MUL": (prepare, 7)}
