"""Layers whose tensors are larger than activation memory, in strips of rows.

A strip's rows come from DDR with the halo that its windows read, all that lies between the layers of a group stays on
chip, and its result goes to DDR, or stays where the whole of it has room. A strip of a layer is an operator of its own
in a graph that is rewritten here: its record is the layer's, of so many rows, and its index the layer's plus a multiple
of `graph.PART`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_tr.accel.addition import BY_TABLES
from edge_tr.accel.groups import Averaged, Group, Rows, needs_of
from edge_tr.accel.moves import PixelParams
from edge_tr.accel.sums import output_channels
from edge_tr.graph import PART, Graph, Op
from edge_tr.operators import MeanParams, PoolParams, Record
from edge_tr.operators.concatenation import ConcatenationParams

CROPS = 1 << 9
"""Copies of fewer rows have indices from there on: number of the strip and this many times PART."""


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
        done = {op.outputs[0]: 0 for op in ops}
        for number, first in enumerate(range(0, height, group.rows), 1):
            self.round += 1
            span = first, min(first + group.rows, height)
            needs, made = needs_of(self.graph, ops, {result: span}, done, last=span[1] == height), {}
            done = {y: max(end, needs.rows[y][1]) for y, end in done.items()}
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
        """The piece as the operator can read it: the ADD engine reads as many rows as it writes."""
        given = self.pieces[piece]
        if not isinstance(op.record, BY_TABLES) or given.rows == rows:
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
    if isinstance(p, BY_TABLES):
        size = "outer" if isinstance(p, ConcatenationParams) else "size"
        return replace(p, **{size: getattr(p, size) // graph.tensor(op.outputs[0]).shape[1] * rows})
    if isinstance(p, PixelParams):
        return p.of_rows(read, written)
    above = p.pad[0] + read[0] - written[0] * p.stride[0]
    return replace(
        p, input_shape=(read[1] - read[0], *p.input_shape[1:]), output_shape=(rows, *p.output_shape[1:]),
        pad=(above, p.pad[1]),
    )  # fmt: skip
