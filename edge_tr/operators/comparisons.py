"""EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL: tensorflow/lite/kernels/comparisons.cc,
`ComparisonWithScaling` in internal/reference/comparisons.h.

int8 with one scale each, broadcast, either operand a constant, to bool. Both operands are scaled by their own scale
with 8 fraction bits and rounded, so that small scales make different values equal: the reference's answer. Scales of 1
and more are refused: its shift is undefined there. EQUAL and NOT_EQUAL of bool too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import INT8_VALUES, by_unsigned_byte
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import arity, flags, operand, require, scale, zero_point
from edge_tr.operators.logical import FlagsParams
from edge_tr.record import Record, Size
from edge_tr.structs import Array, Value
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier, quantize_multiplier

LEFT_SHIFT = 8
COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
}
VERSIONS = {"EQUAL": 5, "NOT_EQUAL": 4, "LESS": 3, "LESS_EQUAL": 2, "GREATER": 2, "GREATER_EQUAL": 3}


@dataclass(frozen=True)
class ComparisonParams(BroadcastParams):
    """requant((a - zp1) << 8) against requant((b - zp2) << 8), each by (multiplier, shift) of its operand."""

    limits: ClassVar[Size] = (0, 1)
    kind: str
    zero_points: tuple[int, int]
    factors: tuple[tuple[int, int], tuple[int, int]]

    @property
    def monotone(self) -> bool:
        """Not where equality comes and goes."""
        return self.kind not in ("EQUAL", "NOT_EQUAL")

    @property
    def function(self) -> str:
        """Of the kernel."""
        return f"tr_{self.kind.lower()}"

    def _scaled(self, x: np.ndarray, side: int) -> np.ndarray:
        raised = (x - np.int32(self.zero_points[side])) << LEFT_SHIFT
        multiplier, shift = self.factors[side]
        return multiply_by_quantized_multiplier(raised, np.int32(multiplier), np.int32(shift))

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        return COMPARISONS[self.kind](self._scaled(a, 0), self._scaled(b, 1)).astype(np.int8)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = np.zeros(np.broadcast_shapes(a.shape, b.shape))
        return flat, flat

    def values(self) -> Mapping[str, Value]:
        """Both operands scaled, by their bytes."""
        first, second = (by_unsigned_byte(self._scaled(INT8_VALUES, side)) for side in (0, 1))
        return {"first": Array("int32_t", "first", first), "second": Array("int32_t", "second", second)}


def prepare(graph: Graph, op: Op) -> Record:
    """Multipliers of the operands' scales themselves."""
    arity(op, (2,))
    y = flags(graph, op.outputs[0], "output")
    if op.kind in ("EQUAL", "NOT_EQUAL") and op.inputs[0] >= 0 and graph.tensor(op.inputs[0]).dtype == "bool":
        pair = (flags(graph, op.inputs[0], "first input"), flags(graph, op.inputs[1], "second input"))
        return broadcast(pair, y, FlagsParams, kind=op.kind)
    a, b = operand(graph, op.inputs[0], "first input"), operand(graph, op.inputs[1], "second input")
    for of in (a, b):
        require(scale(of) < 1, f"input scale {scale(of)}", "below 1")
    factors = tuple(tuple(int(v) for v in quantize_multiplier(scale(of))) for of in (a, b))
    zero_points = (zero_point(a), zero_point(b))
    return broadcast((a, b), y, ComparisonParams, kind=op.kind, zero_points=zero_points, factors=factors)


KINDS = {kind: (prepare, VERSIONS[kind]) for kind in COMPARISONS}
