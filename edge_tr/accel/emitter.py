"""One budget's commands: turn after turn, layer after layer, into an image that other budgets may share."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from edge_tr.accel.addition import TABLE_READS, add_layer, load_tables
from edge_tr.accel.arrival import BEATS, Arrival, arrival_of
from edge_tr.accel.assign import Assignment
from edge_tr.accel.chain import Chain
from edge_tr.accel.cycles import Coming
from edge_tr.accel.engines import Cut, Effort, Tables, cut_data, emit, tables_of
from edge_tr.accel.image import Image
from edge_tr.accel.layout import COLUMNS, Placed
from edge_tr.accel.program import AccelLayer, HostLayer, Level, ProgramTurn, Segment, Send
from edge_tr.accel.room import Room, TooLarge
from edge_tr.accel.stage import Planned, Stage, Turn
from edge_tr.accel.stream import Streamed
from edge_tr.accel.timeline import Span, after, computation, in_turns, transfer
from edge_tr.accel.traffic import traffic_of
from edge_tr.accel.windows import emit_windows, window_parameters
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.graph import layer_name
from edge_tr.operators import AddParams, ConvParams, DepthwiseParams, with_cuts
from edge_tr.prepared.budget import Budget
from edge_tr.prepared.dead import Alive

INPUT_COMMAND = 7  # cycles besides its beats
SEGMENT_END = 14 + 4  # of OUTPUT and END besides the former's beats


@dataclass(frozen=True)
class Job:
    """A budget whose layers are assigned, and how their tensors lie.

    order       by tensor: which channel lies where
    cut         by operator: what data is truncated to
    layouts     by tensor, not yet where
    """

    budget: Budget
    revealed: Mapping[int, np.ndarray]
    alive: Alive
    order: Mapping[int, np.ndarray]
    cut: Mapping[int, np.ndarray]
    assignment: Assignment
    room: Room
    layouts: Mapping[int, Placed]


class Emitter:
    """A job's commands, in `image` from its construction on. TooLarge if a layer's numbers do not fit them so."""

    def __init__(self, job: Job, image: Image, effort: Effort, chain: Chain | None) -> None:
        self.job, self.image, self.effort, self.chain = job, image, effort, chain
        self.assignment, self.stages, self.cut = job.assignment, job.assignment.stages, job.cut
        self.room = chain.room if chain else job.room
        self.ends = np.cumsum([len(turn.stages) for turn in self.assignment.turns])  # of each turn's stages
        self.grown: list[dict[str, int]] = []  # by stage, how much of each memory it took
        self.tables: Tables | None = None  # that were loaded last
        self.fetched = Coming()  # they, on their way
        self.coming = 0  # cycles until the input is there that the next layer waits for
        inner = chain.inner if chain else {}
        placed = {tensor: y.at(self.room.words[tensor]) for tensor, y in job.layouts.items() if tensor not in inner}
        self.placed = placed | inner
        self.peak = max([self.room.peak, *(x.base + x.words for x in inner.values())])
        start = len(image.words[f.MEMORY.COMMANDS])
        self.parts = [self._segment(i) for i, turn in enumerate(self.assignment.turns) if turn.stages]
        self.commands = range(start, len(image.words[f.MEMORY.COMMANDS]))

    def level(self, final: Streamed) -> Level:
        """The schedule, once it is known what became of the image."""
        segments = [part.segment(final) for part in self.parts]
        starts = [0, *accumulate(part.cycles(segment) for part, segment in zip(self.parts, segments))]
        runs = zip(self.parts, segments, starts)
        spans = [after(part.spans(self.image, segment, final), start) for part, segment, start in runs]
        waiting = iter(segments)
        turns = tuple(
            ProgramTurn(self._host(turn), next(waiting) if turn.stages else None) for turn in self.assignment.turns
        )
        traffic = traffic_of(self.image, self.commands)
        timeline = tuple(itertools.chain(*spans))
        return Level(self.job.budget, turns, starts[-1], traffic, self.job.revealed, self.job.alive, timeline)

    # --- turns ---

    def _host(self, turn: Turn) -> tuple[HostLayer, ...]:
        """The processor's layers; it knows tensors by their channels' own order."""
        names = self.assignment.aliases
        layers = []
        for op in (op for op in self.job.alive.graph.ops if op.index in {own.index for own in turn.host}):
            inputs = tuple(names.get(t, t) for t in self.job.alive.graph.activations(op))
            reason, record = self.assignment.reasons[op.index], with_cuts(op, self.cut)
            for number, tensor in enumerate(op.targets):
                is_last = op.outputs and number == len(op.outputs) - 1
                layers.append(
                    HostLayer(
                        layer_name(op, number), op.index, tensor, inputs, number, record, self.cut.get(op.index),
                        reason, op.updates if is_last else (),
                    )
                )  # fmt: skip
        return tuple(layers)

    def _segment(self, number: int) -> _Part:
        """Emit a turn's commands."""
        turn, placed, arrival = self.assignment.turns[number], self.placed, None
        first = int(self.ends[number]) - len(turn.stages)
        entry, sends, beats = len(self.image.words[f.MEMORY.COMMANDS]), [], 0
        for tensor in turn.sends:
            x = placed[tensor]
            arrival = arrival_of(x)
            with _blaming(next(stage for stage in turn.stages if tensor in stage.inputs)):
                self.image.command(
                    opcode=f.OPCODE.INPUT, tiles=x.words, count=arrival.across, dst=x.base, dst_stride=arrival.stride
                )
            sends.append(Send(tensor, _input_index(x, arrival, self.job.order.get(tensor))))
            beats += INPUT_COMMAND + BEATS * x.words
        self.coming = BEATS * placed[turn.sends[-1]].words if turn.sends else 0
        if self._overlaps(number):
            beats, self.coming = beats - self.coming, 0
        done = self._emit_chain(self.chain, int(self.ends[number])) if self.chain and first == 0 else []
        self.grown += [{name: 0 for name in self.image.used()} for _ in done]  # it is not asked for with a chain
        for i in range(len(done), len(turn.stages)):
            before = {name: n for name, (n, _) in self.image.used().items()}
            with _blaming(turn.stages[i]):
                done.append(self._emit(first + i, number, arrival if i == 0 and self._overlaps(number) else None))
            self.grown.append({name: n - before[name] for name, (n, _) in self.image.used().items()})
        outputs = [stage.output for stage in turn.stages]
        layers = [
            (stage, placed[t], _index(placed[t], self.job.order.get(t))) for stage, t in zip(turn.stages, outputs)
        ]
        reads = tuple(outputs.index(tensor) for tensor in turn.reads)
        result = placed[turn.reads[0]]
        with _blaming(turn.stages[reads[0]]):
            self.image.command(opcode=f.OPCODE.OUTPUT, tiles=result.words, src=result.base)
        self.image.command(opcode=f.OPCODE.END)
        return _Part(entry, tuple(sends), beats, tuple(done), tuple(layers), reads)

    def _overlaps(self, number: int) -> bool:
        """Whether a turn's first layer begins while its input comes."""
        turn = self.assignment.turns[number]
        stage = turn.stages[0]
        window = isinstance(stage.record, (ConvParams, DepthwiseParams))
        return window and turn.sends[-1:] == stage.inputs and stage.op.index not in self.cut

    def _emit_chain(self, chain: Chain, end: int) -> list[Planned]:
        """The commands of layers that take turns, the first ones of stages up to `end`."""
        layers, pieces = chain.bands.layers, chain.bands.pieces
        extra = self._load_next(0, end) + (TABLE_READS if self.fetched.words else 0)
        self.fetched.go_by(chain.bands.cycles)
        data = [(window_parameters(self.image, w), self.image.terms(w.terms.words)) for w in layers]
        bands: list[list[tuple[int, int, int]]] = [[] for _ in layers]
        shares: list[list[int]] = [[] for _ in layers]
        for piece in pieces:
            tiles = piece.first, piece.end
            with _blaming(self.stages[piece.layer]):
                command = emit_windows(self.image, layers[piece.layer], tiles, *data[piece.layer], piece.waits)
            bands[piece.layer].append((command, *tiles))
            shares[piece.layer].append(piece.cycles)
        shares[0][0] += extra
        return [Planned(own[-1][0], sum(of), tuple(own), pieces=tuple(of)) for own, of in zip(bands, shares)]

    # --- layers ---

    def _emit(self, i: int, number: int, arrival: Arrival | None) -> Planned:
        stage, placed, extra = self.stages[i], self.placed, 0
        x, y = placed[stage.inputs[0]], placed[stage.output]
        if stage.op.index in self.cut:
            extra += self._beside_input(self._load(self._cut(stage).tables) + self.fetched.take())
            x, cycles = self._truncate(stage, x)
            extra += cycles
        if isinstance(stage.record, AddParams):
            extra += self._beside_input(self._load(tables_of(stage)) + self.fetched.take())
        else:
            before = self._load_next(i, int(self.ends[number]))
            if arrival:
                arrival = replace(arrival, late=before)
            extra += self._beside_input(before)
        done = emit(self.image, stage, x, placed[stage.inputs[-1]], y, self.effort, arrival)
        return Planned(done.command, done.cycles + extra + self.fetched.go_by(done.cycles, done.gaps))

    def _load_next(self, i: int, end: int) -> int:
        """Let the tables come that the next stage of this turn with tables needs; cycles of the command."""
        for stage in self.stages[i + 1 : end]:
            if stage.op.index in self.cut:
                return self._load(self._cut(stage).tables)
            if isinstance(stage.record, AddParams):
                return self._load(tables_of(stage))
        return 0

    def _load(self, tables: Tables) -> int:
        """Let the adders have these tables; cycles of the command."""
        if self.tables is not None and all(map(np.array_equal, tables, self.tables)):
            return 0
        command, self.tables = load_tables(self.image, tables), tables
        self.fetched.start()
        return command.cycles

    def _beside_input(self, cycles: int) -> int:
        """What of `cycles` is left when the input is there; tables come meanwhile."""
        coming, self.coming = self.coming, 0
        self.fetched.go_by(coming)
        return max(0, cycles - coming)

    def _truncate(self, stage: Stage, x: Placed) -> tuple[Placed, int]:
        """The input with s terms a value, made by the ADD engine from a table of all values: in place, or a copy where
        a later layer reads it whole."""
        cut = self._cut(stage)
        base = self.room.copies.get(stage.op.index, x.base)
        result = replace(x, base=base, zero_point=cut.zero_point, extreme=cut.extreme)
        return result, add_layer(self.image, (-128, 127), x, x, result).cycles

    def _cut(self, stage: Stage) -> Cut:
        return cut_data(stage.record, self.assignment.layouts[stage.inputs[0]], self.cut[stage.op.index])


@contextlib.contextmanager
def _blaming(stage: Stage) -> Iterator[None]:
    """What does not fit is this layer."""
    try:
        yield
    except DoesNotFitError as error:
        raise TooLarge(stage.op.index, str(error)) from error


@dataclass(frozen=True)
class _Part:
    """A segment whose commands may still move: of each layer its stage, result and index."""

    entry: int
    sends: tuple[Send, ...]
    input_cycles: int
    done: tuple[Planned, ...]
    layers: tuple[tuple[Stage, Placed, np.ndarray], ...]
    reads: tuple[int, ...]

    def segment(self, final: Streamed) -> Segment:
        """What the host is told of it; a layer's commands are those after the one before."""
        layers, before = [], self.entry
        for (stage, y, index), planned in zip(self.layers, self.done):
            last, bands = planned.command, planned.bands
            cycles = planned.cycles + sum(final.cycles[before : last + 1])
            stops = tuple(final.index[command] + 1 for command, *_ in bands) or (final.index[last] + 1,)
            layers.append(
                AccelLayer(layer_name(stage.op), stage.op.index, stage.output, stops, y.base, y.words, index,
                           _part(y, index, bands), cycles)
            )  # fmt: skip
            before = max(before, last + 1)
        packets = [final.packets[i] for i in range(self.entry, before) if i in final.packets]
        stream = np.concatenate([np.empty(0, np.uint64), *packets])
        return Segment(final.index[self.entry], self.sends, stream, tuple(layers), self.reads)

    def cycles(self, segment: Segment) -> int:
        """Predicted, start to done."""
        output = BEATS * segment.layers[segment.reads[0]].words
        return self.input_cycles + sum(layer.cycles for layer in segment.layers) + output + SEGMENT_END

    def spans(self, image: Image, segment: Segment, final: Streamed) -> list[Span]:
        """The run as it goes on: what is sent, layer after layer with the weights that it waits for, what is read. A
        layer's waits are shown together, before it computes."""
        first, result = self.layers[0][0], segment.layers[segment.reads[0]]
        found, now = [], 0
        for send in self.sends:
            now += INPUT_COMMAND
            found.append(transfer("input", layer_name(first.op), now, len(send.index) // COLUMNS))
            now += found[-1].cycles
        now, before = self.input_cycles, self.entry
        alone = []
        for (stage, *_), planned in zip(self.layers, self.done):
            name = layer_name(stage.op)
            waits = range(before, planned.command + 1)
            wait = sum(final.cycles[before : planned.command + 1])
            if wait:
                moved = sum(final.packets[i].nbytes for i in waits if i in final.packets)
                found.append(Span("weights", name, "", now, wait, bytes=moved))
                now += wait
            alone.append(computation(image, planned.command, name, stage.record, now, planned.cycles))
            if not planned.pieces:
                found.append(alone[-1])
            now += planned.cycles
            before = max(before, planned.command + 1)
        turns = [(c, n, i) for i, p in enumerate(self.done) for (c, *_), n in zip(p.bands, p.pieces)]
        found += in_turns(alone, [(layer, n) for _, n, layer in sorted(turns)], self.input_cycles)
        found.append(transfer("output", result.name, now + SEGMENT_END // 2, result.words))
        return sorted(found, key=lambda span: span.start)


def _index(y: Placed, order: np.ndarray | None = None) -> np.ndarray:
    """int32 [elements], byte of the tensor's words; `order`: which channel lies where."""
    at = y.addresses() - y.base * COLUMNS
    return (at if order is None else at[:, :, np.argsort(order)]).ravel().astype(np.int32)


def _part(y: Placed, index: np.ndarray, bands: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Which band each element is in, [elements], in the smallest type; [1] if there are none."""
    part = np.zeros(y.blocks, np.min_scalar_type(max(0, len(bands) - 1)))
    for n, (_, first, end) in enumerate(bands):
        part[first:end] = n
    return part[index // COLUMNS % y.blocks] if bands else part[:1]


def _input_index(x: Placed, arrival: Arrival, order: np.ndarray | None) -> np.ndarray:
    index = np.full(x.words * COLUMNS, -1, np.int32)
    at = _index(x, order)
    index[at] = np.arange(len(at))
    return index.reshape(x.words, COLUMNS)[arrival.order()].ravel()
