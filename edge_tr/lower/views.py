"""Tensors that need no memory of their own, since they lie in another one: what a move does not move costs nothing.

An output that is a run of its input's bytes (RESHAPE, parts of SPLIT, slices) is a view of it. The inputs of a
CONCATENATION along the outermost axis are views of its output: whoever computes them writes them where they belong.
Views begin at whole words, since kernels read and write words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.memory_plan import ALIGNMENT, Buffer, aligned, alive_bytes


@dataclass(frozen=True)
class View:
    """Where a tensor lies: `offset` bytes from the start of the tensor `of`, which has memory."""

    of: int
    offset: int


Views = Mapping[int, View]


def root(views: Views, tensor: int) -> int:
    """The tensor in whose memory a tensor lies."""
    return views[tensor].of if tensor in views else tensor


def whole(graph: Graph, views: Views, tensor: int) -> int:
    """The tensor that has the same memory, if there is one; else the view itself."""
    other = root(views, tensor)
    return other if graph.tensor(other).bytes == graph.tensor(tensor).bytes else tensor


def views_of(graph: Graph) -> dict[int, View]:
    """Each of them by tensor. What is read of a state before an update and used after it, or is an output of the
    graph, is none: it needs a copy. Neither is what would make the arena larger."""
    views: dict[int, View] = {}
    for at, op in enumerate(graph.ops):
        for number, output in enumerate(op.outputs):
            place = _part(graph, views, op, number)
            if place is not None and not _is_old(graph, place.of, at, output):
                views[output] = place
    return _Joins(graph, views).views() if any(op.record.joins() for op in graph.ops) else views


def is_part(graph: Graph, views: Views, op: Op, number: int) -> bool:
    """Whether an output lies in the operator's input, so that there is nothing to compute."""
    start = op.record.part(number)
    return start is not None and views.get(op.targets[number]) == _further(
        graph, views, graph.activations(op)[0], start
    )


def joined_inputs(graph: Graph, views: Views, op: Op) -> frozenset[int]:
    """Which of an operator's computed inputs, by number, lie in its output already."""
    places = zip(graph.activations(op), op.record.joins())
    return frozenset(
        number
        for number, (tensor, start) in enumerate(places)
        if views.get(tensor) == _further(graph, views, op.outputs[0], start)
    )


def _further(graph: Graph, views: Views, tensor: int, elements: int) -> View:
    """What is behind so many elements of a tensor."""
    inside = views.get(tensor, View(tensor, 0))
    return View(inside.of, inside.offset + elements * graph.tensor(tensor).item_bytes)


def _part(graph: Graph, views: Views, op: Op, number: int) -> View | None:
    start = op.record.part(number)
    if start is None:
        return None
    place = _further(graph, views, graph.activations(op)[0], start)
    return place if _fits(place.offset, graph.tensor(op.outputs[number]).item_bytes) else None


def _fits(offset: int, item_bytes: int) -> bool:
    return offset % max(ALIGNMENT, item_bytes) == 0


class _Joins:
    """One pass over a graph that adds to its views: what is joined, written where it belongs."""

    def __init__(self, graph: Graph, views: dict[int, View]) -> None:
        self._graph, self._views = graph, views
        self._computed = {target for op in graph.ops for target in op.outputs} - graph.states.keys()
        self._lives = _lives(graph, views)
        buffers = [Buffer("", graph.tensor(t).bytes, *life) for t, life in self._lives.items()]
        self._occupied = np.array(alive_bytes(buffers), np.int64)  # at each operator, before kernels are chosen
        self._inside: dict[int, list[int]] = {}  # views by the tensor that they lie in
        for tensor, place in views.items():
            self._inside.setdefault(place.of, []).append(tensor)

    def views(self) -> dict[int, View]:
        for op in self._graph.ops:
            if pieces := self._pieces(op):
                self._join(root(self._views, op.outputs[0]), pieces)
        return self._views

    def _pieces(self, op: Op) -> dict[int, View]:
        """The inputs of an operator that can lie in its output."""
        found: dict[int, View] = {}
        for start, tensor in zip(op.record.joins(), self._graph.activations(op)):
            piece = whole(self._graph, self._views, tensor)
            place = _further(self._graph, self._views, op.outputs[0], start)
            known = piece not in self._computed or piece in self._views or piece in found
            if not known and _fits(place.offset, self._graph.tensor(op.outputs[0]).item_bytes):
                found[piece] = place
        return found

    def _join(self, output: int, pieces: Mapping[int, View]) -> None:
        """Pieces lie in their output from when the first is written, if that takes no more memory at any operator."""
        lives, after = [self._lives[tensor] for tensor in (output, *pieces)], self._occupied.copy()
        for tensor, (first, last) in zip((output, *pieces), lives):
            after[first : last + 1] -= aligned(self._graph.tensor(tensor).bytes)
        first, last = min(first for first, _ in lives), max(last for _, last in lives)
        after[first : last + 1] += aligned(self._graph.tensor(output).bytes)
        if after.max() > self._occupied.max():
            return
        self._occupied, self._lives[output] = after, (first, last)
        for piece, place in pieces.items():
            inside = self._inside.pop(piece, [])
            offsets = {tensor: self._views[tensor].offset for tensor in inside} | {piece: 0}
            self._views |= {tensor: View(place.of, place.offset + offset) for tensor, offset in offsets.items()}
            self._inside.setdefault(place.of, []).extend(offsets)


def _lives(graph: Graph, views: Views) -> dict[int, tuple[int, int]]:
    """Of each tensor with memory of its own: the positions of the first and the last operator that use it."""
    end = len(graph.ops) - 1
    first = {root(views, tensor): 0 for tensor in graph.inputs}
    for at, op in enumerate(graph.ops):
        for tensor in op.outputs:
            first.setdefault(root(views, tensor), at)
    last = dict(first)
    for at, op in enumerate(graph.ops):
        last |= {root(views, tensor): at for tensor in (*graph.activations(op), *op.outputs)}
    last |= {root(views, tensor): end for tensor in graph.outputs}
    return {tensor: (at, last[tensor]) for tensor, at in first.items()}


def _is_old(graph: Graph, state: int, after: int, tensor: int) -> bool:
    """Whether a tensor that lies in a state is used once an operator behind position `after` has updated that."""
    if state not in graph.states:
        return False
    return any(state in op.updates for op in graph.ops[after + 1 : _last_use(graph, tensor) + 1])


def _last_use(graph: Graph, tensor: int) -> int:
    """The last position of an operator that reads the tensor or what may lie in it; behind all if one is an output."""
    inside, last = {tensor}, 0
    for at, op in enumerate(graph.ops):
        if not inside.isdisjoint(op.inputs):
            last = at
            inside.update(output for number, output in enumerate(op.outputs) if op.record.part(number) is not None)
    return last if inside.isdisjoint(graph.outputs) else len(graph.ops)
