"""Layers whose tensors are larger than activation memory, in strips of rows.

Neighbouring layers are computed together, strip after strip: a strip's rows come from DDR with the halo that its
windows read, all that lies between the layers stays on chip, and its result goes to DDR, or stays where the whole of it
has room. Rows that two strips need are computed twice (fused-layer tiling; Alwani et al., MICRO 2016). Which layers go
together, and in strips of how many rows, is what takes the fewest estimated cycles.

A strip of a layer is an operator of its own in a graph that is rewritten here: its record is the layer's, of so many
rows, and its index the layer's plus a multiple of `graph.PART`.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_tr.accel.arrival import BEATS
from edge_tr.accel.estimate import cycles_of
from edge_tr.accel.layout import COLUMNS
from edge_tr.accel.sums import output_channels
from edge_tr.graph import PART, Graph, Op
from edge_tr.operators import AddParams, ConvParams, DepthwiseParams, MeanParams, PoolParams, Record

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
CROPS = 1 << 9
"""Copies of fewer rows have indices from there on: number of the strip and this many times PART."""


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


@dataclass(frozen=True)
class Piece:
    """A tensor that holds rows [first, end) of tensor `whole`; `channels`: [first, end) of its channels, None: all."""

    whole: int
    rows: Rows
    channels: Rows | None = None


@dataclass(frozen=True)
class Tiled:
    """A graph in which some layers are strips.

    pieces   by tensor of the graph that is part of another one
    strips   by operator: which round of strips it belongs to
    rows     by operator that writes rows of a whole tensor: which
    channels by operator that writes channels of a whole vector: which
    """

    graph: Graph
    pieces: Mapping[int, Piece]
    strips: Mapping[int, int]
    rows: Mapping[int, Rows]
    channels: Mapping[int, Rows]


def groups_of(graph: Graph, excepted: Container[int], depth: int) -> list[Group | Averaged]:
    """Where tensors do not fit beside each other, which layers become strips; `excepted`: operators that the processor
    computes; `depth`: words of activation memory."""
    live = _live(graph)
    averaged = list(_averaged(graph, excepted, depth, live))
    for group in averaged:
        live[group.first] = live[group.first + 1] = 0
    return sorted([*_groups(graph, excepted, depth, live), *averaged], key=lambda group: group.first)


def tiled(graph: Graph, groups: Sequence[Group | Averaged]) -> Tiled:
    """The graph with these strips."""
    writer = _Writer(graph)
    at = 0
    for group in groups:
        writer.keep(graph.ops[at : group.first])
        writer.averaged(group) if isinstance(group, Averaged) else writer.strips(group)
        at = group.end
    writer.keep(graph.ops[at:])
    return Tiled(replace(graph, tensors=tuple(writer.tensors), ops=tuple(writer.ops)), writer.pieces, writer.rounds,
                 writer.rows, writer.channels)  # fmt: skip


# --- which layers ---


def words_of(graph: Graph, tensor: int, rows: int | None = None) -> int:
    """Activation words of a tensor, or of some of its rows."""
    shape = graph.tensor(tensor).shape
    if len(shape) != 4:
        return -(-graph.tensor(tensor).size // COLUMNS)
    return -(-(shape[1] if rows is None else rows) * shape[2] // COLUMNS) * shape[3]


def _can_be_strips(graph: Graph, op: Op) -> bool:
    record = op.record
    if not isinstance(record, (ConvParams, DepthwiseParams, AddParams)) and not (
        isinstance(record, PoolParams) and record.kind == "MAX_POOL_2D"
    ):
        return False
    tensors = [graph.tensor(t) for t in (*graph.activations(op), *op.outputs)]
    return all(len(t.shape) == 4 and t.shape[0] == 1 and t.dtype == "int8" for t in tensors) and len(
        {t.shape for t in tensors}
    ) <= (1 if isinstance(record, AddParams) else 2)


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
        strips = [_needs(graph, ops, {result: (start, min(start + rows, height))}) for start in starts]
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

    def _peak(self, ops: Sequence[Op], needs: _Needs, sources: set[int], kept: int | None) -> int:
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
class _Needs:
    """Of one strip: by tensor the rows that are computed, by operator those that each of its inputs must have."""

    rows: Mapping[int, Rows]
    inputs: Mapping[int, tuple[Rows, ...]]


def _needs(graph: Graph, ops: Sequence[Op], wanted: Mapping[int, Rows]) -> _Needs:
    """From the wanted rows of the results back to what is read. An addition's inputs have the rows of its result; what
    it reads of the group's own tensors makes these no smaller than that."""
    rows, inputs = dict(wanted), {}
    for op in reversed(ops):
        span = rows[op.outputs[0]]
        needed = window_rows(op, span)
        found = []
        for t in graph.activations(op):
            rows[t] = _union(rows.get(t), needed)
            found.append(needed)
        inputs[op.index] = tuple(found)
    made = {op.outputs[0] for op in ops}
    whole = {op.index: tuple(rows[t] if t in made else span for t, span in zip(graph.activations(op), inputs[op.index]))
             for op in ops}  # fmt: skip
    return _Needs(rows, whole)


def window_rows(op: Op, span: Rows) -> Rows:
    """Rows of the input inside the image that rows `span` of the result are computed from."""
    p = op.record
    if isinstance(p, AddParams):
        return span
    dilation = getattr(p, "dilation", (1, 1))
    first = span[0] * p.stride[0] - p.pad[0]
    end = (span[1] - 1) * p.stride[0] - p.pad[0] + (p.kernel[0] - 1) * dilation[0] + 1
    height = p.input_shape[0]
    first = min(max(first, 0), height - 1)
    return first, max(min(end, height), first + 1)


def _union(a: Rows | None, b: Rows) -> Rows:
    return b if a is None else (min(a[0], b[0]), max(a[1], b[1]))


# --- the graph ---


def is_copy(op: Op) -> bool:
    """Whether it is none of the model's, but makes fewer rows of a tensor."""
    return op.index // PART >= CROPS


class _Writer:
    """Puts the rewritten graph together."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors, self.ops = list(graph.tensors), []
        self.pieces: dict[int, Piece] = {}
        self.rounds: dict[int, int] = {}
        self.rows: dict[int, Rows] = {}
        self.channels: dict[int, Rows] = {}
        self.round = 0

    def keep(self, ops: Sequence[Op]) -> None:
        """Operators as they are."""
        self.ops += ops

    def strips(self, group: Group) -> None:
        """A group's operators, strip after strip."""
        ops = self.graph.ops[group.first : group.end]
        result = ops[-1].outputs[0]
        height = self.graph.tensor(result).shape[1]
        for number, first in enumerate(range(0, height, group.rows), 1):
            self.round += 1
            span = first, min(first + group.rows, height)
            needs, made = _needs(self.graph, ops, {result: span}), {}
            inner = {op.outputs[0] for op in ops}
            for op in ops:
                inputs = []
                for t, rows in zip(self.graph.activations(op), needs.inputs[op.index]):
                    if t not in inner and (t, rows) not in made:
                        made[t, rows] = self._piece(t, rows)
                    there = made[t] if t in inner else made[t, rows]
                    inputs.append(self._cropped(op, number, there, needs.rows[op.outputs[0]]))
                y, rows = op.outputs[0], needs.rows[op.outputs[0]]
                is_kept = group.kept and y == result
                made[y] = y if is_kept else self._piece(y, rows)
                self._strip(op, number, inputs, made[y], needs.inputs[op.index][0], rows, is_kept)

    def averaged(self, group: Averaged) -> None:
        """A convolution and its average, some channels after the other."""
        self.round += 1
        conv, mean = self.graph.ops[group.first : group.end]
        h, w, count = conv.record.output_shape
        for number, first in enumerate(range(0, count, group.channels), 1):
            span = first, min(first + group.channels, count)
            piece = len(self.tensors)
            whole = self.graph.tensor(conv.outputs[0])
            self.tensors.append(replace(whole, index=piece, shape=(1, h, w, span[1] - first)))
            self.pieces[piece] = Piece(whole.index, (0, h), span)
            inputs = tuple(piece if t == whole.index else t for t in mean.inputs)
            for op, given, made, record in (
                (conv, conv.inputs, piece, output_channels(conv.record, *span)),
                (mean, inputs, mean.outputs[0], _of_channels(mean.record, span[1] - first)),
            ):
                index = op.index + number * PART
                self.ops.append(replace(op, index=index, inputs=given, outputs=(made,), record=record))
                self.rounds[index] = self.round
            self.channels[index] = span

    def _cropped(self, op: Op, number: int, piece: int, rows: Rows) -> int:
        """The piece as the operator can read it: an addition reads as many rows as it writes."""
        given = self.pieces[piece]
        if not isinstance(op.record, AddParams) or given.rows == rows:
            return piece
        result = self._piece(given.whole, rows)
        before, after = (self.tensors[t].shape[1:] for t in (piece, result))
        above = given.rows[0] - rows[0]
        record = PoolParams("MAX_POOL_2D", before, after, (1, 1), (1, 1), (above, 0), (-128, 127))
        index = op.index + (number + CROPS) * PART
        self.ops.append(Op(index, "MAX_POOL_2D", (piece,), (result,), record=record))
        self.rounds[index] = self.round
        return result

    def _piece(self, tensor: int, rows: Rows) -> int:
        whole = self.graph.tensor(tensor)
        index = len(self.tensors)
        shape = (1, rows[1] - rows[0], *whole.shape[2:])
        self.tensors.append(replace(whole, index=index, shape=shape))
        self.pieces[index] = Piece(tensor, rows)
        return index

    def _strip(
        self, op: Op, number: int, inputs: Sequence[int], output: int, read: Rows, written: Rows, is_kept: bool
    ) -> None:
        new = iter(inputs)
        activations = {*self.graph.activations(op)}
        given = tuple(next(new) if t in activations else t for t in op.inputs)
        index, record = op.index + number * PART, _of_rows(op, read, written, self.graph)
        self.ops.append(replace(op, index=index, inputs=given, outputs=(output,), record=record))
        self.rounds[index] = self.round
        if is_kept:
            self.rows[index] = written


def _of_channels(record: MeanParams | PoolParams, channels: int) -> Record:
    """The average of so many channels."""
    if isinstance(record, MeanParams):
        return replace(record, inner=channels)
    before, after = ((*shape[:2], channels) for shape in (record.input_shape, record.output_shape))
    return replace(record, input_shape=before, output_shape=after)


def _of_rows(op: Op, read: Rows, written: Rows, graph: Graph) -> Record:
    """The layer's record for rows of its result, from rows of its input."""
    p, rows = op.record, written[1] - written[0]
    if isinstance(p, AddParams):
        return replace(p, size=p.size // graph.tensor(op.outputs[0]).shape[1] * rows)
    above = p.pad[0] + read[0] - written[0] * p.stride[0]
    return replace(
        p, input_shape=(read[1] - read[0], *p.input_shape[1:]), output_shape=(rows, *p.output_shape[1:]),
        pad=(above, p.pad[1]),
    )  # fmt: skip
