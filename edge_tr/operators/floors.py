"""FLOOR_DIV and FLOOR_MOD: tensorflow/lite/kernels/floor_div.cc, floor_mod.cc: of the bytes, whatever the scales say.

int8, broadcast, either operand a constant. The reference refuses to run a divisor of zero; here the result is zero. The
one quotient beyond int8, -128 / -1, is -128 as in TFLite 2.14 (LiteRT says 127: C leaves it undefined).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import operands
from edge_tr.record import Record
from edge_tr.tr.requant import Rounding


@dataclass(frozen=True)
class FloorParams(BroadcastParams):
    """Quotient or remainder, rounded down."""

    monotone: ClassVar[bool] = False
    kind: str  # "FLOOR_DIV" or "FLOOR_MOD"

    @property
    def function(self) -> str:
        """Of the kernel."""
        return f"tr_{self.kind.lower()}"

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        safe = np.where(b == 0, 1, b)
        results = a // safe if self.kind == "FLOOR_DIV" else a % safe
        return np.where(b == 0, 0, results).astype(np.int8)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        safe = np.where(b == 0, np.inf, b)
        if self.kind == "FLOOR_DIV":
            return 1 / safe, -a / safe**2
        return np.ones(np.broadcast_shapes(a.shape, b.shape)), -np.floor(a / safe)


def prepare(graph: Graph, op: Op) -> Record:
    """Nothing but the bytes matters."""
    a, b, y = operands(graph, op)
    return broadcast((a, b), y, FloorParams, kind=op.kind)


KINDS = {"FLOOR_DIV": (prepare, 3), "FLOOR_MOD": (prepare, 2)}
