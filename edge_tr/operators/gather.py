"""GATHER and GATHER_ND with constant indices: tensorflow/lite/kernels/gather.cc, gather_nd.cc.

GATHER versions 1 to 8 with any axis and batch dimensions, GATHER_ND 1 to 6; values of any type, int32 or int64 indices.
Refused are indices that are negative or outside, as the reference does. With computed indices: `gather_rows`,
`gather_places`.
"""

from __future__ import annotations

import math

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, axis_of, constant, moved, output_shape, require, require_options, shape_text
from edge_tr.operators.gather_places import prepare_places
from edge_tr.operators.gather_rows import prepare_rows
from edge_tr.operators.moves import Loop, move, strides, table
from edge_tr.record import Record

INDEX_TYPES = ("int32", "int64")


def prepare_gather(graph: Graph, op: Op) -> Record:
    """output[batch, outer, index, inner] = input[batch, outer, indices[batch, index], inner]."""
    arity(op, (2,))
    require_options(op)
    if op.inputs[1] >= 0 and graph.tensor(op.inputs[1]).data is None:
        return prepare_rows(graph, op)
    x, y = moved(graph, op)
    indices = constant(graph, op.inputs[1], "indices", INDEX_TYPES).data.astype(np.int64)
    axis, batched = axis_of(int(op.options["axis"]), len(x.shape)), int(op.options["batch_dims"])
    batched += indices.ndim if batched < 0 else 0
    fits = 0 <= batched <= min(axis, indices.ndim) and x.shape[:batched] == indices.shape[:batched]
    require(fits, f"{batched} batch dimensions of indices of shape {shape_text(indices.shape)}", "those of the input")
    _require_inside(indices, x.shape[axis])
    output_shape(y, (*x.shape[:axis], *indices.shape[batched:], *x.shape[axis + 1 :]))
    batches, outer, inner = (
        math.prod(part) for part in (x.shape[:batched], x.shape[batched:axis], x.shape[axis + 1 :])
    )
    rows = indices.reshape(batches, -1)
    length, count = x.shape[axis], rows.shape[1]
    source = np.arange(batches)[:, None] * outer * length * inner + rows * inner
    target = np.arange(batches)[:, None] * outer * count * inner + np.arange(count) * inner
    loops = [
        Loop(outer, length * inner, count * inner),
        table(source.ravel(), target.ravel()),
        Loop(inner, 1, 1),
    ]
    return move(x.size, y.size, loops, steady=axis < len(x.shape) - 1, item=x.item_bytes)


def prepare_gather_nd(graph: Graph, op: Op) -> Record:
    """The last axis of the indices holds the places along the first axes of the input."""
    arity(op, (2,))
    if op.inputs[1] >= 0 and graph.tensor(op.inputs[1]).data is None:
        return prepare_places(graph, op)
    x, y = moved(graph, op)
    indices = constant(graph, op.inputs[1], "indices", INDEX_TYPES).data.astype(np.int64)
    depth = indices.shape[-1] if indices.ndim else 0
    require(1 <= depth <= len(x.shape), f"indices of shape {shape_text(indices.shape)}", "1 to all axes of the input")
    for axis in range(depth):
        _require_inside(indices[..., axis], x.shape[axis])
    output_shape(y, (*indices.shape[:-1], *x.shape[depth:]))
    inner = math.prod(x.shape[depth:])
    source = (indices.reshape(-1, depth) * np.array(strides(x.shape)[:depth])).sum(axis=1)
    loops = [table(source, np.arange(len(source)) * inner), Loop(inner, 1, 1)]
    return move(x.size, y.size, loops, steady=depth < len(x.shape), item=x.item_bytes)


def _require_inside(indices: np.ndarray, length: int) -> None:
    require(indices.size, "no indices", "at least one")
    good = indices.min() >= 0 and indices.max() < length
    require(good, f"indices {indices.min()} to {indices.max()}", f"0 to {length - 1}")


KINDS = {"GATHER": (prepare_gather, 8), "GATHER_ND": (prepare_gather_nd, 6)}
