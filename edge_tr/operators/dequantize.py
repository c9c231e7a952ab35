"""DEQUANTIZE: at the graph's output it is the host's (`ir.passes`), anywhere else it is refused."""

from __future__ import annotations

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, require


def prepare(graph: Graph, op: Op) -> None:
    """Only DEQUANTIZE to the graph's output can be left to the host."""
    arity(op, (1,))
    require(False, "float arithmetic after it", "one DEQUANTIZE to the graph's float32 output, left to the host")


KINDS = {"DEQUANTIZE": (prepare, 7)}
