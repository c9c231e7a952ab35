"""One budget's commands: turn after turn, layer after layer, into an image that other budgets may share."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from edge_tr.accel.addition import BY_TABLES, TABLE_READS, Tables, add_layer, load_tables
from edge_tr.accel.arrival import BEATS, Arrival, arrival_of
from edge_tr.accel.assign import Assignment
from edge_tr.accel.chain import Chain
from edge_tr.accel.cycles import Coming
from edge_tr.accel.engines import Effort, cut_tables, emit, tables_of
from edge_tr.accel.image import Image
from edge_tr.accel.indices import index_of, input_index, scattered
from edge_tr.accel.layout import Placed
from edge_tr.accel.program import HostLayer, Level, ProgramTurn, Read, Send
from edge_tr.accel.room import Room
from edge_tr.accel.runs import INPUT_COMMAND, Computed, Emitted, Run
from edge_tr.accel.stage import Planned, Round, Stage, TooLarge, Turn
from edge_tr.accel.stream import Streamed
from edge_tr.accel.strips import Tiled
from edge_tr.accel.timeline import after
from edge_tr.accel.traffic import total, traffic_of
from edge_tr.accel.windows import emit_windows, window_parameters
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.graph import layer_name
from edge_tr.operators import ConvParams, DepthwiseParams, with_cuts
from edge_tr.prepared.budget import Budget
from edge_tr.prepared.dead import Alive


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
    tiled: Tiled


class Emitter:
    """A job's commands, in `image` from its construction on, or in pages: then each run has an image of its own, which
    comes from DDR when it begins. TooLarge if a layer's numbers do not fit them so."""

    def __init__(self, job: Job, image: Image | None, effort: Effort, chain: Chain | None) -> None:
        self.job, self.effort, self.chain, self.paged = job, effort, chain, image is None
        self.image = image or Image()
        self.assignment, self.stages, self.cut = job.assignment, job.assignment.stages, job.cut
        self.room = chain.room if chain else job.room
        self.grown: list[dict[str, int]] = []  # by stage, how much of each memory it took
        self.tables: Tables | None = None  # that were loaded last
        self.fetched = Coming()  # they, on their way
        self.coming = 0  # cycles until the input is there that the next layer waits for
        inner = chain.inner if chain else {}
        placed = {tensor: y.at(self.room.words[tensor]) for tensor, y in job.layouts.items() if tensor not in inner}
        self.placed = placed | inner
        self.peak = max([self.room.peak, *(x.base + x.words for x in inner.values())])
        self.turns = [self._segments(turn) for turn in self.assignment.turns]

    @property
    def runs(self) -> list[Run]:
        """Of all turns."""
        return [run for turn in self.turns for run in turn]

    def level(self, finals: Mapping[int, Streamed]) -> Level:
        """The schedule, once it is known what became of each image, by its id."""
        runs = [(run, finals[id(run.image)]) for run in self.runs]
        starts = [0, *accumulate(run.cycles(final) for run, final in runs)]
        spans = [after(run.spans(final), start) for (run, final), start in zip(runs, starts)]
        turns = []
        for turn, own in zip(self.assignment.turns, self.turns):
            segments = [run.segment(finals[id(run.image)]) for run in own] or [None]
            turns += [ProgramTurn(self._host(turn), segments[0]), *(ProgramTurn((), more) for more in segments[1:])]
        traffic = total([traffic_of(run.image, run.commands) for run, _ in runs])
        timeline = tuple(itertools.chain(*spans))
        return Level(self.job.budget, tuple(turns), starts[-1], traffic, self.job.revealed, self.job.alive, timeline)

    # --- turns ---

    def _host(self, turn: Turn) -> tuple[HostLayer, ...]:
        """The processor's layers; it knows tensors by their channels' own order."""
        names, own = self.assignment.aliases, {op.index for op in turn.host}
        layers = []
        for op in (op for op in self.job.alive.graph.ops if op.index in own):
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

    def _segments(self, turn: Turn) -> list[Run]:
        """Emit a turn's commands: a run, or as many as take its pages."""
        if not turn.stages:
            return []
        runs, entry = [], self._open()
        rounds, waiting, last = [], list(turn.rounds), turn.reads[-1]
        while waiting:
            part = waiting.pop(0)
            done = self._round(part, last)
            rounds.append(done)
            left = part.stages[len(done.layers) :]
            if left:
                runs.append(self._close(entry, rounds))
                rounds, entry = [], self._open()
                waiting.insert(0, replace(part, stages=left, sends=(), reads=part.reads[len(done.reads) :]))
        return [*runs, self._close(entry, rounds)]

    def _open(self) -> int:
        """Begin a run; its first command."""
        if self.paged:
            self.image, self.tables, self.fetched = Image(), None, Coming()
            self.image.command(opcode=f.OPCODE.LOAD)
            return 0
        return len(self.image.words[f.MEMORY.COMMANDS])

    def _close(self, entry: int, rounds: Sequence[Emitted]) -> Run:
        end = self.image.command(opcode=f.OPCODE.END)
        return Run(self.image, range(entry, end + 1), tuple(rounds))

    def _round(self, part: Round, last: int) -> Emitted:
        """Emit a round's commands, as many as the page takes; `last`: what is read last in the turn."""
        sends, arrival = self._send(part)
        beats = sum(INPUT_COMMAND + BEATS * self.placed[tensor].words for tensor in part.sends)
        self.coming = BEATS * self.placed[part.sends[-1]].words if part.sends else 0
        overlaps = self._overlaps(part)
        if overlaps:
            beats, self.coming = beats - self.coming, 0
        done = self._compute(part, arrival if overlaps else None)
        made = {stage.output for stage in part.stages[: len(done)]}
        own = [tensor for tensor in part.reads if tensor in made]
        if own and len(done) < len(part.stages):
            last = own[-1]
        layers = tuple(self._result(stage, planned) for stage, planned in zip(part.stages, done))
        return Emitted(sends, beats, layers, tuple(self._read(part, tensor, tensor != last) for tensor in own))

    def _send(self, part: Round) -> tuple[tuple[tuple[int, Send], ...], Arrival | None]:
        """INPUTs with what comes, and how the last one's does."""
        sends, arrival = [], None
        for tensor in part.sends:
            x = self.placed[tensor]
            arrival = arrival_of(x)
            with _blaming(next(stage for stage in part.stages if tensor in stage.inputs)):
                command = self.image.command(
                    opcode=f.OPCODE.INPUT, tiles=x.words, count=arrival.across, dst=x.base, dst_stride=arrival.stride
                )
            sends.append((command, self._of_whole(tensor, input_index(x, arrival, self.job.order.get(tensor)))))
        return tuple(sends), arrival

    def _compute(self, part: Round, arrival: Arrival | None) -> list[Planned]:
        """The stages' commands, as many as the page takes; `arrival`: how the input comes that the first one begins
        beside."""
        first, end = len(self.grown), len(self.grown) + len(part.stages)
        done = self._emit_chain(self.chain, len(part.stages)) if self.chain and first == 0 else []
        self.grown += [{name: 0 for name in self.image.used()} for _ in done]  # it is not asked for with a chain
        for i in range(len(done), len(part.stages)):
            before, there = {name: n for name, (n, _) in self.image.used().items()}, self.image
            self.image = there.copied() if self.paged else there
            with _blaming(part.stages[i]):
                planned = self._emit(first + i, end, arrival if i == 0 else None)
            if self.paged and i and part.may_end and self._is_full():
                self.image = there
                break
            done.append(planned)
            self.grown.append({name: n - before[name] for name, (n, _) in self.image.used().items()})
        return done

    def _read(self, part: Round, tensor: int, more: bool) -> Read:
        """An OUTPUT; `more`: another one goes on with its packet."""
        y, (whole, begin) = self.placed[tensor], self._begins(tensor)
        with _blaming(next(stage for stage in part.stages if stage.output == tensor)):
            command = self.image.command(opcode=f.OPCODE.OUTPUT, tiles=y.words, src=y.base, more=more)
        return Read(command, whole, y.words, begin, index_of(y, self.job.order.get(tensor)))

    def _is_full(self) -> bool:
        """Whether a page has no room for what must be in it whole; each command may need a LOAD of its own."""
        used = self.image.used()
        names = "commands", "gather operations", "masks"
        return any(used[name][0] * (2 if name == "commands" else 1) > used[name][1] for name in names)

    def _begins(self, tensor: int) -> tuple[int, int]:
        """The tensor that it is a piece of, or it, and which element of that is its first."""
        piece = self.job.tiled.pieces.get(tensor)
        if piece is None:
            return tensor, 0
        _, _, width, channels = self.job.tiled.graph.tensor(piece.whole).shape
        return piece.whole, piece.rows[0] * width * channels

    def _of_whole(self, tensor: int, index: np.ndarray) -> Send:
        """What is sent of it."""
        whole, begin = self._begins(tensor)
        return Send(whole, np.where(index < 0, index, index + begin).astype(np.int32), 0)

    def _result(self, stage: Stage, planned: Planned) -> Computed:
        """A stage that was emitted, and where its result is found."""
        y, (whole, begin) = self.placed[stage.output], self._begins(stage.output)
        piece = self.job.tiled.pieces.get(stage.output)
        if stage.channels or (piece and piece.channels):
            own, channels = stage.target(y), stage.channels or piece.channels
            index = scattered(own, y, self.job.tiled.graph.channels(whole), self.job.order.get(whole), channels)
            return Computed(stage, planned, y, whole, 0, index)
        index = index_of(y, self.job.order.get(stage.output))
        if stage.rows:
            begin, end = (n * y.shape[1] * y.shape[2] for n in stage.rows)
            index = index[begin:end]
        return Computed(stage, planned, y, whole, begin, index)

    def _overlaps(self, part: Round) -> bool:
        """Whether the first layer begins while its input comes."""
        stage = part.stages[0]
        window = isinstance(stage.record, (ConvParams, DepthwiseParams))
        return window and part.sends[-1:] == stage.inputs and stage.op.index not in self.cut

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

    def _emit(self, i: int, end: int, arrival: Arrival | None) -> Planned:
        """Stage i, of a round that ends before stage `end`."""
        stage, placed, extra = self.stages[i], self.placed, 0
        x, y = placed[stage.inputs[0]], stage.target(placed[stage.output])
        if stage.op.index in self.cut:
            extra += self._beside_input(self._load(self._cut_tables(stage)) + self.fetched.take())
            x, cycles = self._truncate(stage, x)
            extra += cycles
        if isinstance(stage.record, BY_TABLES):
            extra += self._beside_input(self._load(tables_of(stage)) + self.fetched.take())
        else:
            before = self._load_next(i, end)
            if arrival:
                arrival = replace(arrival, late=before)
            extra += self._beside_input(before)
        done = emit(self.image, stage, [x, *(placed[t] for t in stage.inputs[1:])], y, self.effort, arrival)
        extra += self.fetched.go_by(done.cycles, done.gaps)
        own = done.shares or {done.command: done.cycles}
        shares = {**own, done.command: own[done.command] + extra}
        return Planned(done.command, done.cycles + extra, shares=shares)

    def _load_next(self, i: int, end: int) -> int:
        """Let the tables come that the next stage of this turn with tables needs; cycles of the command. Not where
        weights come meanwhile: a LOAD waits for tables."""
        if self.effort is Effort.STREAMED:
            return 0
        for stage in self.stages[i + 1 : end]:
            if stage.op.index in self.cut:
                return self._load(self._cut_tables(stage))
            if isinstance(stage.record, BY_TABLES):
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
        result = replace(x, base=self.room.copies.get(stage.op.index, x.base))
        return result, add_layer(self.image, (-128, 127), x, x, result).cycles

    def _cut_tables(self, stage: Stage) -> Tables:
        return cut_tables(self.assignment.layouts[stage.inputs[0]], self.cut[stage.op.index])


@contextlib.contextmanager
def _blaming(stage: Stage) -> Iterator[None]:
    """What does not fit is this layer."""
    try:
        yield
    except DoesNotFitError as error:
        raise TooLarge(stage.op.index, str(error)) from error
