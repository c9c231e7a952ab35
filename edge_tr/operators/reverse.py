"""REVERSE_V2: tensorflow/lite/kernels/reverse.cc. Versions 1 to 4, any type, constant axes that lie beside each other.

tflite-runtime 2.14 takes one axis; several are LiteRT's.
"""

from __future__ import annotations

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, axis_of, integers, moved, output_shape, require
from edge_tr.operators.moves import move, picked
from edge_tr.record import Record


def prepare(graph: Graph, op: Op) -> Record:
    """Backwards along the axes."""
    arity(op, (2,))
    x, y = moved(graph, op)
    rank = len(x.shape)
    axes = sorted(axis_of(axis, rank) for axis in integers(graph, op.inputs[1], "axes", ("int32",)))
    beside = bool(axes) and axes == list(range(axes[0], axes[0] + len(axes)))
    require(beside, f"axes {axes}", "different axes beside each other")
    output_shape(y, x.shape)
    indices = [np.arange(length)[:: -1 if axis in axes else 1] for axis, length in enumerate(x.shape)]
    return move(x.size, y.size, picked(x.shape, indices), steady=rank - 1 not in axes, item=x.item_bytes)


KINDS = {"REVERSE_V2": (prepare, 4)}
