"""A model as a program of the term accelerator: memory images, commands, and what the host must know to use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from edge_tr.errors import DoesNotFitError, ModelError
from edge_tr.formats import accelerator as f
from edge_tr.ir.dead import Alive, reordered
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
from edge_tr.lower.accel.image import Image
from edge_tr.lower.accel.layout import COLUMNS, Placed, planar, vector
from edge_tr.lower.accel.order import by_length
from edge_tr.lower.accel.phases import with_phases
from edge_tr.lower.accel.schedule import (
    TABLE_LOAD,
    TABLE_READS,
    Planned,
    add_layer,
    add_tables,
    dense_layer,
    load_tables,
    maximum_layer,
    sum_layer,
    window_layer,
)
from edge_tr.lower.accel.stage import Stage
from edge_tr.lower.accel.stream import Streamed, resident, streamed
from edge_tr.lower.budget import Budget, check_names, check_nested
from edge_tr.lower.memory import Buffer, plan
from edge_tr.lower.program import ProgramLevel, layer_name, revealed_levels
from edge_tr.tr.reveal import truncate_data

INPUT_COMMAND = 7  # cycles besides its beats
HELPED = {"weight words", "gather operations", "masks"}
"""Memories that another `Effort` may need less of."""


@dataclass(frozen=True)
class AccelLayer:
    """A layer that the accelerator computes: stop before command `stop` and dump `words` words from `address`; byte
    `index[i]` of them is element i of the tensor (NHWC) less its zero point, modulo 256. `stop` and `cycles` are of the
    budget with the most terms, see `Level`."""

    name: str
    op: int
    tensor: int
    stop: int
    address: int
    words: int
    index: np.ndarray
    zero_point: int
    cycles: int


@dataclass(frozen=True)
class Level:
    """One budget's commands: from `entry` on.

    cycles        predicted, of a whole inference
    stops         by layer, as `AccelLayer.stop`
    layer_cycles  by layer, predicted
    stream        uint64 [m], load packets that follow the input in each run
    """

    of: ProgramLevel
    entry: int
    cycles: int
    stops: tuple[int, ...]
    layer_cycles: tuple[int, ...]
    stream: np.ndarray


@dataclass(frozen=True)
class AccelProgram:
    """All that a board needs.

    load          uint64 [n], load packets of all memories
    program_crc   what register PROGRAM reads then
    input_index   int32 [64 * words], element of the flattened sample for each byte of INPUT; -1: zero
    output_index  int32 [elements], byte of OUTPUT that each element of the output tensor is in
    levels        from the fewest terms to the most: command lists that share all else
    """

    sha256: str
    load: np.ndarray
    program_crc: int
    input_index: np.ndarray
    output_index: np.ndarray
    output_words: int
    levels: tuple[Level, ...]
    layers: tuple[AccelLayer, ...]
    host_ops: tuple[SoftmaxParams, ...]
    used: Mapping[str, tuple[int, int]]
    data_terms: Mapping[int, np.ndarray]
    macs: int

    @property
    def revealed(self) -> Mapping[int, np.ndarray]:
        """Weights of the whole model by operator index, with the most terms."""
        return self.levels[-1].of.revealed

    @property
    def alive(self) -> Alive:
        """The model with the most terms, without dead channels."""
        return self.levels[-1].of.alive

    @property
    def stream(self) -> np.ndarray:
        """Of the budget with the most terms."""
        return self.levels[-1].stream

    @property
    def fits(self) -> bool:
        """Whether every memory is large enough."""
        return not self.lacks()

    def lacking(self) -> tuple[str, ...]:
        """Names of the memories that are too small."""
        return tuple(name for name, (n, depth) in self.used.items() if n > depth)

    def lacks(self) -> str:
        """What does not fit, in words; empty if all does."""
        return ", ".join(f"{self.used[name][0]} {name} of {self.used[name][1]}" for name in self.lacking())


def lower_accel(graph: Graph, budget: Budget, below: Sequence[Budget] = ()) -> AccelProgram:
    """Schedule a model. `below`: budgets nested in `budget`, from the fewest terms on, each a list of commands of its
    own. ModelError for operators the accelerator has no engine for, DoesNotFitError for memories."""
    budgets = (*below, budget)
    dots = [layer_name(op) for op in graph.ops if isinstance(params(graph, op), DotParams)]
    for one in budgets:
        check_names(one, dots)
    check_nested(budgets, dots)
    program = _tried(revealed_levels(graph, budgets))
    if program.fits:
        return program
    if not below:
        raise DoesNotFitError(f"the program needs {program.lacks()}")
    counts = (n for n in range(len(below), 0, -1) if _tried(revealed_levels(graph, budgets[-n:])).fits)
    fitting = "; ".join(map(str, budgets[-n:])) if (n := next(counts, 0)) else "not even one of them"
    raise DoesNotFitError(f"a program of {len(budgets)} budgets needs {program.lacks()}; what fits: {fitting}")


def _tried(levels: Sequence[ProgramLevel]) -> AccelProgram:
    """The program by the first effort that fits, else by the last."""
    graph, budget = levels[-1].alive.graph, levels[-1].budget
    limits = {op.index: budget.of(layer_name(op)).data_terms for op in graph.ops if op.index in levels[-1].revealed}
    cut = {i: truncate_data(limit) for i, limit in limits.items() if limit is not None}
    order = by_length(graph)
    layouts = None
    for effort in Effort:
        image = Image()
        lists = [_Scheduler(level, order, cut, effort, image) for level in levels]
        layouts = layouts or lists[-1].layouts()
        program = _program(lists, layouts)
        if not set(program.lacking()) & HELPED or set(program.lacking()) - HELPED:
            break
    return program


def _program(lists: Sequence[_Scheduler], layouts: Mapping[int, Placed]) -> AccelProgram:
    """Everything, for tensors that lie so, with a list of commands for each budget."""
    main = lists[-1]
    placed = main.placed(layouts)
    done = [scheduler.commands(placed, main.copies) for scheduler in lists]
    final = streamed(main.image) if main.effort is Effort.STREAMED else resident(main.image)
    levels = tuple(scheduler.level_of(commands, final, placed) for scheduler, commands in zip(lists, done))
    source, result = placed[main.source], placed[main.result]
    load, crc = final.image.load()
    return AccelProgram(
        main.graph.sha256, load, crc, _input_index(source, arrival_of(source)), _index(result), result.words, levels,
        tuple(main.layers(levels[-1], placed)), tuple(main.host), final.image.used(), main.cut,
        sum(_macs(stage.record) for stage in main.stages),
    )  # fmt: skip


class Effort(Enum):
    """How to make a program fit, tried in this order."""

    FASTEST = "fewest cycles"
    COMPACT = "fewer weight words"
    STREAMED = "weights that do not fit come from DDR with each inference"


class _Scheduler:
    """Places tensors, then emits layer after layer of one budget."""

    def __init__(
        self,
        level: ProgramLevel,
        order: Mapping[int, np.ndarray],
        cut: Mapping[int, np.ndarray],
        effort: Effort,
        image: Image,
    ) -> None:
        self.level, self.order, self.graph = level, order, reordered(level.alive.graph, order)
        self.cut, self.image, self.effort = cut, image, effort
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

    def commands(self, placed: Mapping[int, Placed], copies: Mapping[int, int]) -> _Commands:
        """The commands, for tensors that lie so; `copies`: where activations go that are cut and needed whole."""
        source, result = placed[self.source], placed[self.result]
        arrival = arrival_of(source)
        self.copies = copies
        entry = self.image.command(
            opcode=f.OPCODE.INPUT, tiles=source.words, count=arrival.across, dst=source.base, dst_stride=arrival.stride,
            zero_point=source.zero_point,
        )  # fmt: skip
        done = tuple(self._emit(i, placed) for i in range(len(self.stages)))
        self.image.command(opcode=f.OPCODE.OUTPUT, tiles=result.words, src=result.base, zero_point=result.zero_point)
        return _Commands(entry, done, self.image.command(opcode=f.OPCODE.END))

    def level_of(self, commands: _Commands, final: Streamed, placed: Mapping[int, Placed]) -> Level:
        """What the host is told of the commands; each stage's are those after the one before."""
        stops, cycles, before = [], [], commands.entry
        for planned in commands.done:
            stops.append(final.index[planned.command] + 1)
            cycles.append(planned.cycles + sum(final.cycles[before : planned.command + 1]))
            before = planned.command + 1
        arriving = 0 if self._overlaps(0) else BEATS * placed[self.source].words
        total = INPUT_COMMAND + arriving + sum(cycles) + BEATS * placed[self.result].words + 14 + 4
        stream = final.stream(commands.entry, commands.end + 1)
        return Level(self.level, final.index[commands.entry], total, tuple(stops), tuple(cycles), stream)

    def layers(self, level: Level, placed: Mapping[int, Placed]) -> list[AccelLayer]:
        """What the host is told of each stage."""
        layers = []
        for stage, stop, cycles in zip(self.stages, level.stops, level.layer_cycles):
            y = placed[stage.output]
            name, op = layer_name(stage.op), stage.op.index
            index = _index(y, self.order.get(stage.output))
            layers.append(AccelLayer(name, op, stage.output, stop, y.base, y.words, index, y.zero_point, cycles))
        return layers

    @property
    def pieces(self) -> bool:
        """Whether fully connected layers are cut into pieces that can be streamed."""
        return self.effort is Effort.STREAMED

    # --- placement ---

    def placed(self, shapes: Mapping[int, Placed]) -> dict[int, Placed]:
        first = {self.source: 0} | {stage.output: i for i, stage in enumerate(self.stages)}
        last = dict(first)
        for i, stage in enumerate(self.stages):
            last |= {tensor: i for tensor in stage.inputs}
        last[self.result] = len(self.stages)
        buffers = [Buffer(str(t), y.words * COLUMNS, first[t], last[t]) for t, y in shapes.items()]
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
        placed = {t: y.at(memory.offsets[str(t)] // COLUMNS) for t, y in shapes.items()}
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
        if isinstance(stage.record, (ConvParams, DepthwiseParams)):
            result = replace(result, zero_point=self._cut_offset(stage))
        return result, add_layer(self.image, (-255, 255), x, x, result).cycles

    def _cut_offset(self, stage: Stage) -> int:
        """What makes int8 of all values that a cut input can have: its zero point, or near it."""
        cut = self._cut_values(stage)
        least, most = -128 - int(cut.min()), 127 - int(cut.max())
        if least > most:
            raise DoesNotFitError(
                f"{layer_name(stage.op)}: with so few terms a value its input less the zero point is {cut.min()} to "
                f"{cut.max()}, more than the array's eight bits hold; allow this layer four terms a value or more"
            )
        return min(max(stage.record.input_zero_point, least), most)

    def _cut_values(self, stage: Stage) -> np.ndarray:
        values = np.arange(-128, 128) - _zero_point(self.graph.tensor(stage.inputs[0]))
        return self.cut[stage.op.index].astype(np.int64)[values + 255]

    def _cut_tables(self, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
        values = np.arange(-128, 128) - _zero_point(self.graph.tensor(stage.inputs[0]))
        cut = self._cut_values(stage)
        if np.abs(cut).max() > 255:
            raise DoesNotFitError(f"{layer_name(stage.op)}: one term a value reaches 256, which needs ten bits")
        entries = np.zeros(f.TABLE_VALUES.value, np.int64)
        entries[values & 255] = cut << f.TABLE_FRACTION.value
        return entries, np.zeros_like(entries)


@dataclass(frozen=True)
class _Commands:
    """Indices of the first and the last command of one budget, and each stage's last one."""

    entry: int
    done: tuple[Planned, ...]
    end: int


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


def _input_index(x: Placed, arrival: Arrival) -> np.ndarray:
    index = np.full(x.words * COLUMNS, -1, np.int32)
    at = _index(x)
    index[at] = np.arange(len(at))
    return index.reshape(x.words, COLUMNS)[arrival.order()].ravel()


def _macs(record: Params) -> int:
    if isinstance(record, (ConvParams, DepthwiseParams)):
        return record.weights.size * record.output_shape[0] * record.output_shape[1]
    return record.weights.size if isinstance(record, FullyConnectedParams) else 0
