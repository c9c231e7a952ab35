"""Change a .tflite file in place: same tables, same size, other values.

With revealed weights (and tuned biases) written back, an interpreter that knows nothing of terms
runs the revealed model: the golden model's independent oracle.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import tflite

from edge_tr.errors import ModelError, UsageError
from edge_tr.graph import PART, Graph, Op
from edge_tr.ir.tflite import parse
from edge_tr.ir.unsigned import in_file
from edge_tr.operators import DotParams, dots, op_text
from edge_tr.operators.dot import fitting

WEIGHTS_INPUT = 1
BIAS_INPUT = 2


def rewrite_weights(data: bytes, weights: Mapping[int, np.ndarray]) -> bytes:
    """A copy of the model `data` with weights [rows, K], as its records have them, by operator index.

    Operators may share a buffer; then all of them must come to the same
    weights, or `UsageError`.
    """
    graph = parse(data)
    ops = _by_index(graph)
    return _rewrite(data, graph, WEIGHTS_INPUT, {i: _to_tflite_layout(graph, ops[i], w) for i, w in weights.items()})


def rewrite_biases(data: bytes, biases: Mapping[int, np.ndarray]) -> bytes:
    """A copy of the model `data` with int32 [rows] biases by operator index, as `rewrite_weights`."""
    graph = parse(data)
    ops = _by_index(graph)
    return _rewrite(data, graph, BIAS_INPUT, {i: _bias_bytes(graph, ops[i], b) for i, b in biases.items()})


def sole_readers(data: bytes, position: int) -> frozenset[int]:
    """Dot products, by operator index, whose constant at input `position` nothing else in the file reads."""
    graph = parse(data)
    buffers = _buffers(data)
    reads = Counter(buffers[tensor] for op in graph.ops for tensor in op.inputs if tensor in buffers)
    readers = (op for op in dots(graph) if len(op.inputs) > position and op.inputs[position] >= 0)
    return frozenset(op.index for op in readers if reads[buffers[op.inputs[position]]] == 1)


def _by_index(graph: Graph) -> dict[int, Op]:
    """Operators, and the parts of those that are made of dot products."""
    return {op.index: op for op in (*graph.ops, *dots(graph))}


def _buffers(data: bytes) -> dict[int, int]:
    """The buffer of each tensor that the file has."""
    tensors = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    return {i: tensors.Tensors(i).Buffer() for i in range(tensors.TensorsLength())}


def _rewrite(data: bytes, graph: Graph, position: int, contents: Mapping[int, bytes]) -> bytes:
    """A copy of `data` with new bytes, by operator index, for the constants at input `position`."""
    model = tflite.Model.GetRootAs(data, 0)
    result = bytearray(data)
    for buffer, content in _bytes_by_buffer(graph, _buffers(data), position, contents).items():
        table = model.Buffers(buffer)._tab
        start = table.Vector(table.Offset(4))  # field 0 of Buffer: data
        result[start : start + len(content)] = content
    return bytes(result)


def _bytes_by_buffer(
    graph: Graph, buffers: Mapping[int, int], changed: int, contents: Mapping[int, bytes]
) -> dict[int, bytes]:
    """New content of each changed buffer; refuses readers that would want different contents."""
    ops = _by_index(graph)
    new: dict[int, bytes] = {}
    owner: dict[int, Op] = {}
    written = set()
    for index, content in contents.items():
        op = ops[index]
        buffer = buffers[op.inputs[changed]]
        if new.setdefault(buffer, content) != content:
            raise _shared(graph, changed, owner[buffer], op)
        owner[buffer] = op
        written.add((op.index % PART, op.inputs[changed]))
    for op in graph.ops:
        for tensor in op.inputs:
            buffer = buffers.get(tensor, -1)  # states and absent inputs have none
            if buffer not in new or (op.index, tensor) in written:
                continue
            if in_file(graph.tensor(tensor), graph.tensor(tensor).data) != new[buffer]:
                raise _shared(graph, changed, owner[buffer], op)
    return new


def _shared(graph: Graph, position: int, first: Op, second: Op) -> UsageError:
    noun, plural = ("weight", "weights") if position == WEIGHTS_INPUT else ("bias", "biases")
    return UsageError(
        f"{op_text(graph, first)} and {op_text(graph, second)} share one {noun} buffer in the file "
        f"and would get different {plural}; give both the same budget"
    )


def _to_tflite_layout(graph: Graph, op: Op, weights: np.ndarray) -> bytes:
    """Weights [rows, K] in the file's order, as its type."""
    if not isinstance(op.record, DotParams):
        raise ValueError(f"{op.kind} has no weights")
    return in_file(graph.tensor(op.inputs[WEIGHTS_INPUT]), op.record.in_file(fitting(op.record, weights)))


def _has_bias(op: Op) -> bool:
    return isinstance(op.record, DotParams) and len(op.inputs) > BIAS_INPUT and op.inputs[BIAS_INPUT] >= 0


def _bias_bytes(graph: Graph, op: Op, bias: np.ndarray) -> bytes:
    """int32 [rows] as the file holds it, little endian."""
    if not _has_bias(op):
        raise ValueError(f"{op_text(graph, op)} has no bias")
    bias = np.asarray(bias)
    rows = len(op.record.weights)
    if bias.dtype != np.int32 or bias.shape != (rows,):
        raise ValueError(f"biases must be int32 ({rows},), got {bias.dtype} {bias.shape}")
    return bias.astype("<i4").tobytes()


def with_constants_of(data: bytes, other: bytes) -> bytes:
    """`other`, proven to be the model `data` with nothing but weights and biases of dot products changed.

    UsageError when anything else differs.
    """
    graph = parse(data)
    try:
        changed = parse(other)
        records = {op.index: op.record for op in dots(changed)}
        biased = {op.index for op in dots(graph) if _has_bias(op)}
        result = rewrite_weights(data, {index: record.weights for index, record in records.items()})
        result = rewrite_biases(result, {index: records[index].bias for index in biased})
    except (KeyError, ValueError, ModelError, UsageError):
        result = None
    if result != other:
        raise UsageError("the two model files differ in more than weights and biases")
    return result


def with_outputs(data: bytes, tensors: Sequence[int]) -> bytes:
    """A copy of the model with other outputs, any number of them; what nobody reads any more is still computed."""
    table = tflite.Model.GetRootAs(data, 0).Subgraphs(0)._tab
    field = table.Pos + table.Offset(8)  # field 2
    result = bytearray(data) + bytes(-len(data) % 4)
    struct.pack_into("<I", result, field, len(result) - field)  # a vector's place is a distance from the field
    return bytes(result) + struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)


def without_operators(data: bytes, ops: Collection[int], inputs: Sequence[int]) -> bytes:
    """A copy of the model without some operators, by index, and with other inputs."""
    table = tflite.Model.GetRootAs(data, 0).Subgraphs(0)._tab
    vector, count = table.Vector(table.Offset(10)), table.VectorLen(table.Offset(10))  # field 3
    result = bytearray(data) + bytes(-len(data) % 4)
    places = [vector + 4 * i for i in range(count) if i not in ops]
    tables = [place + struct.unpack_from("<I", data, place)[0] for place in places]
    struct.pack_into("<I", result, vector - 4, len(tables))
    for i, place in enumerate(tables):  # a table's place is a distance from its entry
        struct.pack_into("<I", result, vector + 4 * i, place - vector - 4 * i)
    field = table.Pos + table.Offset(6)  # field 1
    struct.pack_into("<I", result, field, len(result) - field)
    return bytes(result) + struct.pack(f"<I{len(inputs)}i", len(inputs), *inputs)


def with_vector_axes(data: bytes) -> bytes:
    """A copy of the model whose vectors have their scales along dimension 0, as they must: the interpreter refuses
    files that give a bias the dimension of its weights, which TFLite Micro runs."""
    subgraph, result = tflite.Model.GetRootAs(data, 0).Subgraphs(0), bytearray(data)
    for tensor in (subgraph.Tensors(i) for i in range(subgraph.TensorsLength())):
        q = tensor.Quantization()
        if tensor.ShapeLength() == 1 and q is not None and q.QuantizedDimension():
            struct.pack_into("<i", result, q._tab.Pos + q._tab.Offset(16), 0)  # field 6
    return bytes(result)
