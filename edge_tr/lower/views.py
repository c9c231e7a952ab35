"""Tensors that need no memory of their own, since they lie in another one: what a move does not move costs nothing.

An output that is a run of its input's bytes (RESHAPE, parts of SPLIT, slices) is a view of it. The inputs of a
CONCATENATION along the outermost axis are views of its output: whoever computes them writes them where they belong.
Views begin at whole words, since kernels read and write words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_tr.graph import Graph, Op
from edge_tr.memory_plan import ALIGNMENT, Buffer, alive_bytes


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
    for op in graph.ops:
        if joined := _joined(graph, views, op):
            views = min(views | joined, views, key=lambda found: _peak(graph, found))
    return views


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


def _joined(graph: Graph, views: Views, op: Op) -> dict[int, View]:
    """The inputs of an operator that can lie in its output, and all their views."""
    found: dict[int, View] = {}
    starts = op.record.joins()
    if not starts:
        return found
    computed = {target for other in graph.ops for target in other.outputs} - graph.states.keys()
    item = graph.tensor(op.outputs[0]).item_bytes
    for start, tensor in zip(starts, graph.activations(op)):
        piece, place = whole(graph, views, tensor), _further(graph, views, op.outputs[0], start)
        if piece in computed and piece not in views and piece not in found and _fits(place.offset, item):
            found[piece] = place
            found |= {i: View(place.of, place.offset + of.offset) for i, of in views.items() if of.of == piece}
    return found


def _peak(graph: Graph, views: Views) -> int:
    """Most bytes that all tensors take at one operator."""
    end = len(graph.ops) - 1
    first = {root(views, tensor): 0 for tensor in graph.inputs}
    for at, op in enumerate(graph.ops):
        for tensor in op.outputs:
            first.setdefault(root(views, tensor), at)
    last = dict(first)
    for at, op in enumerate(graph.ops):
        last |= {root(views, tensor): at for tensor in (*graph.activations(op), *op.outputs)}
    last |= {root(views, tensor): end for tensor in graph.outputs}
    return max(alive_bytes([Buffer("", graph.tensor(t).bytes, at, last[t]) for t, at in first.items()]), default=0)


def _is_old(graph: Graph, state: int, after: int, tensor: int) -> bool:
    """Whether a tensor that lies in a state is used once an operator behind position `after` has updated that."""
    if state not in graph.states:
        return False
    return any(state in op.updates for op in graph.ops[after + 1 : _last_use(graph, tensor) + 1])


def _last_use(graph: Graph, tensor: int) -> int:
    """The last position of an operator that reads the tensor or what may lie in it; behind all if it is an output."""
    if tensor in graph.outputs:
        return len(graph.ops)
    uses = [0]
    for at, op in enumerate(graph.ops):
        if tensor in op.inputs:
            parts = [output for number, output in enumerate(op.outputs) if op.record.part(number) is not None]
            uses += [at, *(_last_use(graph, part) for part in parts)]
    return max(uses)
