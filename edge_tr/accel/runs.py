"""Runs whose commands are there: what becomes of them once it is known where the commands are, and what they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.accel.arrival import BEATS
from edge_tr.accel.image import Image
from edge_tr.accel.layout import COLUMNS, Placed
from edge_tr.accel.program import AccelLayer, Part, Read, Segment, Send
from edge_tr.accel.stage import Planned, Stage
from edge_tr.accel.stream import Streamed
from edge_tr.accel.strips import is_copy
from edge_tr.accel.timeline import Span, computation, in_turns, transfer
from edge_tr.graph import PART, layer_name

INPUT_COMMAND = 7  # cycles besides its beats
OUTPUT_COMMAND = 14  # cycles besides its beats
SEGMENT_END = 4


@dataclass(frozen=True)
class Computed:
    """A stage whose commands are there. Byte index[i] of its output `y` is element `begin` + i of tensor `whole`."""

    stage: Stage
    planned: Planned
    y: Placed
    whole: int
    begin: int
    index: np.ndarray

    def parts(self, final: Streamed) -> list[Part]:
        """What a check reads, stop after stop."""
        y, bands = self.y, self.planned.bands
        if not bands:
            return [Part(final.index[self.planned.command] + 1, y.base, y.words, self.begin, self.index)]
        block = self.index // COLUMNS % y.blocks
        indices = [np.where((first <= block) & (block < end), self.index, -1) for _, first, end in bands]
        stops = [final.index[command] + 1 for command, *_ in bands]
        return [Part(stop, y.base, y.words, self.begin, index) for stop, index in zip(stops, indices)]


@dataclass(frozen=True)
class Emitted:
    """What is sent, each with its command, computed and read. `input_cycles`: of what nothing runs beside."""

    sends: tuple[tuple[int, Send], ...]
    input_cycles: int
    layers: tuple[Computed, ...]
    reads: tuple[Read, ...]


@dataclass(frozen=True)
class Run:
    """A segment whose commands may still move, from the first to its END."""

    image: Image
    commands: range
    rounds: tuple[Emitted, ...]

    @property
    def layers(self) -> tuple[Computed, ...]:
        """Of all rounds."""
        return tuple(layer for part in self.rounds for layer in part.layers)

    def _durations(self) -> dict[int, int]:
        """By command: cycles until the next one begins."""
        found: dict[int, int] = {}
        for part in self.rounds:
            if part.sends:
                found[part.sends[-1][0]] = part.input_cycles
            for layer in part.layers:
                found |= layer.planned.shares or {layer.planned.command: layer.planned.cycles}
            found |= {read.command: OUTPUT_COMMAND + BEATS * read.words for read in part.reads}
        return found

    def waits(self, final: Streamed) -> list[tuple[Computed, int, range]]:
        """By layer: its cycles, those that it waits for loads included, and its commands: those after the layer
        before."""
        found, before = [], self.commands.start
        late = final.waits(self._durations(), self.commands)
        for layer in self.layers:
            own = range(before, layer.planned.command + 1)
            found.append((layer, layer.planned.cycles + sum(late[i] for i in own), own))
            before = max(before, own.stop)
        return found

    def segment(self, final: Streamed) -> Segment:
        """What the host is told of it."""
        loads = final.within(self.commands)
        stream = np.concatenate([np.empty(0, np.uint64), *(load.beats for load in loads)])
        sends = tuple(
            replace(send, after=sum(len(load.beats) for load in loads if load.before <= command))
            for part in self.rounds
            for command, send in part.sends
        )
        reads = tuple(replace(read, command=final.index[read.command]) for part in self.rounds for read in part.reads)
        return Segment(final.index[self.commands.start], sends, stream, self._layers(final), reads)

    def _layers(self, final: Streamed) -> tuple[AccelLayer, ...]:
        """Strips of a layer are one, copies belong to what follows."""
        found: dict[int, AccelLayer] = {}
        copied = 0
        for layer, cycles, _ in self.waits(final):
            op = layer.stage.op
            copied += cycles
            if is_copy(op):
                continue
            number = op.index % PART
            before = found.get(number, AccelLayer(layer_name(op), number, layer.whole, (), 0))
            parts = (*before.parts, *layer.parts(final))
            found[number] = replace(before, parts=parts, cycles=before.cycles + copied)
            copied = 0
        return tuple(found.values())

    def cycles(self, final: Streamed) -> int:
        """Predicted, start to done."""
        layers = sum(cycles for _, cycles, _ in self.waits(final))
        moved = (part.input_cycles + sum(OUTPUT_COMMAND + BEATS * read.words for read in part.reads)
                 for part in self.rounds)  # fmt: skip
        return layers + sum(moved) + SEGMENT_END

    def spans(self, final: Streamed) -> list[Span]:
        """The run as it goes on: what is sent, layer after layer with the weights that it waits for, what is read. A
        layer's waits are shown together, before it computes."""
        found, now, waits = [], 0, iter(self.waits(final))
        for part in self.rounds:
            first = layer_name(part.layers[0].stage.op)
            sent = now
            for _, send in part.sends:
                sent += INPUT_COMMAND
                found.append(transfer("input", first, sent, len(send.index) // COLUMNS))
                sent += found[-1].cycles
            now += part.input_cycles
            computed, now = _spans(self.image, [next(waits) for _ in part.layers], final, now)
            found += computed
            for read in part.reads:
                name = next(layer_name(of.stage.op) for of in reversed(part.layers) if of.whole == read.tensor)
                found.append(transfer("output", name, now + OUTPUT_COMMAND // 2, read.words))
                now += OUTPUT_COMMAND + BEATS * read.words
        return sorted(found, key=lambda span: span.start)


def _spans(
    image: Image, layers: Sequence[tuple[Computed, int, range]], final: Streamed, now: int
) -> tuple[list[Span], int]:
    """Of a round's layers, from cycle `now` on; when they have ended."""
    found, alone, start = [], [], now
    for layer, cycles, commands in layers:
        planned, name = layer.planned, layer_name(layer.stage.op)
        if wait := cycles - planned.cycles:
            moved = sum(load.beats.nbytes for load in final.within(commands))
            found.append(Span("weights", name, "", now, wait, bytes=moved))
            now += wait
        alone.append(computation(image, planned.command, name, layer.stage.record, now, planned.cycles))
        if not planned.pieces:
            found.append(alone[-1])
        now += planned.cycles
    turns = [
        (c, n, i)
        for i, (layer, *_) in enumerate(layers)
        for (c, *_), n in zip(layer.planned.bands, layer.planned.pieces)
    ]
    return [*found, *in_turns(alone, [(layer, n) for _, n, layer in sorted(turns)], start)], now
