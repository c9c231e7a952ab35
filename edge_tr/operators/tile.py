"""TILE, BROADCAST_TO and FILL: tensorflow/lite/kernels/tile.cc, broadcast_to.cc, fill.cc.

TILE versions 1 and 2, BROADCAST_TO 2 to 4, FILL 1 to 4; any type, constant multiples or shape, any rank. Of a constant
value, FILL is one itself (`ir.folding`).
"""

from __future__ import annotations

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, integers, moved, output_shape, require, shape_text
from edge_tr.operators.moves import Loop, move, strides
from edge_tr.record import Record


def prepare_tile(graph: Graph, op: Op) -> Record:
    """Along every axis the whole input so many times."""
    arity(op, (2,))
    x, y = moved(graph, op)
    times = integers(graph, op.inputs[1], "multiples")
    require(len(times) == len(x.shape) and min(times, default=1) > 0, f"multiples {times}", "one above 0 by axis")
    output_shape(y, tuple(d * n for d, n in zip(x.shape, times)))
    loops = []
    for count, length, source, target in zip(times, x.shape, strides(x.shape), strides(y.shape)):
        loops += [Loop(count, 0, length * target), Loop(length, source, target)]
    return move(x.size, y.size, loops, steady=times[-1:] == [1], item=x.item_bytes)


def prepare_broadcast_to(graph: Graph, op: Op) -> Record:
    """Axes of length 1, and those missing in front, are repeated."""
    arity(op, (2,))
    x, y = moved(graph, op)
    shape = integers(graph, op.inputs[1], "shape")
    padded = (1,) * (len(shape) - len(x.shape)) + x.shape
    fits = len(padded) == len(shape) and all(have in (1, want) for have, want in zip(padded, shape))
    require(fits, f"shape {shape} for an input of {shape_text(x.shape)}", "one that it can be repeated to")
    output_shape(y, tuple(shape))
    source = np.where(np.array(padded) == 1, 0, strides(padded)).tolist()
    return move(x.size, y.size, [Loop(*loop) for loop in zip(shape, source, strides(shape))], item=x.item_bytes)


def prepare_fill(graph: Graph, op: Op) -> Record:
    """One computed value everywhere."""
    arity(op, (2,))
    shape = integers(graph, op.inputs[0], "shape")
    x, y = moved(graph, op, source=1)
    require(x.size == 1, f"a value of shape {shape_text(x.shape)}", "one element")
    output_shape(y, tuple(shape))
    return move(1, y.size, [Loop(y.size, 0, 1)], item=x.item_bytes)


KINDS = {"TILE": (prepare_tile, 2), "BROADCAST_TO": (prepare_broadcast_to, 4), "FILL": (prepare_fill, 4)}
