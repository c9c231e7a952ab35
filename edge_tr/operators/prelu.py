"""PRELU: `PreluPrepare` in tensorflow/lite/kernels/activations.cc, internal/reference/prelu.h.

int8 with one scale each; alpha, constant or computed, broadcasts to the input's shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import finish
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import INT8, operands, output_shape, requant, zero_point
from edge_tr.operators.rectifiers import float32_quotient
from edge_tr.record import Record, Requant
from edge_tr.structs import Value
from edge_tr.tr.requant import Rounding


@dataclass(frozen=True)
class PreluParams(BroadcastParams):
    """out = requant1(x - zp1), below zero requant2((x - zp1) * (alpha - zp2)), + zp; `zero_points` in this order."""

    function: ClassVar[str] = "tr_prelu"
    monotone: ClassVar[bool] = False
    zero_points: tuple[int, int, int]
    requant1: Requant  # n = 1
    requant2: Requant

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        x, alpha = a - np.int32(self.zero_points[0]), b - np.int32(self.zero_points[1])
        same = finish(x, self.requant1, self.zero_points[2], INT8, rounding)
        below = finish(x * alpha, self.requant2, self.zero_points[2], INT8, rounding)
        return np.where(x >= 0, same, below)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        same, below = (float(by.real[0]) for by in (self.requant1, self.requant2))
        x, alpha = a - self.zero_points[0], b - self.zero_points[1]
        return np.where(x >= 0, same, below * alpha), np.where(x >= 0, 0, below * x)

    def values(self) -> Mapping[str, Value]:
        return {"zero_points": self.zero_points, "factors": (self.requant1, self.requant2, (0, 0))}


def prepare(graph: Graph, op: Op) -> Record:
    """Values below zero have a multiplier of their own."""
    x, alpha, y = operands(graph, op)
    output_shape(y, x.shape)
    with np.errstate(over="ignore"):
        below = x.quantization.scale[0] * alpha.quantization.scale[0] / y.quantization.scale[0]
    return broadcast(
        (x, alpha),
        y,
        PreluParams,
        zero_points=(zero_point(x), zero_point(alpha), zero_point(y)),
        requant1=requant(float32_quotient(x, y)),
        requant2=requant(float(below)),
    )


KINDS = {"PRELU": (prepare, 1)}
