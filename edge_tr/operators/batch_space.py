"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: tensorflow/lite/kernels/space_to_batch_nd.cc, batch_to_space_nd.cc.

Versions 1 to 4; int8, three or four dimensions, constant blocks, paddings and crops; one quantisation of input and
output, as the reference requires. The filling is the zero point, as in BUILTIN_REF: TFLite Micro fills with 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import (
    arity,
    constant,
    ends,
    integers,
    output_shape,
    require,
    scale,
    shape_text,
    zero_point,
)
from edge_tr.operators.moves import Loop, move, strides, table
from edge_tr.record import Record


def prepare_space_to_batch(graph: Graph, op: Op) -> Record:
    """The padded image in blocks: pixel (i, j) of each goes to batch (i * block width + j) * batches + b. The filling
    is the output's zero point."""
    x, y, block, edges = _read(graph, op, "paddings")
    padded = [length + before + after for length, (before, after) in zip(x.shape[1:], edges)]
    require(all(p % b == 0 for p, b in zip(padded, block)), f"{padded} pixels", f"multiples of {block}")
    output_shape(y, (x.shape[0] * math.prod(block), *(p // b for p, b in zip(padded, block)), x.shape[-1]))
    loops = [
        table(np.arange(length) * step, places)
        for places, length, step in zip(_places(y.shape, x.shape, block, edges), x.shape[1:], strides(x.shape)[1:])
    ]
    batch, depth = Loop(x.shape[0], strides(x.shape)[0], strides(y.shape)[0]), Loop(x.shape[-1], 1, 1)
    return move(x.size, y.size, [batch, *loops, depth], filling=zero_point(y), steady=True)


def prepare_batch_to_space(graph: Graph, op: Op) -> Record:
    """The way back, without the crops."""
    x, y, block, edges = _read(graph, op, "crops")
    whole = math.prod(block)
    require(x.shape[0] % whole == 0, f"batch {x.shape[0]}", f"a multiple of {whole}")
    lengths = [length * b - before - after for length, b, (before, after) in zip(x.shape[1:], block, edges)]
    require(min(lengths) > 0, f"crops {edges}", "crops that leave something")
    output_shape(y, (x.shape[0] // whole, *lengths, x.shape[-1]))
    loops = [
        table(places, np.arange(length) * step)
        for places, length, step in zip(_places(x.shape, y.shape, block, edges), lengths, strides(y.shape)[1:])
    ]
    batch, depth = Loop(y.shape[0], strides(x.shape)[0], strides(y.shape)[0]), Loop(x.shape[-1], 1, 1)
    return move(x.size, y.size, [batch, *loops, depth], steady=True)


def _read(graph: Graph, op: Op, what: str) -> tuple[Tensor, Tensor, list[int], list[tuple[int, int]]]:
    """(input, output, block, (before, after) by axis of the image)."""
    arity(op, (3,))
    x, y = ends(graph, op)
    spatial = len(x.shape) - 2
    require(spatial in (1, 2), f"input of shape {shape_text(x.shape)}", "three or four dimensions")
    require(scale(x) == scale(y) and zero_point(x) == zero_point(y), "another quantisation of the output", "the same")
    block = integers(graph, op.inputs[1], "block", ("int32",))
    edges = constant(graph, op.inputs[2], what, ("int32",)).data
    require(len(block) == spatial and min(block) > 0, f"block {block}", f"{spatial} sizes above 0")
    good = edges.shape == (spatial, 2) and edges.min() >= 0
    require(good, f"{what} {edges.tolist()}", f"{spatial}x2 of 0 and more")
    return x, y, block, [(int(before), int(after)) for before, after in edges]


def _places(
    batched: Sequence[int], image: Sequence[int], block: Sequence[int], edges: Sequence[tuple[int, int]]
) -> list[np.ndarray]:
    """For each axis of the image and each place on it, where it lies in the tensor of batches."""
    steps = strides(batched)
    found = []
    for axis, (length, size, (before, _)) in enumerate(zip(image[1:], block, edges)):
        outer, inner = np.divmod(np.arange(length) + before, size)
        found.append(outer * steps[axis + 1] + inner * math.prod(block[axis + 1 :]) * image[0] * steps[0])
    return found


KINDS = {"SPACE_TO_BATCH_ND": (prepare_space_to_batch, 4), "BATCH_TO_SPACE_ND": (prepare_batch_to_space, 4)}
