"""Windows that slide over a batch of images: as many operators, one an image, between a SPLIT and a CONCATENATION.

The first keeps its index, the others come behind all operators of the file. Where no window reaches from one row of
pixels to another, the images lie below each other instead, and one operator does them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor

WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
MOST = 64
"""Images of a batch: each is a layer, though all of them share one copy of the weights."""


class _Unbatched:
    """One pass over a graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._tensors = graph, list(graph.tensors)
        self._next = max((op.index for op in graph.ops), default=0) + 1

    def graph(self) -> Graph:
        ops = tuple(made for op in self._graph.ops for made in self._unbatched(op))
        return replace(self._graph, tensors=tuple(self._tensors), ops=ops)

    def _unbatched(self, op: Op) -> list[Op]:
        if not _is_batched(self._graph, op):
            return [op]
        x, y = self._graph.tensor(op.inputs[0]), self._graph.tensor(op.outputs[0])
        return self._below_each_other(op, x, y) if _keeps_rows(self._graph, op) else self._one_by_one(op, x, y)

    def _below_each_other(self, op: Op, x: Tensor, y: Tensor) -> list[Op]:
        tall = [self._like(of, (1, of.shape[0] * of.shape[1], *of.shape[2:])) for of in (x, y)]
        return [
            self._reshape(x.index, tall[0]),
            replace(op, inputs=(tall[0].index, *op.inputs[1:]), outputs=(tall[1].index,)),
            self._reshape(tall[1].index, y),
        ]

    def _one_by_one(self, op: Op, x: Tensor, y: Tensor) -> list[Op]:
        count, axis = x.shape[0], self._added(Tensor(0, f"{x.name} axis", (), "int32", data=np.array(0, np.int32)))
        pairs = [[self._like(of, (1, *of.shape[1:])).index for of in (x, y)] for _ in range(count)]
        sources, targets = ([pair[side] for pair in pairs] for side in (0, 1))
        indices = [op.index, *(self._index() for _ in range(count - 1))]
        return [
            self._op("SPLIT", (axis.index, x.index), sources, num_splits=count),
            *(
                replace(op, index=index, inputs=(source, *op.inputs[1:]), outputs=(target,))
                for index, source, target in zip(indices, sources, targets)
            ),
            self._op("CONCATENATION", targets, (y.index,), axis=0, fused_activation_function="NONE"),
        ]

    def _like(self, of: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self._added(replace(of, shape=shape))

    def _added(self, tensor: Tensor) -> Tensor:
        self._tensors.append(replace(tensor, index=len(self._tensors)))
        return self._tensors[-1]

    def _index(self) -> int:
        self._next += 1
        return self._next - 1

    def _reshape(self, source: int, to: Tensor) -> Op:
        return self._op("RESHAPE", (source,), (to.index,), new_shape=to.shape)

    def _op(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: object) -> Op:
        return Op(self._index(), kind, tuple(inputs), tuple(outputs), options)


def _is_batched(graph: Graph, op: Op) -> bool:
    """Whether it is a window over several images, computed from as many."""
    if op.kind not in WINDOWS or len(op.outputs) != 1 or not op.inputs or op.inputs[0] < 0:
        return False
    x, y = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    if x.data is not None or len(x.shape) != 4 or len(y.shape) != 4:
        return False
    return x.shape[0] == y.shape[0] and 1 < x.shape[0] <= MOST


def _keeps_rows(graph: Graph, op: Op) -> bool:
    """Whether windows are one row high and stand on every row."""
    height = op.options.get("filter_height")
    if height is None and len(op.inputs) > 1 and op.inputs[1] >= 0 and len(graph.tensor(op.inputs[1]).shape) == 4:
        height = graph.tensor(op.inputs[1]).shape[1]
    return height == 1 and op.options.get("stride_h") == 1


def without_batches(graph: Graph) -> Graph:
    """The graph with images one by one, or below each other."""
    return _Unbatched(graph).graph() if any(_is_batched(graph, op) for op in graph.ops) else graph
