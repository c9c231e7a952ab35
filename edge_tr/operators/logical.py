"""LOGICAL_AND, LOGICAL_OR and LOGICAL_NOT of bool: tensorflow/lite/kernels/logical.cc, elementwise.cc.

Broadcast, either operand a constant. Flags are bytes of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import arity, flags, output_shape, require
from edge_tr.operators.lookup import LookupParams, looked_up
from edge_tr.record import Record, Size
from edge_tr.tr.requant import Rounding

_OF_FLAGS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "LOGICAL_AND": np.logical_and,
    "LOGICAL_OR": np.logical_or,
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
}


@dataclass(frozen=True)
class FlagsParams(BroadcastParams):
    """Of two flags, a flag."""

    limits: ClassVar[Size] = (0, 1)
    monotone: ClassVar[bool] = False
    kind: str

    @property
    def function(self) -> str:
        """Of the kernel."""
        return f"tr_flags_{self.kind.removeprefix('LOGICAL_').lower()}"

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        return _OF_FLAGS[self.kind](a, b).astype(np.int8)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = np.zeros(np.broadcast_shapes(a.shape, b.shape))
        return flat, flat


def prepare(graph: Graph, op: Op) -> Record:
    """Of two operands."""
    arity(op, (2,))
    pair = (flags(graph, op.inputs[0], "first input"), flags(graph, op.inputs[1], "second input"))
    return broadcast(pair, flags(graph, op.outputs[0], "output"), FlagsParams, kind=op.kind)


def prepare_not(graph: Graph, op: Op) -> LookupParams:
    """A table like any other function of one byte."""
    arity(op, (1,))
    x, y = flags(graph, op.inputs[0], "input"), flags(graph, op.outputs[0], "output")
    require(x.data is None, f"a constant input '{x.name}'", "a computed input")
    output_shape(y, x.shape)
    return looked_up(x.size, lambda _: (INT8_VALUES == 0).astype(np.int8), np.zeros(256))


KINDS = {"LOGICAL_AND": (prepare, 1), "LOGICAL_OR": (prepare, 1), "LOGICAL_NOT": (prepare_not, 1)}
