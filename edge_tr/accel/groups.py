"""Which layers are computed together in strips of rows, and of how many rows: what takes the fewest estimated cycles.

Layers whose tensors do not fit beside each other must be; where groups begin and end is found by dynamic programming.
Rows that two strips need are computed twice (fused-layer tiling; Alwani et al., MICRO 2016).
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge_tr.accel.addition import BY_TABLES
from edge_tr.accel.arrival import BEATS
from edge_tr.accel.estimate import cycles_of
from edge_tr.accel.layout import COLUMNS
from edge_tr.accel.moves import PixelParams
from edge_tr.graph import Graph, Op
from edge_tr.operators import AddParams, ConvParams, DepthwiseParams, MeanParams, PoolParams, Record
from edge_tr.operators.concatenation import ConcatenationParams

Rows = tuple[int, int]
"""[first, end)"""
LONGEST = 16
"""Layers of a group at most."""
MOST_COMMANDS = 120
"""Of a group; a program holds 256, and each may need a LOAD."""
COMMAND = 35
"""Cycles to fill and drain."""
TOO_LARGE = 1 << 40
"""Cycles of a layer that does not fit."""


@dataclass(frozen=True)
class Group:
    """Operators [first, end) of a graph, `rows` rows of the last one's result at a time; `kept`: that stays on chip."""

    first: int
    end: int
    rows: int
    kept: bool
    cycles: int


@dataclass(frozen=True)
class Averaged:
    """Operator `first`, a convolution, and the one behind it, which averages each channel of its result over the image:
    `channels` at a time, so that the convolution's result is never there whole."""

    first: int
    channels: int

    @property
    def end(self) -> int:
        """The operator behind both."""
        return self.first + 2


def groups_of(graph: Graph, excepted: Container[int], depth: int) -> list[Group | Averaged]:
    """Where tensors do not fit beside each other, which layers become strips; `excepted`: operators that the processor
    computes; `depth`: words of activation memory."""
    live = _live(graph)
    averaged = list(_averaged(graph, excepted, depth, live))
    for group in averaged:
        live[group.first] = live[group.first + 1] = 0
    return sorted([*_groups(graph, excepted, depth, live), *averaged], key=lambda group: group.first)


def words_of(graph: Graph, tensor: int, rows: int | None = None) -> int:
    """Activation words of a tensor, or of some of its rows."""
    shape = graph.tensor(tensor).shape
    if len(shape) != 4:
        return -(-graph.tensor(tensor).size // COLUMNS)
    return -(-(shape[1] if rows is None else rows) * shape[2] // COLUMNS) * shape[3]


def _can_be_strips(graph: Graph, op: Op) -> bool:
    record = op.record
    if not isinstance(record, (ConvParams, DepthwiseParams, PixelParams, *BY_TABLES)) and not (
        isinstance(record, PoolParams) and record.kind == "MAX_POOL_2D"
    ):
        return False
    tensors = [graph.tensor(t) for t in (*graph.activations(op), *op.outputs)]
    if any(len(t.shape) != 4 or t.shape[0] != 1 or t.dtype != "int8" for t in tensors):
        return False
    if isinstance(record, ConcatenationParams):
        return record.last and len({t.shape[1:3] for t in tensors}) == 1
    return len({t.shape for t in tensors}) <= (1 if isinstance(record, AddParams) else 2)


def _live(graph: Graph) -> list[int]:
    """By operator: words of all tensors that are there while it runs."""
    last: dict[int, int] = {}
    for i, op in enumerate(graph.ops):
        last |= dict.fromkeys(graph.activations(op), i)
        last |= {t: max(last.get(t, i), i) for t in op.outputs}
    last |= dict.fromkeys(graph.outputs, len(graph.ops))
    there, found = {t for t in graph.inputs if t in last}, []
    for i, op in enumerate(graph.ops):
        there |= {*op.outputs}
        used = {t for t in there if last[t] > i or t in graph.activations(op) or t in op.outputs}
        found.append(sum(words_of(graph, t) for t in used))
        there = {t for t in there if last[t] > i}
    return found


def _averaged(graph: Graph, excepted: Container[int], depth: int, live: Sequence[int]) -> Iterator[Averaged]:
    """Convolutions that are too large, with nothing but an average behind them."""
    for i, (op, following) in enumerate(itertools.pairwise(graph.ops)):
        y = op.outputs[0] if op.outputs else -1
        if not isinstance(op.record, ConvParams) or not _can_be_strips(graph, op) or live[i] <= depth:
            continue
        readers = [other for other in graph.ops if y in other.inputs]
        if _any_of(excepted, op, following) or readers != [following] or y in graph.outputs:
            continue
        h, w, channels = op.record.output_shape
        blocks = -(-h * w // COLUMNS)
        free = depth - live[i] + channels * blocks - words_of(graph, following.outputs[0])
        some = free // blocks // COLUMNS * COLUMNS
        if some and _averages(following.record, (h, w, channels)):
            count = -(-channels // some)
            yield Averaged(i, -(-channels // count // COLUMNS) * COLUMNS)


def _any_of(excepted: Container[int], *ops: Op) -> bool:
    """Whether the processor computes one of them."""
    return any(op.index in excepted for op in ops)


def _averages(record: Record, shape: tuple[int, int, int]) -> bool:
    """Whether it takes the mean over all pixels of each channel."""
    h, w, channels = shape
    if isinstance(record, MeanParams):
        return (record.outer, record.count, record.inner) == (1, h * w, channels)
    return isinstance(record, PoolParams) and record.averages and record.kernel == (h, w) and record.pad == (0, 0)


def _groups(graph: Graph, excepted: Container[int], depth: int, live: Sequence[int]) -> Iterator[Group]:
    """Of each run of neighbouring layers that can be strips."""
    able = [_can_be_strips(graph, op) and op.index not in excepted for op in graph.ops]
    at = 0
    while at < len(able):
        end = next((i for i in range(at, len(able)) if not able[i]), len(able))
        if any(n > depth for n in live[at:end]):
            yield from _Partition(graph, depth, live).best(at, end)
        at = end + 1


class _Partition:
    """Of operators one after the other: strips together, or each alone and whole."""

    def __init__(self, graph: Graph, depth: int, live: Sequence[int]) -> None:
        self.graph, self.depth, self.live = graph, depth, live
        self.costs: dict[tuple[int, int], int] = {}

    def best(self, first: int, end: int) -> list[Group]:
        """The groups between `first` and `end` that take the fewest cycles. A layer for which there is no way stays
        whole and will be found too large."""
        ways: dict[tuple[int, bool], tuple[int, list[Group]]] = {(first, True): (0, [])}  # by end, and what is on chip

        def way(end: int, kept: bool, cycles: int, groups: list[Group]) -> None:
            if (end, kept) not in ways or cycles < ways[end, kept][0]:
                ways[end, kept] = cycles, groups

        for start in range(first, end):
            for kept in (False, True):
                if (start, kept) not in ways:
                    continue
                cycles, groups = ways[start, kept]
                alone = self._cost(start) + (TOO_LARGE if self.live[start] > self.depth else 0)
                way(start + 1, True, cycles + alone + (0 if kept else self._fetched(start)), groups)
                for group in self._from(start, end):
                    if not kept or start == first or not groups or groups[-1].end < start:
                        way(group.end, group.kept, cycles + group.cycles, [*groups, group])
        return min((found for (close, _), found in ways.items() if close == end), key=lambda found: found[0])[1]

    def _from(self, start: int, end: int) -> Iterator[Group]:
        """Groups that begin there and have a layer that is too large whole."""
        for close in range(start + 1, min(start + LONGEST, end) + 1):
            if max(self.live[start:close]) > self.depth:
                yield from self._group(start, close)

    def _fetched(self, i: int) -> int:
        """Cycles to bring back what operator i reads."""
        return BEATS * sum(words_of(self.graph, t) for t in self.graph.activations(self.graph.ops[i]))

    def _cost(self, i: int, rows: int | None = None) -> int:
        """Estimated cycles of operator i, or of some rows of its result."""
        op = self.graph.ops[i]
        _, height, width, channels = self.graph.tensor(op.outputs[0]).shape
        key = i, height if rows is None else rows
        if key not in self.costs:
            self.costs[key] = cycles_of(op.record, key[1], width, channels) + COMMAND
        return self.costs[key]

    def _group(self, first: int, end: int) -> Iterator[Group]:
        """With the best height of the strips, its result in DDR, or on chip; none that does not fit."""
        graph, ops = self.graph, self.graph.ops[first:end]
        result = ops[-1].outputs[0]
        _, height, width, _ = graph.tensor(result).shape
        if _read_outside(graph, first, end) != {result}:
            return
        heights = sorted({-(-height // n) for n in range(1, height + 1)})
        for kept in (False, True):
            if kept and not isinstance(ops[-1].record, (ConvParams, DepthwiseParams)):
                continue
            whole = [rows for rows in heights if not kept or rows == height or rows * width % COLUMNS == 0]
            costs = [(self._cycles(first, ops, result, height, rows, kept), rows) for rows in whole]
            found = [(cycles, -rows) for cycles, rows in costs if cycles is not None]
            if found:
                cycles, rows = min(found)
                yield Group(first, end, -rows, kept, cycles)

    def _cycles(self, first: int, ops: Sequence[Op], result: int, height: int, rows: int, kept: bool) -> int | None:
        """Estimated, of a group; None if it does not fit."""
        graph = self.graph
        count = -(-height // rows)
        starts = [min(n, count - 1) * rows for n in {0, 1, count - 2, count - 1} if n >= 0]
        strips = [needs_of(graph, ops, {result: (start, min(start + rows, height))}) for start in starts]
        needs = max(strips, key=lambda of: sum(end - start for start, end in of.rows.values()))
        inner = {op.outputs[0] for op in ops}
        sources = {t for op in ops for t in graph.activations(op) if t not in inner}
        reads = ((t, span) for op in ops for t, span in zip(graph.activations(op), needs.inputs[op.index]))
        sends = {(t, span) for t, span in reads if t in sources}
        if count * (len(ops) + len(sends) + (not kept)) > MOST_COMMANDS:
            return None
        if any(self._peak(ops, own, sources, result if kept else None) > self.depth for own in strips):
            return None
        heights = [end - start for start, end in (needs.rows[op.outputs[0]] for op in ops)]
        work = sum(self._cost(first + i, n) for i, n in enumerate(heights))
        moved = sum(words_of(graph, t, span[1] - span[0]) for t, span in sends)
        moved += 0 if kept else words_of(graph, result, rows)
        return count * (work + BEATS * moved)

    def _peak(self, ops: Sequence[Op], needs: Needs, sources: set[int], kept: int | None) -> int:
        """Words at most while a strip is computed."""
        graph = self.graph
        sizes: dict[object, int] = {}
        last: dict[object, int] = {}
        first: dict[object, int] = {}
        for i, op in enumerate(ops):
            for t, span in zip(graph.activations(op), needs.inputs[op.index]):
                key = (t, span) if t in sources else t
                sizes.setdefault(key, words_of(graph, t, span[1] - span[0]))
                first.setdefault(key, 0 if t in sources else i)
                last[key] = i
            y = op.outputs[0]
            a, b = needs.rows[y]
            sizes[y] = words_of(graph, y) if y == kept else words_of(graph, y, b - a)
            first[y], last[y] = (0 if y == kept else i), len(ops) if y == kept else i
        return max(sum(n for key, n in sizes.items() if first[key] <= i <= last[key]) for i in range(len(ops)))


def _read_outside(graph: Graph, first: int, end: int) -> set[int]:
    """Results of these operators that others, or the model's user, read."""
    made = {op.outputs[0] for op in graph.ops[first:end]}
    readers = (*graph.ops[:first], *graph.ops[end:])
    return made & {t for op in readers for t in graph.activations(op)} | made & {*graph.outputs}


# --- which rows ---


@dataclass(frozen=True)
class Needs:
    """Of one strip: by tensor the rows that are computed, by operator those that each of its inputs must have."""

    rows: Mapping[int, Rows]
    inputs: Mapping[int, tuple[Rows, ...]]


def needs_of(
    graph: Graph,
    ops: Sequence[Op],
    wanted: Mapping[int, Rows],
    done: Mapping[int, int] | None = None,
    last: bool = False,
) -> Needs:
    """From the wanted rows of the results back to what is read. What the ADD engine reads has the rows of its result;
    what it reads of the group's own tensors makes these no smaller than that. `done`: by tensor how many rows the
    strips before have; what nothing reads is computed too: behind these, and by the `last` strip to the end."""
    rows, inputs = dict(wanted), {}
    for op in reversed(ops):
        y = op.outputs[0]
        if y not in wanted:
            first, end = rows[y]
            rows[y] = min(first, (done or {}).get(y, first)), graph.tensor(y).shape[1] if last else end
        span = rows[y]
        needed = window_rows(op, span)
        found = []
        for t in graph.activations(op):
            rows[t] = _union(rows.get(t), needed)
            found.append(needed)
        inputs[op.index] = tuple(found)
    made = {op.outputs[0] for op in ops}
    whole = {op.index: tuple(rows[t] if t in made else span for t, span in zip(graph.activations(op), inputs[op.index]))
             for op in ops}  # fmt: skip
    return Needs(rows, whole)


def window_rows(op: Op, span: Rows) -> Rows:
    """Rows of the input inside the image that rows `span` of the result are computed from."""
    p = op.record
    if isinstance(p, BY_TABLES):
        return span
    if isinstance(p, PixelParams):
        return p.rows(span)
    dilation = getattr(p, "dilation", (1, 1))
    first = span[0] * p.stride[0] - p.pad[0]
    end = (span[1] - 1) * p.stride[0] - p.pad[0] + (p.kernel[0] - 1) * dilation[0] + 1
    height = p.input_shape[0]
    first = min(max(first, 0), height - 1)
    return first, max(min(end, height), first + 1)


def _union(a: Rows | None, b: Rows) -> Rows:
    return b if a is None else (min(a[0], b[0]), max(a[1], b[1]))
