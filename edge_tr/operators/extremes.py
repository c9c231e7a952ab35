"""MAXIMUM and MINIMUM: tensorflow/lite/kernels/maximum_minimum.cc, which compares bytes whatever the scales say.

int8 with one scale each, broadcast, either operand a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import operands
from edge_tr.record import Record
from edge_tr.tr.requant import Rounding


@dataclass(frozen=True)
class ExtremeParams(BroadcastParams):
    """The larger or the smaller byte."""

    kind: str  # "MAXIMUM" or "MINIMUM"

    @property
    def function(self) -> str:
        """Of the kernel."""
        return f"tr_{self.kind.lower()}"

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        return (np.maximum if self.kind == "MAXIMUM" else np.minimum)(a, b).astype(np.int8)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = (a > b if self.kind == "MAXIMUM" else a < b) + 0.5 * (a == b)
        return first, 1 - first

    def inside(self, output: np.ndarray) -> np.ndarray:
        return np.ones(output.shape, bool)


def prepare(graph: Graph, op: Op) -> Record:
    """Nothing but the bytes matters."""
    a, b, y = operands(graph, op)
    return broadcast((a, b), y, ExtremeParams, kind=op.kind)


KINDS = {"MAXIMUM": (prepare, 4), "MINIMUM": (prepare, 4)}
