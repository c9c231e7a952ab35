"""Change a .tflite file in place: same tables, same size, other values.

With revealed weights written back, an interpreter that knows nothing of terms
runs the revealed model: the golden model's independent oracle.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import tflite

from edge_tr.errors import UsageError
from edge_tr.ir.graph import Graph, Op
from edge_tr.ir.params import DOT_KINDS, dot_weights, op_text
from edge_tr.ir.tflite import parse, read

WEIGHTS_INPUT = 1


def rewrite_weights(data: bytes, weights: Mapping[int, np.ndarray]) -> bytes:
    """A copy of the model `data` with int8 [rows, K] weights by operator index.

    Operators may share a buffer; then all of them must come to the same
    weights, or `UsageError`.
    """
    graph = parse(data)
    model = tflite.Model.GetRootAs(data, 0)
    tensors = model.Subgraphs(0)
    buffers = [tensors.Tensors(i).Buffer() for i in range(len(graph.tensors))]
    new = _bytes_by_buffer(graph, buffers, weights)
    result = bytearray(data)
    for buffer, content in new.items():
        table = model.Buffers(buffer)._tab
        start = table.Vector(table.Offset(4))  # field 0 of Buffer: data
        result[start : start + len(content)] = content
    return bytes(result)


def _bytes_by_buffer(graph: Graph, buffers: list[int], weights: Mapping[int, np.ndarray]) -> dict[int, bytes]:
    """New content of each changed buffer; refuses readers that would want different contents."""
    ops = {op.index: op for op in graph.ops}
    new: dict[int, bytes] = {}
    owner: dict[int, Op] = {}
    for index, revealed in weights.items():
        op = ops[index]
        buffer, content = buffers[op.inputs[WEIGHTS_INPUT]], _to_tflite_layout(graph, op, revealed)
        if new.setdefault(buffer, content) != content:
            raise _shared(graph, owner[buffer], op)
        owner[buffer] = op
    for op in graph.ops:
        for position, tensor in enumerate(op.inputs):
            buffer = buffers[tensor] if tensor >= 0 else -1
            if buffer not in new or (op.index in weights and position == WEIGHTS_INPUT):
                continue
            if graph.tensor(tensor).data.tobytes() != new[buffer]:
                raise _shared(graph, owner[buffer], op)
    return new


def _shared(graph: Graph, first: Op, second: Op) -> UsageError:
    return UsageError(
        f"{op_text(graph, first)} and {op_text(graph, second)} share one weight buffer in the file "
        "and would get different weights; give both the same budget"
    )


def _to_tflite_layout(graph: Graph, op: Op, weights: np.ndarray) -> bytes:
    """int8 [rows, K] to the file's order: DEPTHWISE_CONV_2D is 1HWO, the others start with O."""
    if op.kind not in DOT_KINDS:
        raise ValueError(f"{op.kind} has no weights")
    weights = np.asarray(weights)
    expected = dot_weights(graph, op).shape
    if weights.dtype != np.int8 or weights.shape != expected:
        raise ValueError(f"weights must be int8 {expected}, got {weights.dtype} {weights.shape}")
    return (weights.T if op.kind == "DEPTHWISE_CONV_2D" else weights).tobytes()


def truncate(data: bytes, tensor: int) -> bytes:
    """A copy of the model that stops after the operator that writes `tensor`, its new output."""
    graph = read(data)
    last = next(op.index for op in graph.ops if tensor in op.outputs)
    table = tflite.Model.GetRootAs(data, 0).Subgraphs(0)._tab
    outputs, operators = (table.Vector(table.Offset(field)) for field in (8, 10))  # fields 2 and 3
    result = bytearray(data)
    struct.pack_into("<I", result, operators - 4, last + 1)  # a vector's length stands before it
    struct.pack_into("<i", result, outputs, tensor)
    return bytes(result)
