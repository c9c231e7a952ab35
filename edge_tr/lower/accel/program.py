"""A model as a program of the term accelerator: memory images, commands, and what the host must know to use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from edge_tr.errors import DoesNotFitError, ModelError
from edge_tr.formats import accelerator as f
from edge_tr.ir.dead import Alive, remove_dead_channels, reordered
from edge_tr.ir.graph import Graph, Op, Tensor
from edge_tr.ir.params import (
    AddParams,
    ConvParams,
    DepthwiseParams,
    DotParams,
    FullyConnectedParams,
    MeanParams,
    Params,
    PoolParams,
    ReshapeParams,
    SoftmaxParams,
    params,
)
from edge_tr.lower.accel.arrival import BEATS, Arrival, arrival_of
from edge_tr.lower.accel.bands import Banded, banded, chain_length
from edge_tr.lower.accel.image import Image
from edge_tr.lower.accel.layout import COLUMNS, Placed, planar, vector
from edge_tr.lower.accel.order import by_length
from edge_tr.lower.accel.phases import with_phases
from edge_tr.lower.accel.schedule import (
    TABLE_LOAD,
    TABLE_READS,
    Planned,
    Windows,
    add_layer,
    add_tables,
    choose_windows,
    dense_layer,
    emit_windows,
    load_tables,
    maximum_layer,
    sum_layer,
    window_layer,
    window_parameters,
)
from edge_tr.lower.accel.stage import Stage
from edge_tr.lower.accel.stream import Streamed, resident, streamed
from edge_tr.lower.budget import Budget, check_names
from edge_tr.lower.memory import Buffer, plan
from edge_tr.lower.program import layer_name
from edge_tr.tr.reveal import reveal, truncate_data

INPUT_COMMAND = 7  # cycles besides its beats


@dataclass(frozen=True)
class AccelLayer:
    """A layer that the accelerator computes: stop before a command and dump `words` words from `address`; byte
    `index[i]` of them is element i of the tensor (NHWC) less its zero point, modulo 256. Element i is there before
    command `stops[part[i]]`; the layer is done before the last of them."""

    name: str
    op: int
    tensor: int
    stops: tuple[int, ...]
    address: int
    words: int
    index: np.ndarray
    part: np.ndarray  # uint8 [elements], or [1] for all
    zero_point: int
    cycles: int

    @property
    def stop(self) -> int:
        """The last of its stops."""
        return self.stops[-1]


@dataclass(frozen=True)
class Level:
    """One budget's commands: from `entry` on; predicted cycles of a whole inference."""

    name: str
    entry: int
    cycles: int


@dataclass(frozen=True)
class AccelProgram:
    """All that a board needs.

    load          uint64 [n], load packets of all memories
    program_crc   what register PROGRAM reads then
    input_index   int32 [64 * words], element of the flattened sample for each byte of INPUT; -1: zero
    stream        uint64 [m], load packets that follow the input in each run
    output_index  int32 [elements], byte of OUTPUT that each element of the output tensor is in
    """

    sha256: str
    load: np.ndarray
    program_crc: int
    input_index: np.ndarray
    stream: np.ndarray
    output_index: np.ndarray
    output_words: int
    levels: tuple[Level, ...]
    layers: tuple[AccelLayer, ...]
    host_ops: tuple[SoftmaxParams, ...]
    used: Mapping[str, tuple[int, int]]
    revealed: Mapping[int, np.ndarray]
    data_terms: Mapping[int, np.ndarray]
    alive: Alive
    macs: int

    @property
    def fits(self) -> bool:
        """Whether every memory is large enough."""
        return not self.lacks()

    def lacks(self) -> str:
        """What does not fit, in words; empty if all does."""
        return ", ".join(f"{n} {name} of {depth}" for name, (n, depth) in self.used.items() if n > depth)


def lower_accel(graph: Graph, budget: Budget) -> AccelProgram:
    """Schedule a model. ModelError for operators the accelerator has no engine for, DoesNotFitError for memories."""
    given = {op.index: params(graph, op) for op in graph.ops}
    dots = {op.index: layer_name(op) for op in graph.ops if isinstance(given[op.index], DotParams)}
    check_names(budget, list(dots.values()))
    settings = {i: budget.of(name) for i, name in dots.items()}
    revealed = {i: reveal(given[i].weights, s.group, s.terms).values for i, s in settings.items()}
    cut = {i: truncate_data(s.data_terms) for i, s in settings.items() if s.data_terms is not None}
    alive = remove_dead_channels(graph, revealed, cut)
    order = by_length(alive.graph)
    layouts = None
    for effort in Effort:
        scheduler = _Scheduler(alive, order, revealed, cut, effort)
        layouts = layouts or scheduler.layouts()
        program = scheduler.program(layouts)
        if program.fits:
            return program
    raise DoesNotFitError(f"the program needs {program.lacks()}")


class Effort(Enum):
    """How to make a program fit, tried in this order."""

    FASTEST = "fewest cycles"
    COMPACT = "fewer weight words"
    STREAMED = "weights that do not fit come from DDR with each inference"


class _Scheduler:
    """Places tensors, then emits layer after layer."""

    def __init__(
        self,
        alive: Alive,
        order: Mapping[int, np.ndarray],
        revealed: Mapping[int, np.ndarray],
        cut: Mapping[int, np.ndarray],
        effort: Effort,
    ) -> None:
        self.alive, self.order, self.graph = alive, order, reordered(alive.graph, order)
        self.revealed, self.cut = revealed, cut
        self.image, self.effort = Image(), effort
        self.aliases: dict[int, int] = {}
        self.stages: list[Stage] = []
        self.tables: tuple[np.ndarray, np.ndarray] | None = None  # that were loaded last
        self.missing = 0  # cycles until they are there
        self.host: list[SoftmaxParams] = []
        for op in self.graph.ops:
            self._stage(op)
        if not self.stages:
            raise ModelError("the model computes nothing that the accelerator could")
        self.source = self.graph.inputs[0]
        self.result = self.stages[-1].output

    def _stage(self, op: Op) -> None:
        record = params(self.graph, op)
        inputs = tuple(self.aliases.get(t, t) for t in op.inputs if t >= 0 and self.graph.tensor(t).data is None)
        if isinstance(record, ReshapeParams):
            self.aliases[op.outputs[0]] = inputs[0]
            return
        if isinstance(record, SoftmaxParams) and op is self.graph.ops[-1]:
            self.host.append(record)
            return
        self.stages.append(Stage(op, record, inputs, op.outputs[0]))

    def layouts(self) -> dict[int, Placed]:
        """How each tensor lies in memory, not yet where."""
        default = {self.source: self._input_layout()} | {s.output: self._output_layout(s) for s in self.stages}

        def cycles(stage: Stage, x: Placed, y: Placed) -> int:
            return self._engine(Image(), stage, x, x, y).cycles

        return with_phases(self.stages, default, {self.source}, cycles)

    def program(self, layouts: Mapping[int, Placed]) -> AccelProgram:
        """Everything, for tensors that lie so."""
        chain = self._chain(layouts)
        placed = self._placed(layouts, self._inner(chain.layers) if chain else {})
        source, result = placed[self.source], placed[self.result]
        arrival = arrival_of(source)
        entry = self.image.command(
            opcode=f.OPCODE.INPUT, tiles=source.words, count=arrival.across, dst=source.base, dst_stride=arrival.stride,
            zero_point=source.zero_point,
        )  # fmt: skip
        done = self._emit_chain(chain) if chain else []
        done += [self._emit(i, placed) for i in range(len(done), len(self.stages))]
        self.image.command(opcode=f.OPCODE.OUTPUT, tiles=result.words, src=result.base, zero_point=result.zero_point)
        self.image.command(opcode=f.OPCODE.END)
        final = streamed(self.image) if self.effort is Effort.STREAMED else resident(self.image)
        layers = self._layers(done, final, placed)
        cycles = (
            INPUT_COMMAND
            + (0 if self._overlaps(0) else BEATS * source.words)
            + sum(layer.cycles for layer in layers)
            + BEATS * result.words
            + 14
            + 4
        )
        load, crc = final.image.load()
        macs = sum(_macs(stage.record) for stage in self.stages)
        return AccelProgram(
            self.graph.sha256, load, crc, _input_index(source, arrival), final.stream, _index(result), result.words,
            (Level("build", entry, cycles),), tuple(layers), tuple(self.host), final.image.used(),
            self.revealed, self.cut, self.alive, macs,
        )  # fmt: skip

    def _layers(self, done: list[Planned], final: Streamed, placed: dict[int, Placed]) -> list[AccelLayer]:
        """What the host is told of each stage; its commands are those after the one before."""
        layers, before = [], 0
        for stage, planned in zip(self.stages, done):
            y, last = placed[stage.output], planned.command
            cycles = planned.cycles + sum(final.cycles[before : last + 1])
            name, op, bands = layer_name(stage.op), stage.op.index, planned.bands
            stops = tuple(final.index[command] + 1 for command, *_ in bands) or (final.index[last] + 1,)
            index = _index(y, self.order.get(stage.output))
            part = _part(y, index, bands)
            layers.append(AccelLayer(name, op, stage.output, stops, y.base, y.words, index, part, y.zero_point, cycles))
            before = last + 1
        return layers

    @property
    def pieces(self) -> bool:
        """Whether fully connected layers are cut into pieces that can be streamed."""
        return self.effort is Effort.STREAMED

    # --- placement ---

    def _placed(self, shapes: Mapping[int, Placed], inner: Mapping[int, Placed]) -> dict[int, Placed]:
        """All tensors; those of `inner` are only there while a chain of layers runs, with nothing but its result."""
        first = {self.source: 0} | {stage.output: i for i, stage in enumerate(self.stages)}
        last = dict(first)
        for i, stage in enumerate(self.stages):
            last |= {tensor: i for tensor in stage.inputs}
        last[self.result] = len(self.stages)
        buffers = [Buffer(str(t), y.words * COLUMNS, first[t], last[t]) for t, y in shapes.items() if t not in inner]
        copied = {  # others are cut where they lie
            i: stage.inputs[0]
            for i, stage in enumerate(self.stages)
            if stage.op.index in self.cut and last[stage.inputs[0]] > i
        }
        buffers += [Buffer(f"cut {i}", shapes[tensor].words * COLUMNS, i, i) for i, tensor in copied.items()]
        memory = plan(buffers)
        if memory.size > f.ACTIVATION_WORDS.value * COLUMNS:
            raise DoesNotFitError(
                f"the model's activations need {memory.size // COLUMNS} words of {COLUMNS} values, the accelerator has "
                f"{f.ACTIVATION_WORDS.value}"
            )
        placed = {t: y.at(memory.offsets[str(t)] // COLUMNS) for t, y in shapes.items() if t not in inner} | {**inner}
        self.copies = {self.stages[i].op.index: memory.offsets[f"cut {i}"] // COLUMNS for i in copied}
        return placed

    def _input_layout(self) -> Placed:
        tensor = self.graph.tensor(self.source)
        zero_point = _zero_point(tensor)
        readers = [stage for stage in self.stages if self.source in stage.inputs]
        if all(isinstance(stage.record, FullyConnectedParams) for stage in readers):
            return vector(tensor.size, zero_point)
        strides = {s.record.stride for s in readers if isinstance(s.record, (ConvParams, DepthwiseParams))}
        dilated = any(getattr(stage.record, "dilation", (1, 1)) != (1, 1) for stage in readers)
        phases = strides.pop() if len(strides) == 1 and not dilated else (1, 1)
        return planar(_hwc(tensor), zero_point, phases if max(phases) <= 2 else (1, 1))

    def _output_layout(self, stage: Stage) -> Placed:
        tensor = self.graph.tensor(stage.output)
        record = stage.record
        if isinstance(record, FullyConnectedParams):
            if record.rows != 1:
                raise ModelError(f"{layer_name(stage.op)}: {record.rows} rows; the accelerator takes one")
            return vector(record.units, record.output_zero_point)
        if isinstance(record, MeanParams) or (isinstance(record, PoolParams) and record.kind.startswith("AVERAGE")):
            source = self.graph.tensor(stage.inputs[0])
            whole = source.size // tensor.size * tensor.shape[-1] == source.size // tensor.size * source.shape[-1]
            if tensor.size != tensor.shape[-1] or not whole or not _covers(record):
                raise ModelError(f"{layer_name(stage.op)}: the accelerator averages over whole images only")
            return vector(tensor.size, _zero_point(tensor))
        if isinstance(record, (ConvParams, DepthwiseParams, AddParams, PoolParams)):
            return planar(_hwc(tensor), _zero_point(tensor))
        raise ModelError(f"{layer_name(stage.op)}: the accelerator has no engine for {stage.op.kind}")

    # --- the first layers, in turns ---

    def _chain(self, layouts: Mapping[int, Placed]) -> Banded | None:
        """The first layers in bands, as many as gain most; None where none gains."""
        count = chain_length(self.stages, layouts, self.source, self.result, self.cut)
        if self.effort is not Effort.FASTEST or count < 2:
            return None
        ends = [(layouts[s.inputs[0]], layouts[s.output], layer_name(s.op)) for s in self.stages[:count]]
        records = [stage.record for stage in self.stages[:count]]
        windows = [choose_windows(p, x, y, name, False) for p, (x, y, name) in zip(records, ends)]
        alone = [cycles for _, cycles, _ in windows]
        alone[0] = choose_windows(records[0], *ends[0], False, arrival_of(ends[0][0]))[1]
        best, most = None, 0
        for n in range(2, count + 1):
            layers = [w for w, *_ in windows[:n]]
            last = self._placed(layouts, self._inner(layers))[self.stages[n - 1].output]
            found = banded([*layers[:-1], layers[-1].placed(layers[-1].x, last)])
            gain = sum(alone[:n]) - found.cycles if found else 0
            if gain > most:
                best, most = found, gain
        return best

    def _inner(self, layers: Sequence[Windows]) -> dict[int, Placed]:
        """By tensor: what a chain of the first layers reads."""
        return {stage.inputs[0]: w.x for stage, w in zip(self.stages, layers)}

    def _emit_chain(self, chain: Banded) -> list[Planned]:
        """The commands of a chain of the first layers."""
        extra = self._load_next(0) + (TABLE_READS if self.missing else 0)
        self.missing = max(0, self.missing - chain.cycles)
        data = [(window_parameters(self.image, w), self.image.terms(w.words)) for w in chain.layers]
        bands: list[list[tuple[int, int, int]]] = [[] for _ in chain.layers]
        for piece in chain.pieces:
            w, tiles = chain.layers[piece.layer], (piece.first, piece.end)
            bands[piece.layer].append((emit_windows(self.image, w, tiles, *data[piece.layer], piece.waits), *tiles))
        cycles = [sum(p.cycles for p in chain.pieces if p.layer == i) for i in range(len(bands))]
        cycles[0] += extra
        return [Planned(own[-1][0], n, tuple(own)) for own, n in zip(bands, cycles)]

    # --- layers ---

    def _emit(self, i: int, placed: dict[int, Placed]) -> Planned:
        stage, extra = self.stages[i], 0
        x, y = placed[stage.inputs[0]], placed[stage.output]
        if stage.op.index in self.cut:
            extra += self._load(self._cut_tables(stage)) + self._wait()
            x, cycles = self._truncate(stage, x)
            extra += cycles
        if isinstance(stage.record, AddParams):
            extra += self._load(_tables(stage)) + self._wait()
        else:
            extra += self._load_next(i)
        if self.missing and isinstance(stage.record, (ConvParams, DepthwiseParams)):
            extra += TABLE_READS
        arrival = arrival_of(x) if self._overlaps(i) else None
        done = self._engine(self.image, stage, x, placed[stage.inputs[-1]], y, arrival)
        self.missing = max(0, self.missing - done.cycles)
        return Planned(done.command, done.cycles + extra)

    def _overlaps(self, i: int) -> bool:
        """Whether the layer begins while its input comes."""
        stage = self.stages[i]
        window = isinstance(stage.record, (ConvParams, DepthwiseParams))
        return i == 0 and window and stage.op.index not in self.cut

    def _load_next(self, i: int) -> int:
        """Let the tables come that the next stage with tables needs; cycles of the command."""
        for stage in self.stages[i + 1 :]:
            if stage.op.index in self.cut:
                return self._load(self._cut_tables(stage))
            if isinstance(stage.record, AddParams):
                return self._load(_tables(stage))
        return 0

    def _load(self, tables: tuple[np.ndarray, np.ndarray]) -> int:
        """Let the adders have these tables; cycles of the command."""
        if self.tables is not None and all(map(np.array_equal, tables, self.tables)):
            return 0
        command, self.tables, self.missing = load_tables(self.image, tables), tables, TABLE_LOAD
        return command.cycles

    def _wait(self) -> int:
        """Cycles until an addition has its tables."""
        missing, self.missing = self.missing, 0
        return missing

    def _engine(
        self, image: Image, stage: Stage, x: Placed, x2: Placed, y: Placed, arrival: Arrival | None = None
    ) -> Planned:
        """The layer's commands; x2 is an addition's other input; `arrival`: x comes meanwhile."""
        name, record = layer_name(stage.op), stage.record
        if isinstance(record, (ConvParams, DepthwiseParams)):
            if x.vector:
                return dense_layer(image, _as_dense(record, name), x, y, name, self.pieces)
            return window_layer(image, record, x, y, name, self.effort is not Effort.FASTEST, arrival)
        if isinstance(record, FullyConnectedParams):
            return dense_layer(image, record, x, y, name, self.pieces)
        if isinstance(record, AddParams):
            low, high = (v - record.output_zero_point for v in record.activation)
            return add_layer(image, (low, high), x, x2, y)
        if isinstance(record, PoolParams) and record.kind == "MAX_POOL_2D":
            return maximum_layer(image, record, x, y, name)
        return sum_layer(image, record, x, y, name)

    def _truncate(self, stage: Stage, x: Placed) -> tuple[Placed, int]:
        """The input with s terms a value, made by the ADD engine from a table of all values: in place, or a copy where
        a later layer reads it whole."""
        result = x.at(self.copies.get(stage.op.index, x.base))
        return result, add_layer(self.image, (-255, 255), x, x, result).cycles

    def _cut_tables(self, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
        table = self.cut[stage.op.index].astype(np.int64)
        values = np.arange(-128, 128) - _zero_point(self.graph.tensor(stage.inputs[0]))
        cut = table[values + 255]
        if np.abs(cut).max() > 255:
            raise DoesNotFitError(f"{layer_name(stage.op)}: one term a value reaches 256, which needs ten bits")
        entries = np.zeros(f.TABLE_VALUES.value, np.int64)
        entries[values & 255] = cut << f.TABLE_FRACTION.value
        return entries, np.zeros_like(entries)


def _tables(stage: Stage) -> tuple[np.ndarray, np.ndarray]:
    tables = add_tables(stage.record)
    if tables is None:
        raise DoesNotFitError(f"{layer_name(stage.op)}: no table of {f.TABLE_BITS.value} bits gives TFLite's sums")
    return tables


def _as_dense(p: ConvParams | DepthwiseParams, name: str) -> FullyConnectedParams:
    """A 1 x 1 convolution of a vector."""
    if not isinstance(p, ConvParams) or p.kernel != (1, 1):
        raise ModelError(f"{name}: a window over a vector")
    return FullyConnectedParams(
        1, p.weights.shape[1], len(p.weights), p.input_zero_point, p.output_zero_point, p.activation, p.weights, p.bias,
        p.requant,
    )  # fmt: skip


def _covers(record: MeanParams | PoolParams) -> bool:
    """Whether the average is over all pixels."""
    if isinstance(record, MeanParams):
        return record.outer == 1
    return record.output_shape[:2] == (1, 1) and record.kernel >= record.input_shape[:2] and record.pad == (0, 0)


def _hwc(tensor: Tensor) -> tuple[int, int, int]:
    shape = tensor.shape[1:] if len(tensor.shape) == 4 else tensor.shape
    if len(shape) != 3:
        raise ModelError(f"tensor {tensor.name}: {len(tensor.shape)} dimensions where an image is needed")
    return shape


def _zero_point(tensor: Tensor) -> int:
    return int(tensor.quantization.zero_point[0])


def _index(y: Placed, order: np.ndarray | None = None) -> np.ndarray:
    """int32 [elements], byte of the tensor's words; `order`: which channel lies where."""
    at = y.addresses() - y.base * COLUMNS
    return (at if order is None else at[:, :, np.argsort(order)]).ravel().astype(np.int32)


def _part(y: Placed, index: np.ndarray, bands: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """uint8 [elements]: which band each element is in; [1] if there are none."""
    part = np.zeros(y.blocks, np.uint8)
    for n, (_, first, end) in enumerate(bands):
        part[first:end] = n
    return part[index // COLUMNS % y.blocks] if bands else part[:1]


def _input_index(x: Placed, arrival: Arrival) -> np.ndarray:
    index = np.full(x.words * COLUMNS, -1, np.int32)
    at = _index(x)
    index[at] = np.arange(len(at))
    return index.reshape(x.words, COLUMNS)[arrival.order()].ravel()


def _macs(record: Params) -> int:
    if isinstance(record, (ConvParams, DepthwiseParams)):
        return record.weights.size * record.output_shape[0] * record.output_shape[1]
    return record.weights.size if isinstance(record, FullyConnectedParams) else 0
