"""RESIZE_NEAREST_NEIGHBOR: reference/resize_nearest_neighbor.h. Versions 1 to 4, int8 and int16,
constant size, every option."""

from __future__ import annotations

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import arity, computed, integers, output_shape, require, require_options, shape_text
from edge_tr.operators.moves import move, picked
from edge_tr.record import Record


def prepare(graph: Graph, op: Op) -> Record:
    """Every pixel is one of the input's."""
    x, y, size = read(graph, op)
    centred, aligned = (bool(op.options[name]) for name in ("half_pixel_centers", "align_corners"))
    pixels = [nearest(*lengths, aligned, centred) for lengths in zip(x.shape[1:3], size)]
    indices = [np.arange(x.shape[0]), *pixels, np.arange(x.shape[3])]
    return move(x.size, y.size, picked(x.shape, indices), steady=True, item=x.item_bytes)


def read(graph: Graph, op: Op) -> tuple[Tensor, Tensor, list[int]]:
    """(input, output, (height, width)) of a resizing operator."""
    arity(op, (2,))
    require_options(op)
    x, y = _ends(graph, op)
    size = integers(graph, op.inputs[1], "size", ("int32",))
    require(len(x.shape) == 4, f"input of shape {shape_text(x.shape)}", "four dimensions")
    require(len(size) == 2 and min(size) > 0, f"size {size}", "a height and a width above 0")
    output_shape(y, (x.shape[0], *size, x.shape[3]))
    return x, y, size


def _ends(graph: Graph, op: Op) -> tuple[Tensor, Tensor]:
    """Input and output, int8 or int16."""
    x = computed(graph, op.inputs[0], "input", ("int8", "int16"))
    return x, computed(graph, op.outputs[0], "output", (x.dtype,))


def nearest(length: int, out: int, aligned: bool, centred: bool) -> np.ndarray:
    """`GetNearestNeighbor` of every place: int64 [out]. In float32, as there."""
    f = np.float32
    scale = f(length - 1) / f(out - 1) if aligned and out > 1 else f(length) / f(out)
    at = (np.arange(out).astype(f) + f(0.5 if centred else 0)) * scale
    whole = np.floor(at + f(0.5)) if aligned else np.floor(at)
    return np.minimum(whole.astype(np.int64), length - 1)


KINDS = {"RESIZE_NEAREST_NEIGHBOR": (prepare, 4)}
