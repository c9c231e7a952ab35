"""What is refused of uint8 operands, which an import has made int8 ones (`ir.unsigned`)."""

from __future__ import annotations

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import require

OFFSET = 128
"""By which a uint8 value is higher than the graph's int8."""
WITHOUT_KERNEL = frozenset(
    {"ABS", "ADD_N", "BATCH_MATMUL", "CUMSUM", "ELU", "EXP", "FLOOR_DIV", "FLOOR_MOD", "LOG", "NEG", "REDUCE_PROD"}
    | {"DYNAMIC_UPDATE_SLICE", "FILL", "RSQRT", "SQRT", "SQUARED_DIFFERENCE", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
)
"""Operators whose reference kernel takes int8 but not uint8."""


def check(graph: Graph, op: Op) -> None:
    """ModelError for operands that TFLite's reference does not take."""
    tensors = [graph.tensor(i) for i in (*op.inputs, *op.outputs) if i >= 0]
    quantised = [of.unsigned for of in tensors if of.dtype == "int8"]
    if not any(quantised):
        return
    require(op.kind == "QUANTIZE" or all(quantised), "uint8 beside int8", "one of them")
    require(op.kind not in WITHOUT_KERNEL, "uint8", "int8: TFLite's reference has no uint8 kernel of this operator")
