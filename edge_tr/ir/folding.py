"""Arithmetic of shapes is done at once: what converters write in front of a RESHAPE where a dimension was free.

SHAPE of any tensor is known, and so is what becomes of it: the operators below, on integers that are all in the file,
give a constant. What cannot be folded stays, and is computed by the device or reported as unsupported later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor

INTEGERS = ("int32", "int64")
OF_SHAPES = ("SHAPE", "RANK", "ZEROS_LIKE")
"""What they give depends on no value."""
OF_ANY_TYPE = ("FILL", "ZEROS_LIKE", "RANGE")
MOST = 4096
"""Elements of a constant that is folded: a shape has few; what is larger may be a table that the model looks into."""


def fold_shapes(graph: Graph) -> Graph:
    """The graph without the operators whose results are known integers."""
    tensors = list(graph.tensors)
    ops = []
    for op in graph.ops:
        value = _folded(op, tensors)
        if value is None:
            ops.append(op)
            continue
        value.flags.writeable = False
        tensors[op.outputs[0]] = replace(tensors[op.outputs[0]], data=value)
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def with_known_shapes(graph: Graph) -> Graph:
    """The graph without inputs that only say which shape a TRANSPOSE_CONV gives, as parts of models have that were cut
    in front of it: its output's tensor says so too, and memory is planned for that."""
    tensors, read = list(graph.tensors), Counter(i for op in graph.ops for i in op.inputs)
    for op in (op for op in graph.ops if op.kind == "TRANSPOSE_CONV" and op.inputs and len(op.outputs) == 1):
        value = np.array(tensors[op.outputs[0]].shape, np.int32)
        given = tensors[op.inputs[0]]
        alone = op.inputs[0] in graph.inputs and read[op.inputs[0]] == 1 and op.inputs[0] not in graph.outputs
        if alone and (given.dtype, given.shape) == ("int32", value.shape):
            value.flags.writeable = False
            tensors[given.index] = replace(given, data=value)
    left = [pair for pair in zip(graph.inputs, graph.file_inputs) if tensors[pair[0]].data is None]
    inputs, file_inputs = zip(*left) if left else ((), ())
    return replace(graph, tensors=tuple(tensors), inputs=tuple(inputs), file_inputs=tuple(file_inputs))


def _folded(op: Op, tensors: Sequence[Tensor]) -> np.ndarray | None:
    """The result of `op` as its output tensor has it, or None."""
    if op.kind not in _FOLDERS or len(op.outputs) != 1 or not op.inputs or min(op.inputs) < 0:
        return None
    output, inputs = tensors[op.outputs[0]], [tensors[i] for i in op.inputs]
    if (output.dtype not in INTEGERS and op.kind not in OF_ANY_TYPE) or op.options.get(
        "fused_activation_function", "NONE"
    ) != "NONE":
        return None
    types = (*INTEGERS, output.dtype)
    if op.kind not in OF_SHAPES and any(t.data is None or t.dtype not in types or t.size > MOST for t in inputs):
        return None
    try:
        value = _FOLDERS[op.kind](op, inputs)
        value = value.astype(output.dtype) if op.kind == "CAST" else value
    except (IndexError, ValueError, TypeError):  # of damaged operators, which are reported where they are prepared
        return None
    if value is None or value.shape != output.shape or value.dtype.name != output.dtype or value.size > MOST:
        return None
    return np.array(value, order="C")


def _shape(op: Op, inputs: list[Tensor]) -> np.ndarray | None:
    wanted = op.options.get("out_type", "int32")
    return np.array(inputs[0].shape, wanted) if len(inputs) == 1 and wanted in INTEGERS else None


def _strided_slice(op: Op, inputs: list[Tensor]) -> np.ndarray | None:
    """Of vectors, which is what a shape is: any part, or one element where the axis shrinks."""
    if len(inputs) != 4 or any(len(t.shape) != 1 for t in inputs):
        return None
    options = op.options
    values, begin, end, stride = (t.data for t in inputs)
    if not begin.size == end.size == stride.size == 1 or stride[0] == 0:
        return None
    if not options or options["ellipsis_mask"] or options["new_axis_mask"] or options["offset"]:
        return None
    first = int(begin[0])
    if options["shrink_axis_mask"]:
        return values[first].reshape(()) if -values.size <= first < values.size else None
    return values[slice(None if options["begin_mask"] else first, None if options["end_mask"] else int(end[0]),
                        int(stride[0]))]  # fmt: skip


def _slice(op: Op, inputs: list[Tensor]) -> np.ndarray | None:
    values, begin, size = (t.data for t in inputs)
    if len(begin) != values.ndim or len(size) != values.ndim:
        return None
    ends = [length if n == -1 else int(b) + int(n) for length, b, n in zip(values.shape, begin, size)]
    return values[tuple(slice(int(b), e) for b, e in zip(begin, ends))]


def _pack(op: Op, inputs: list[Tensor]) -> np.ndarray:
    return np.stack([t.data for t in inputs], axis=int(op.options.get("axis", 0)))


def _concatenation(op: Op, inputs: list[Tensor]) -> np.ndarray:
    return np.concatenate([t.data for t in inputs], axis=int(op.options.get("axis", 0)))


def _gather(op: Op, inputs: list[Tensor]) -> np.ndarray | None:
    values, indices = (t.data for t in inputs)
    if op.options.get("batch_dims", 0) or indices.min(initial=0) < 0:
        return None
    return np.take(values, indices, axis=int(op.options.get("axis", 0)))


def _reduction(function: Callable[..., np.ndarray]) -> Callable[[Op, list[Tensor]], np.ndarray]:
    def fold(op: Op, inputs: list[Tensor]) -> np.ndarray:
        values, axes = (t.data for t in inputs)
        keep = bool(op.options.get("keep_dims", False))
        axis = tuple(int(a) for a in axes.reshape(-1))
        return np.asarray(function(values, axis=axis, keepdims=keep), values.dtype)

    return fold


def _pointwise(function: np.ufunc) -> Callable[[Op, list[Tensor]], np.ndarray | None]:
    def fold(op: Op, inputs: list[Tensor]) -> np.ndarray | None:
        a, b = (t.data for t in inputs)
        return np.asarray(function(a, b)) if a.dtype == b.dtype else None

    return fold


def _quotient(op: Op, inputs: list[Tensor]) -> np.ndarray | None:
    a, b = (t.data for t in inputs)
    return np.asarray(np.floor_divide(a, b)) if a.dtype == b.dtype and (b != 0).all() else None


def _reshaped(op: Op, inputs: list[Tensor]) -> np.ndarray:
    shape = inputs[1].data.reshape(-1) if len(inputs) > 1 else op.options.get("new_shape", ())
    return inputs[0].data.reshape([int(d) for d in shape])


def _expanded(op: Op, inputs: list[Tensor]) -> np.ndarray:
    return np.expand_dims(inputs[0].data, int(inputs[1].data.reshape(())))


def _squeezed(op: Op, inputs: list[Tensor]) -> np.ndarray:
    return np.squeeze(inputs[0].data, tuple(int(a) for a in op.options.get("squeeze_dims", ())) or None)


def _range(op: Op, inputs: list[Tensor]) -> np.ndarray | None:
    start, limit, delta = (t.data.reshape(()) for t in inputs)
    return np.arange(start, limit, delta, inputs[0].dtype) if start.dtype.kind == "i" else None


def _filled(op: Op, inputs: list[Tensor]) -> np.ndarray:
    shape, value = inputs
    return np.full(tuple(int(d) for d in shape.data), value.data.reshape(()), value.dtype)


def _broadcast(op: Op, inputs: list[Tensor]) -> np.ndarray:
    shapes = [tuple(int(d) for d in t.data) for t in inputs]
    return np.array(np.broadcast_shapes(*shapes), inputs[0].dtype)


_FOLDERS: dict[str, Callable[[Op, list[Tensor]], np.ndarray | None]] = {
    "SHAPE": _shape,
    "RANK": lambda op, inputs: np.array(len(inputs[0].shape), np.int32),
    "ZEROS_LIKE": lambda op, inputs: np.zeros(inputs[0].shape, inputs[0].dtype),
    "FILL": _filled,
    "RANGE": _range,
    "BROADCAST_ARGS": _broadcast,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "PACK": _pack,
    "CONCATENATION": _concatenation,
    "GATHER": _gather,
    "REDUCE_PROD": _reduction(np.prod),
    "SUM": _reduction(np.sum),
    "REDUCE_MAX": _reduction(np.max),
    "REDUCE_MIN": _reduction(np.min),
    "CAST": lambda op, inputs: inputs[0].data,  # to the output's type, whatever the options say
    "ADD": _pointwise(np.add),
    "SUB": _pointwise(np.subtract),
    "MUL": _pointwise(np.multiply),
    "MAXIMUM": _pointwise(np.maximum),
    "MINIMUM": _pointwise(np.minimum),
    "FLOOR_DIV": _quotient,
    "RESHAPE": _reshaped,
    "EXPAND_DIMS": _expanded,
    "SQUEEZE": _squeezed,
}
