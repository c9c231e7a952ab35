"""Lowering: a graph and a budget become one `Program`, everything that code generation prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.errors import ModelError, UsageError
from edge_tr.ir.dead import Alive, remove_what_is_always_dead
from edge_tr.ir.graph import Graph, Op, Tensor
from edge_tr.ir.params import AddParams, DotParams, Params, ReshapeParams, params
from edge_tr.lower.budget import Budget, check_names, check_nested
from edge_tr.lower.cost import Work
from edge_tr.lower.dot import DotProduct, candidates
from edge_tr.lower.kernels import KernelChoice
from edge_tr.lower.memory import Buffer, MemoryPlan, plan
from edge_tr.lower.select import Selection, pareto, select
from edge_tr.lower.sums import AddTables, add_tables
from edge_tr.tr.reveal import reveal, truncate_data


@dataclass(frozen=True)
class Layer:
    """One kernel call. Tensors are TFLite indices after aliases (RESHAPE) are resolved; `macs_removed` counts
    those of the model as given that dead channels took along."""

    name: str
    op: Op
    params: Params
    inputs: tuple[int, ...]
    output: int
    output_bytes: int
    tensor_name: str
    dot: DotProduct | None
    shares: AddTables | None
    macs_removed: int

    @property
    def kernel_name(self) -> str:
        """What computes the layer, as reports call it."""
        if self.dot is not None:
            return self.dot.kernel.name
        return "tables" if self.shares is not None else "reference"


@dataclass(frozen=True)
class ProgramLevel:
    """One of the budgets that a program can be dialled to: its weights in the whole model by operator index, and what
    is left of that model without the channels that are dead at every level."""

    budget: Budget
    revealed: Mapping[int, np.ndarray]
    alive: Alive


@dataclass(frozen=True)
class Program:
    """A model, lowered. `memory` places tensors by index (as text) and scratch by layer name; `revealed` are the
    weights of the whole model by operator index, `alive` what is left of it without dead channels."""

    sha256: str
    budget: Budget
    layers: tuple[Layer, ...]
    input: Tensor
    output: Tensor
    aliases: dict[int, int]
    revealed: dict[int, np.ndarray]
    alive: Alive
    memory: MemoryPlan
    alternatives: tuple[Selection, ...]  # the Pareto front that the kernels were chosen from
    levels: tuple[ProgramLevel, ...]  # from the fewest terms to `budget`; one of a build with one budget

    @property
    def cycles_estimated(self) -> int:
        """Of the layers with weights, by `lower.cost`."""
        return sum(layer.dot.estimate.cycles for layer in self.layers if layer.dot is not None)

    @property
    def chosen_flash(self) -> int:
        """Estimated bytes of the layers with weights."""
        return sum(layer.dot.estimate.flash for layer in self.layers if layer.dot is not None)

    @property
    def is_smallest(self) -> bool:
        """Whether no other choice of kernels takes less flash."""
        return self.chosen_flash <= self.alternatives[0].flash

    def offset(self, tensor: int) -> int:
        """Arena offset of a tensor, bytes."""
        return self.memory.offsets[buffer_name(tensor)]


def layer_name(op: Op) -> str:
    """How users name a layer: its kind and its operator's index in the file, conv_2d_0."""
    return f"{op.kind.lower()}_{op.index}"


def buffer_name(index: int) -> str:
    """How the memory plan names a tensor."""
    return f"tensor {index}"


@dataclass(frozen=True)
class Limits:
    """What the layers' constants and code may take of the flash, and the arena of the RAM; bytes, None: all."""

    flash: int | None = None
    ram: int | None = None


def lower(
    graph: Graph,
    budget: Budget,
    choice: KernelChoice,
    isa: str = "c",
    objective: str = "speed",
    limits: Limits | None = None,
    below: Sequence[Budget] = (),
) -> Program:
    """Plan every layer for an instruction set of `lower.machines`: terms are revealed in the whole model, then its
    dead channels go. `below`: budgets nested in `budget`, from the fewest terms on, that the program can be dialled to.

    Kernels are chosen by estimated cost under `limits` as far as `choice` leaves a choice. UsageError for
    names in `budget` or `choice` that the model does not have.
    """
    limits = limits or Limits()
    given = {op.index: params(graph, op) for op in graph.ops}
    names = [layer_name(op) for op in graph.ops if isinstance(given[op.index], DotParams)]
    _check_names((*below, budget), choice, names)
    levels = revealed_levels(graph, (*below, budget))
    revealed, alive = levels[-1].revealed, levels[-1].alive
    settings = {i: budget.of(layer_name(op)) for op in graph.ops if (i := op.index) in revealed}
    graph = alive.graph
    aliases = _aliases(graph)
    ops = [op for op in graph.ops if op.outputs[0] not in aliases]
    if not ops:
        raise ModelError("the model computes nothing: it has no operator but RESHAPE")
    records = {op.index: params(graph, op) for op in ops}
    dots = [op for op in ops if op.index in settings]
    options = {}
    for op in dots:
        name = layer_name(op)
        nested = [(level.budget.of(name), params(level.alive.graph, op)) for level in levels[:-1]]
        options[op.index] = candidates(name, records[op.index], settings[op.index], choice, isa, nested)
    while True:
        front = pareto([[dot.estimate for dot in options[op.index]] for op in dots])
        chosen = select(front, objective, limits.flash).chosen
        picked = {op.index: options[op.index][option] for op, option in zip(dots, chosen)}
        layers = tuple(
            _layer(graph, op, aliases, given[op.index], records[op.index], picked.get(op.index)) for op in ops
        )
        memory = plan(_buffers(graph, layers, aliases))
        greedy = _largest_scratch(options, picked, dots)
        if limits.ram is None or memory.size <= limits.ram or greedy is None:
            break
        options[greedy] = tuple(dot for dot in options[greedy] if dot is not picked[greedy])
    source, result = graph.tensor(graph.inputs[0]), graph.tensor(graph.outputs[0])
    return Program(
        graph.sha256, budget, layers, source, result, aliases, revealed, alive, memory, tuple(front), levels
    )  # fmt: skip


def revealed_levels(graph: Graph, budgets: Sequence[Budget]) -> tuple[ProgramLevel, ...]:
    """The model with each of several nested budgets: terms revealed, without the channels that are dead with all."""
    given = {op.index: params(graph, op) for op in graph.ops}
    dots = {op.index: layer_name(op) for op in graph.ops if isinstance(given[op.index], DotParams)}
    revealed = []
    for budget in budgets:
        settings = {i: budget.of(name) for i, name in dots.items()}
        revealed.append({i: reveal(given[i].weights, s.group, s.terms).values for i, s in settings.items()})
    limits = {i: limit for i, name in dots.items() if (limit := budgets[-1].of(name).data_terms) is not None}
    cut = {i: truncate_data(limit) for i, limit in limits.items()}
    alive = remove_what_is_always_dead(graph, revealed, cut)
    return tuple(ProgramLevel(*level) for level in zip(budgets, revealed, alive))


def _check_names(budgets: Sequence[Budget], choice: KernelChoice, layers: list[str]) -> None:
    for budget in budgets:
        check_names(budget, layers)
    check_nested(budgets, layers)
    unknown = sorted(set(choice.layers) - set(layers))
    if unknown:
        raise UsageError(f"--kernel names {', '.join(unknown)}; this model has {', '.join(layers)}")


def _largest_scratch(
    options: dict[int, tuple[DotProduct, ...]], picked: dict[int, DotProduct], dots: list[Op]
) -> int | None:
    """The operator whose kernel takes the most scratch and that has another way."""
    able = [op.index for op in dots if len(options[op.index]) > 1]
    return max(able, key=lambda index: picked[index].scratch_bytes, default=None)


def data_terms(program: Program) -> dict[int, np.ndarray]:
    """int16 [511] by operator index, of every layer with a data budget."""
    dots = ((layer.op.index, layer.dot) for layer in program.layers if layer.dot is not None)
    return {index: dot.data_terms for index, dot in dots if dot.data_terms is not None}


def _aliases(graph: Graph) -> dict[int, int]:
    """RESHAPE's output -> the tensor whose bytes it is."""
    aliases: dict[int, int] = {}
    for op in graph.ops:
        if isinstance(params(graph, op), ReshapeParams):
            aliases[op.outputs[0]] = aliases.get(op.inputs[0], op.inputs[0])
    return aliases


def _layer(
    graph: Graph, op: Op, aliases: dict[int, int], given: Params, record: Params, dot: DotProduct | None
) -> Layer:
    activations = [t for t in op.inputs if t >= 0 and graph.tensor(t).data is None]
    inputs = tuple(aliases.get(t, t) for t in activations)
    output = graph.tensor(op.outputs[0])
    final = record if dot is None else dot.params
    removed = 0 if dot is None else Work.of(given, 0).macs - dot.macs
    shares = add_tables(record) if isinstance(record, AddParams) else None
    return Layer(layer_name(op), op, final, inputs, output.index, output.size, output.name, dot, shares, removed)


def _buffers(graph: Graph, layers: tuple[Layer, ...], aliases: dict[int, int]) -> list[Buffer]:
    """Lives of all tensors and scratch areas, in steps of one layer."""
    source, result = (aliases.get(t, t) for t in (graph.inputs[0], graph.outputs[0]))
    first = {source: 0} | {layer.output: step for step, layer in enumerate(layers)}
    last = {tensor: step for tensor, step in first.items()}
    for step, layer in enumerate(layers):
        last.update({tensor: step for tensor in layer.inputs})
    last[result] = len(layers) - 1
    buffers = [Buffer(buffer_name(t), graph.tensor(t).size, first[t], last[t]) for t in first]
    dots = [(step, layer) for step, layer in enumerate(layers) if layer.dot is not None]
    return buffers + [Buffer(layer.name, layer.dot.scratch_bytes, step, step) for step, layer in dots]
