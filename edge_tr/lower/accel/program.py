"""A model as a program of the term accelerator: memory images, commands, and what the host must know to use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.ir.dead import Alive, remove_dead_channels, reordered
from edge_tr.ir.graph import Graph
from edge_tr.ir.params import AddParams, ConvParams, DepthwiseParams, DotParams, FullyConnectedParams, Params, params
from edge_tr.ir.ranges import activations
from edge_tr.lower.accel.addition import TABLE_LOAD, TABLE_READS, add_layer, load_tables
from edge_tr.lower.accel.arrival import BEATS, Arrival, arrival_of
from edge_tr.lower.accel.assign import Assignment, Refusals, assign
from edge_tr.lower.accel.chain import Chain, find_chain
from edge_tr.lower.accel.engines import Effort, Tables, cut_offset, cut_tables, emit, tables_of
from edge_tr.lower.accel.image import Image
from edge_tr.lower.accel.layout import COLUMNS, Placed
from edge_tr.lower.accel.order import by_length
from edge_tr.lower.accel.phases import with_phases
from edge_tr.lower.accel.room import Room, TooLarge, room_for
from edge_tr.lower.accel.stage import Planned, Stage, Turn
from edge_tr.lower.accel.stream import Streamed, resident, streamed
from edge_tr.lower.accel.traffic import Traffic, traffic_of
from edge_tr.lower.accel.windows import emit_windows, window_parameters
from edge_tr.lower.budget import Budget, check_names
from edge_tr.lower.program import layer_name
from edge_tr.tr.reveal import reveal, truncate_data

INPUT_COMMAND = 7  # cycles besides its beats
SEGMENT_END = 14 + 4  # of OUTPUT and END besides the former's beats


@dataclass(frozen=True)
class AccelLayer:
    """A layer that the accelerator computes: stop before a command and dump `words` words from `address`; byte
    `index[i]` of them is element i of the tensor (NHWC). Element i is there before command `stops[part[i]]`; the layer
    is done before the last of them."""

    name: str
    op: int
    tensor: int
    stops: tuple[int, ...]
    address: int
    words: int
    index: np.ndarray
    part: np.ndarray  # int [elements], or [1] for all
    cycles: int


@dataclass(frozen=True)
class HostLayer:
    """A layer that the processor computes of the tensors `inputs`; `data_terms` as golden takes them."""

    name: str
    op: int
    tensor: int
    inputs: tuple[int, ...]
    record: Params
    data_terms: np.ndarray | None
    reason: str


@dataclass(frozen=True)
class Send:
    """int32 [64 * words], which element of the tensor each byte of an INPUT is; -1: zero."""

    tensor: int
    index: np.ndarray


@dataclass(frozen=True)
class Segment:
    """One run of the accelerator, from command `entry` to an END.

    sends   come first, one INPUT each
    stream  uint64 [n], load packets that follow them
    layers  in the order in which they run
    reads   positions in `layers` of what the processor needs; the first one comes by OUTPUT, others are dumped
    """

    entry: int
    sends: tuple[Send, ...]
    stream: np.ndarray
    layers: tuple[AccelLayer, ...]
    reads: tuple[int, ...]

    @property
    def sent_bytes(self) -> int:
        """By DMA, in each inference."""
        return sum(len(send.index) for send in self.sends) + self.stream.nbytes

    @property
    def read_bytes(self) -> int:
        """By DMA, in each inference."""
        return sum(self.layers[read].words * COLUMNS for read in self.reads)


@dataclass(frozen=True)
class ProgramTurn:
    """What the processor computes, then what the accelerator does; the last turn may have no segment."""

    host: tuple[HostLayer, ...]
    segment: Segment | None

    @property
    def layers(self) -> tuple[HostLayer | AccelLayer, ...]:
        """In the order in which they run."""
        return self.host + (self.segment.layers if self.segment else ())


@dataclass(frozen=True)
class Level:
    """One budget's commands: from `entry` on; predicted cycles of a whole inference."""

    name: str
    entry: int
    cycles: int


@dataclass(frozen=True)
class AccelProgram:
    """All that a board needs.

    load         uint64 [n], load packets of all memories
    program_crc  what register PROGRAM reads then
    source       the input's tensor
    result       the tensor that is the output, maybe in another shape
    used         words of each memory, and how many there are
    """

    sha256: str
    load: np.ndarray
    program_crc: int
    source: int
    result: int
    turns: tuple[ProgramTurn, ...]
    levels: tuple[Level, ...]
    used: Mapping[str, tuple[int, int]]
    traffic: Traffic
    revealed: Mapping[int, np.ndarray]
    data_terms: Mapping[int, np.ndarray]
    alive: Alive
    macs: int

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Runs of the accelerator in one inference."""
        return tuple(turn.segment for turn in self.turns if turn.segment)

    @property
    def layers(self) -> tuple[AccelLayer, ...]:
        """Of the accelerator."""
        return tuple(layer for segment in self.segments for layer in segment.layers)

    @property
    def host_layers(self) -> tuple[HostLayer, ...]:
        """Of the processor."""
        return tuple(layer for turn in self.turns for layer in turn.host)

    @property
    def fits(self) -> bool:
        """Whether every memory is large enough."""
        return all(n <= depth for n, depth in self.used.values())


def lower_accel(graph: Graph, budget: Budget) -> AccelProgram:
    """Schedule a model. What has no engine, or does not fit, is left to the processor; ModelError or DoesNotFitError
    with every reason where that is all of it."""
    given = {op.index: params(graph, op) for op in graph.ops}
    dots = {op.index: layer_name(op) for op in graph.ops if isinstance(given[op.index], DotParams)}
    check_names(budget, list(dots.values()))
    settings = {i: budget.of(name) for i, name in dots.items()}
    revealed = {i: reveal(given[i].weights, s.group, s.terms).values for i, s in settings.items()}
    cut = {i: truncate_data(s.data_terms) for i, s in settings.items() if s.data_terms is not None}
    alive = remove_dead_channels(graph, revealed, cut)
    order = by_length(alive.graph)
    left_out: dict[int, str] = {}
    known: Refusals = {}
    while True:
        try:
            return _fitting(alive, order, revealed, cut, left_out, known)
        except TooLarge as large:
            left_out[large.op] = str(large)


def _fitting(
    alive: Alive,
    order: Mapping[int, np.ndarray],
    revealed: Mapping[int, np.ndarray],
    cut: Mapping[int, np.ndarray],
    left_out: Mapping[int, str],
    known: Refusals,
) -> AccelProgram:
    """The program with the least effort that fits; TooLarge names a layer that the processor should take."""
    work = reordered(alive.graph, order)
    assignment = assign(work, cut, left_out, known)
    room = room_for(assignment, cut)

    def scheduler(effort: Effort, chain: Chain | None = None) -> _Scheduler:
        return _Scheduler(alive, work, assignment, room, order, revealed, cut, effort, chain)

    layouts = scheduler(Effort.FASTEST).layouts()
    chain = find_chain(assignment, layouts, cut)
    tries = [scheduler(Effort.FASTEST, chain)] if chain else []
    for tried in [*tries, *map(scheduler, Effort)]:
        program = tried.program(layouts)
        if program.fits:
            return program
    raise tried.too_large(program.used)


class _Scheduler:
    """Emits layer after layer."""

    def __init__(
        self,
        alive: Alive,
        graph: Graph,
        assignment: Assignment,
        room: Room,
        order: Mapping[int, np.ndarray],
        revealed: Mapping[int, np.ndarray],
        cut: Mapping[int, np.ndarray],
        effort: Effort,
        chain: Chain | None,
    ) -> None:
        self.alive, self.order, self.graph, self.chain = alive, order, graph, chain
        self.room = chain.room if chain else room
        self.revealed, self.cut = revealed, cut
        self.image, self.effort = Image(), effort
        self.assignment, self.stages = assignment, assignment.stages
        self.ends = np.cumsum([len(turn.stages) for turn in assignment.turns])  # of each turn's stages
        self.grown: list[dict[str, int]] = []  # by stage, how much of each memory it took
        self.tables: Tables | None = None  # that were loaded last
        self.missing = 0  # cycles until they are there

    def layouts(self) -> dict[int, Placed]:
        """How each tensor lies in memory, not yet where."""

        def cycles(stage: Stage, x: Placed, y: Placed) -> int:
            try:
                return emit(Image(), stage, x, x, y, self.effort).cycles
            except DoesNotFitError:
                return 1 << 40  # not so

        sent = {tensor for turn in self.assignment.turns for tensor in turn.sends}
        return with_phases(self.stages, self.assignment.layouts, sent, cycles)

    def program(self, layouts: Mapping[int, Placed]) -> AccelProgram:
        """Everything, for tensors that lie so."""
        inner = self.chain.inner if self.chain else {}
        placed = {tensor: y.at(self.room.words[tensor]) for tensor, y in layouts.items() if tensor not in inner}
        placed |= inner
        parts = [self._segment(i, placed) for i, turn in enumerate(self.assignment.turns) if turn.stages]
        final = streamed(self.image) if self.effort is Effort.STREAMED else resident(self.image)
        segments = [part.segment(final) for part in parts]
        cycles = sum(part.cycles(segment) for part, segment in zip(parts, segments))
        load, crc = final.image.load()
        waiting = iter(segments)
        turns = tuple(
            ProgramTurn(self._host(turn), next(waiting) if turn.stages else None) for turn in self.assignment.turns
        )
        macs = sum(_macs(stage.record) for stage in self.stages)
        peak = max([self.room.peak, *(x.base + x.words for x in inner.values())])
        used = final.image.used() | {"activation words": (peak, f.ACTIVATION_WORDS.value)}
        return AccelProgram(
            self.graph.sha256, load, crc, self.graph.inputs[0], self.assignment.result, turns,
            (Level("build", segments[0].entry, cycles),), used, traffic_of(self.image), self.revealed, self.cut,
            self.alive, macs,
        )  # fmt: skip

    def too_large(self, used: Mapping[str, tuple[int, int]]) -> TooLarge:
        """The layer that takes most of a memory that is too small."""
        name, (n, depth) = next((name, use) for name, use in used.items() if use[0] > use[1])
        most = max(range(len(self.stages)), key=lambda i: self.grown[i][name])
        return TooLarge(self.stages[most].op.index, f"of {depth:,} {name} the whole model needs {n:,}, it most of them")

    # --- turns ---

    def _host(self, turn: Turn) -> tuple[HostLayer, ...]:
        """The processor's layers; it knows tensors by their channels' own order."""
        names = self.assignment.aliases
        layers = []
        for op in (op for op in self.alive.graph.ops if op.index in {own.index for own in turn.host}):
            record = params(self.alive.graph, op)
            inputs = tuple(names.get(t, t) for t in activations(op, record))
            reason = self.assignment.reasons[op.index]
            layers.append(
                HostLayer(layer_name(op), op.index, op.outputs[0], inputs, record, self.cut.get(op.index), reason)
            )
        return tuple(layers)

    def _segment(self, number: int, placed: Mapping[int, Placed]) -> _Part:
        """Emit a turn's commands."""
        turn, arrival = self.assignment.turns[number], None
        first = int(self.ends[number]) - len(turn.stages)
        entry, sends, beats = len(self.image.words[f.MEMORY.COMMANDS]), [], 0
        for tensor in turn.sends:
            x = placed[tensor]
            arrival = arrival_of(x)
            self.image.command(
                opcode=f.OPCODE.INPUT, tiles=x.words, count=arrival.across, dst=x.base, dst_stride=arrival.stride
            )
            sends.append(Send(tensor, _input_index(x, arrival, self.order.get(tensor))))
            beats += INPUT_COMMAND + BEATS * x.words
        if self._overlaps(number):
            beats -= BEATS * placed[turn.sends[-1]].words
        done = self._emit_chain(self.chain, int(self.ends[number])) if self.chain and first == 0 else []
        self.grown += [{name: 0 for name in self.image.used()} for _ in done]  # it is not asked for with a chain
        for i in range(len(done), len(turn.stages)):
            before = {name: n for name, (n, _) in self.image.used().items()}
            done.append(self._emit(first + i, number, placed, arrival if i == 0 and self._overlaps(number) else None))
            self.grown.append({name: n - before[name] for name, (n, _) in self.image.used().items()})
        outputs = [stage.output for stage in turn.stages]
        layers = [(stage, placed[t], _index(placed[t], self.order.get(t))) for stage, t in zip(turn.stages, outputs)]
        result = placed[turn.reads[0]]
        self.image.command(opcode=f.OPCODE.OUTPUT, tiles=result.words, src=result.base)
        self.image.command(opcode=f.OPCODE.END)
        reads = tuple(outputs.index(tensor) for tensor in turn.reads)
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
        extra = self._load_next(0, end) + (TABLE_READS if self.missing else 0)
        self.missing = max(0, self.missing - chain.bands.cycles)
        data = [(window_parameters(self.image, w), self.image.terms(w.terms.words)) for w in layers]
        bands: list[list[tuple[int, int, int]]] = [[] for _ in layers]
        for piece in pieces:
            tiles = piece.first, piece.end
            command = emit_windows(self.image, layers[piece.layer], tiles, *data[piece.layer], piece.waits)
            bands[piece.layer].append((command, *tiles))
        cycles = [sum(p.cycles for p in pieces if p.layer == i) for i in range(len(bands))]
        cycles[0] += extra
        return [Planned(own[-1][0], n, tuple(own)) for own, n in zip(bands, cycles)]

    # --- layers ---

    def _emit(self, i: int, number: int, placed: Mapping[int, Placed], arrival: Arrival | None) -> Planned:
        stage, extra = self.stages[i], 0
        x, y = placed[stage.inputs[0]], placed[stage.output]
        if stage.op.index in self.cut:
            extra += self._load(self._cut_tables(stage)) + self._wait()
            x, cycles = self._truncate(stage, x)
            extra += cycles
        if isinstance(stage.record, AddParams):
            extra += self._load(tables_of(stage)) + self._wait()
        else:
            extra += self._load_next(i, int(self.ends[number]))
        if self.missing and isinstance(stage.record, (ConvParams, DepthwiseParams)):
            extra += TABLE_READS
        done = emit(self.image, stage, x, placed[stage.inputs[-1]], y, self.effort, arrival)
        self.missing = max(0, self.missing - done.cycles)
        return Planned(done.command, done.cycles + extra)

    def _load_next(self, i: int, end: int) -> int:
        """Let the tables come that the next stage of this turn with tables needs; cycles of the command."""
        for stage in self.stages[i + 1 : end]:
            if stage.op.index in self.cut:
                return self._load(self._cut_tables(stage))
            if isinstance(stage.record, AddParams):
                return self._load(tables_of(stage))
        return 0

    def _load(self, tables: Tables) -> int:
        """Let the adders have these tables; cycles of the command."""
        if self.tables is not None and all(map(np.array_equal, tables, self.tables)):
            return 0
        command, self.tables, self.missing = load_tables(self.image, tables), tables, TABLE_LOAD
        return command.cycles

    def _wait(self) -> int:
        """Cycles until an addition has its tables."""
        missing, self.missing = self.missing, 0
        return missing

    def _truncate(self, stage: Stage, x: Placed) -> tuple[Placed, int]:
        """The input with s terms a value, made by the ADD engine from a table of all values: in place, or a copy where
        a later layer reads it whole."""
        zero_point = cut_offset(self.cut[stage.op.index], x.zero_point)
        result = replace(x, base=self.room.copies.get(stage.op.index, x.base), zero_point=zero_point)
        return result, add_layer(self.image, (-128, 127), x, x, result).cycles

    def _cut_tables(self, stage: Stage) -> Tables:
        x = self.assignment.layouts[stage.inputs[0]]
        return cut_tables(self.cut[stage.op.index], x.zero_point)


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


def _macs(record: Params) -> int:
    if isinstance(record, (ConvParams, DepthwiseParams)):
        return record.weights.size * record.output_shape[0] * record.output_shape[1]
    return record.weights.size if isinstance(record, FullyConnectedParams) else 0
