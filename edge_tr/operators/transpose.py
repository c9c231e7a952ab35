"""TRANSPOSE: tensorflow/lite/kernels/transpose.cc. Versions 1 to 8, any type, any rank.

Of tflite-runtime 2.14 up to six dimensions, the oracle of the others is their equal of fewer. Where only axes of length
1 move, the bytes stay where they are and it costs nothing.
"""

from __future__ import annotations

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, axis_of, integers, moved, output_shape, require
from edge_tr.operators.moves import Loop, move, strides
from edge_tr.record import Record


def prepare(graph: Graph, op: Op) -> Record:
    """Axis i of the output is axis permutation[i] of the input."""
    arity(op, (2,))
    x, y = moved(graph, op)
    rank = len(x.shape)
    order = [axis_of(axis, rank) for axis in integers(graph, op.inputs[1], "permutation", ("int32",))]
    require(sorted(order) == list(range(rank)), f"permutation {order}", f"one of {rank} dimensions")
    output_shape(y, tuple(x.shape[axis] for axis in order))
    source, target = strides(x.shape), strides(y.shape)
    loops = [Loop(y.shape[i], source[axis], target[i]) for i, axis in enumerate(order)]
    return move(x.size, y.size, loops, steady=order[-1:] == [rank - 1], item=x.item_bytes)


KINDS = {"TRANSPOSE": (prepare, 8)}
