"""Graph to graph: what the device does not need to do is taken out.

Operators keep their TFLite indices, so `op.index` still names the operator in
the file after others have gone.
"""

from __future__ import annotations

from dataclasses import replace

from edge_tr.graph import Graph, Op, Tensor


def as_reshapes(graph: Graph) -> Graph:
    """EXPAND_DIMS and SQUEEZE, which only give the same bytes another shape, become RESHAPE.

    What does not give the output's shape stays, and is reported as unsupported later.
    """
    return replace(graph, ops=tuple(_as_reshape(graph, op) for op in graph.ops))


def _as_reshape(graph: Graph, op: Op) -> Op:
    if op.kind not in _SHAPERS or not op.inputs or len(op.outputs) != 1:
        return op
    shape = list(graph.tensor(op.outputs[0]).shape)
    if _SHAPERS[op.kind](graph, op) != shape:
        return op
    return replace(op, kind="RESHAPE", inputs=op.inputs[:1], options={"new_shape": shape}, version=1)


def _expanded(graph: Graph, op: Op) -> list[int] | None:
    """The shape that EXPAND_DIMS gives."""
    axis = graph.tensor(op.inputs[1]).data if len(op.inputs) == 2 and op.inputs[1] >= 0 else None
    shape = list(graph.tensor(op.inputs[0]).shape)
    if axis is None or axis.size != 1 or not -len(shape) - 1 <= int(axis.reshape(-1)[0]) <= len(shape):
        return None
    at = int(axis.reshape(-1)[0]) % (len(shape) + 1)
    return [*shape[:at], 1, *shape[at:]]


def _squeezed(graph: Graph, op: Op) -> list[int] | None:
    """The shape that SQUEEZE gives; without dimensions named, all of 1 go."""
    shape = graph.tensor(op.inputs[0]).shape
    named = [int(axis) for axis in op.options.get("squeeze_dims", ())]
    if any(not -len(shape) <= axis < len(shape) for axis in named):
        return None
    gone = {axis % len(shape) for axis in named} or {i for i, size in enumerate(shape) if size == 1}
    return None if any(shape[i] != 1 for i in gone) else [size for i, size in enumerate(shape) if i not in gone]


_SHAPERS = {"EXPAND_DIMS": _expanded, "SQUEEZE": _squeezed}


def strip_boundary(graph: Graph) -> Graph:
    """Drop QUANTIZE of a float32 graph input and DEQUANTIZE to a float32 graph output, and QUANTIZE between uint8 ends
    and the same values as int8.

    The host converts and the device runs int8; the graph's input and output become the int8 tensors.
    """
    ops = list(graph.ops)
    inputs = tuple(_strip_quantize(graph, ops, i) for i in graph.inputs)
    inside = {i: _strip_dequantize(graph, ops, i) for i in dict.fromkeys(graph.outputs)}
    return replace(graph, ops=tuple(ops), inputs=inputs, outputs=tuple(inside[i] for i in graph.outputs))


def _strip_quantize(graph: Graph, ops: list[Op], index: int) -> int:
    readers = [op for op in ops if index in op.inputs]
    if len(readers) != 1 or index in graph.outputs:
        return index
    op = readers[0]
    if op.kind != "QUANTIZE" or len(op.inputs) != 1 or len(op.outputs) != 1:
        return index
    outside, inside = graph.tensor(index), graph.tensor(op.outputs[0])
    if outside.shape != inside.shape or not (outside.dtype == "float32" or _is_shifted(outside, inside)):
        return index
    ops.remove(op)
    return op.outputs[0]


def _strip_dequantize(graph: Graph, ops: list[Op], index: int) -> int:
    writers = [op for op in ops if index in op.outputs]
    if len(writers) != 1:
        return index
    op = writers[0]
    if len(op.inputs) != 1 or op.inputs[0] < 0 or any(index in other.inputs for other in ops):
        return index
    outside, inside = graph.tensor(index), graph.tensor(op.inputs[0])
    dequantized = op.kind == "DEQUANTIZE" and outside.dtype == "float32"
    if outside.shape != inside.shape or not (dequantized or (op.kind == "QUANTIZE" and _is_shifted(outside, inside))):
        return index
    ops.remove(op)
    return op.inputs[0]


def _is_shifted(outside: Tensor, inside: Tensor) -> bool:
    """Whether they are the same values, uint8 in the file outside and int8 inside (`ir.unsigned`)."""
    a, b = outside.quantization, inside.quantization
    if not outside.unsigned or inside.unsigned or inside.dtype != "int8" or a is None or b is None:
        return False
    return bool(a.per_tensor and b.per_tensor and a.scale[0] == b.scale[0] and a.zero_point[0] == b.zero_point[0])
