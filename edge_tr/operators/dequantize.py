"""DEQUANTIZE: at the graph's output it is the host's (`ir.passes`), between int8 tensors a part of a table
(`ir.islands`), anywhere else it is refused."""

from __future__ import annotations

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, require


def prepare(graph: Graph, op: Op) -> None:
    """What has become nothing else."""
    arity(op, (1,))
    require(False, "float arithmetic after it", "element-wise operators up to a QUANTIZE, or the graph's output")


KINDS = {"DEQUANTIZE": (prepare, 7)}
