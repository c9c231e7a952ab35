"""Lowering: a graph and a budget become one `Program`, everything that code generation prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.errors import ModelError, UsageError
from edge_tr.graph import Graph, Op, Tensor, layer_name
from edge_tr.kernels import KernelChoice
from edge_tr.kernels.cost import Work
from edge_tr.kernels.product import DotProduct
from edge_tr.kernels.waiting import INSTANT, Behind
from edge_tr.lower.arena import Layer, Product, buffer_name, lives_of, needed, placed
from edge_tr.lower.dot import candidates
from edge_tr.lower.select import Selection, pareto, select
from edge_tr.lower.views import Views, is_part, joined_inputs, root, views_of, whole
from edge_tr.memory_plan import ALIGNMENT, MemoryPlan, Region
from edge_tr.operators import DotParams, dots, dots_of, parts_of
from edge_tr.operators.moves import copy_of
from edge_tr.prepared.budget import Budget, check_budgets, strangers
from edge_tr.prepared.dead import Alive
from edge_tr.prepared.revealed import ProgramLevel, revealed_levels
from edge_tr.structs import Call


@dataclass(frozen=True)
class State:
    """A tensor that keeps its values from one inference to the next, and those that a reset gives it."""

    tensor: Tensor
    initial: np.ndarray


@dataclass(frozen=True)
class Program:
    """A model, lowered. `memory` places tensors by index (as text) and scratch by layer name; `revealed` are the
    weights of the whole model by operator index, `alive` what is left of it without dead channels. Inputs and outputs,
    by their names in the file, and states are in the graph's order."""

    sha256: str
    budget: Budget
    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    states: tuple[State, ...]
    views: Views
    revealed: dict[int, np.ndarray]
    alive: Alive
    memory: MemoryPlan
    found: Candidates  # kernels that there was a choice of
    front: tuple[Selection, ...]  # the Pareto front of that choice
    selection: Selection
    levels: tuple[ProgramLevel, ...]  # from the fewest terms to `budget`; one of a build with one budget

    @property
    def products(self) -> tuple[Product, ...]:
        """Every layer's dot products."""
        return tuple(product for layer in self.layers for product in layer.products)

    @property
    def cycles_estimated(self) -> int:
        """Of the layers with weights, by `kernels.cost`."""
        return sum(product.dot.estimate.cycles for product in self.products)

    @property
    def chosen_flash(self) -> int:
        """Estimated bytes of the layers with weights."""
        return sum(product.dot.estimate.flash for product in self.products)

    @property
    def is_smallest(self) -> bool:
        """Whether no other choice of kernels takes less flash."""
        return self.chosen_flash <= self.front[0].flash

    def arena_of(self, selection: Selection) -> int:
        """Bytes of the arena with another choice from the front."""
        return _planned(self.found, selection)[1].size

    @property
    def regions(self) -> tuple[Region, ...]:
        """What lies in the arena, tensors that are another's bytes included; all by the names in the model."""
        graph = self.alive.graph
        names = {buffer_name(tensor.index): tensor.name for tensor in graph.tensors}
        placed = [replace(region, name=names.get(region.name, region.name)) for region in self.memory.regions]
        at = {region.name: region for region in self.memory.regions}
        views = []
        for index, view in self.views.items():
            tensor, under = graph.tensor(index), at[buffer_name(view.of)]
            offset = under.offset + view.offset
            views.append(replace(under, name=tensor.name, kind="view", offset=offset, bytes=tensor.bytes))
        return (*placed, *views)

    @property
    def alignment(self) -> int:
        """Bytes, of the arena's start."""
        placed = (tensor for tensor in self.alive.graph.tensors if buffer_name(tensor.index) in self.memory.offsets)
        return max(ALIGNMENT, *(tensor.item_bytes for tensor in placed))

    def offset(self, tensor: int) -> int:
        """Of a tensor, from the start of the arena, bytes."""
        inside = self.views[tensor].offset if tensor in self.views else 0
        return self.memory.offsets[buffer_name(root(self.views, tensor))] + inside


@dataclass(frozen=True)
class Limits:
    """What the layers' constants and code may take of the flash, and arena and states of the RAM; bytes, None: all."""

    flash: int | None = None
    ram: int | None = None


@dataclass(frozen=True)
class Candidates:
    """A model before kernels are chosen: `given` are the records of its dot products, `options` every kernel of those,
    by the index that they have in `operators.dots`; `calls` what computes operators that are no dot product, by
    operator index. `ops` are what is left without dead channels. `levels`: of `budget`, the last one, and of those that
    can be chosen below it."""

    budget: Budget
    given: Mapping[int, DotParams]
    levels: tuple[ProgramLevel, ...]
    views: Views
    ops: tuple[Op, ...]
    calls: Mapping[int, tuple[Call | None, ...]]
    options: Mapping[int, tuple[DotProduct, ...]]

    @property
    def alive(self) -> Alive:
        """What is left of the model with `budget`."""
        return self.levels[-1].alive


def lower(
    graph: Graph,
    budget: Budget,
    choice: KernelChoice,
    isa: str = "c",
    objective: str = "speed",
    limits: Limits | None = None,
    below: Sequence[Budget] = (),
    behind: Behind = INSTANT,
) -> Program:
    """Plan every layer for an instruction set of `kernels.machines`; see `explore` and `choose`."""
    return choose(explore(graph, budget, choice, isa, below, behind), objective, limits)


def explore(
    graph: Graph,
    budget: Budget,
    choice: KernelChoice,
    isa: str,
    below: Sequence[Budget] = (),
    behind: Behind = INSTANT,
) -> Candidates:
    """Every layer with each kernel that `choice` allows: terms are revealed in the whole model, then its dead channels
    go. `below`: budgets nested in `budget`, from the fewest terms on, that the program can be dialled to; `behind`:
    what code and constants are read through.

    UsageError for names in a budget or `choice` that the model does not have, and for budgets that do not nest.
    """
    given = {op.index: op.record for op in dots(graph)}
    _check_names((*below, budget), choice, [layer_name(op) for op in dots(graph)])
    levels = revealed_levels(graph, (*below, budget))
    graph = levels[-1].alive.graph
    views = views_of(graph)
    calls = _calls(graph, views)
    if not dots(graph) and not any(map(any, calls.values())):  # nothing is computed: outputs are copies
        views = {tensor: view for tensor, view in views.items() if tensor not in graph.outputs}
        calls = _calls(graph, views)
    ops = tuple(op for op in graph.ops if any(calls.get(op.index, [True])))
    if not ops:
        raise ModelError("the model computes nothing: it has no operator")
    below_it = [{op.index: op.record for op in dots(level.alive.graph)} for level in levels[:-1]]
    options = {}
    for dot in (dot for op in ops for dot in dots_of(op)):
        name = layer_name(dot)
        nested = [(level.budget.of(name), records[dot.index]) for level, records in zip(levels, below_it)]
        options[dot.index] = candidates(name, dot.record, budget.of(name), choice, isa, nested, behind)
    return Candidates(budget, given, levels, views, ops, calls, options)


def choose(found: Candidates, objective: str = "speed", limits: Limits | None = None) -> Program:
    """The program with one kernel for each layer, by estimated cost under `limits`."""
    limits, graph = limits or Limits(), found.alive.graph
    estimates = [[dot.estimate for dot in dots] for dots in found.options.values()]
    arenas, most = _arenas(found), limits.ram
    least = max((min(sizes) for sizes in arenas), default=0)
    while True:
        front = pareto(estimates, arenas, most)
        selection = select(front, objective, limits.flash)
        layers, memory = _planned(found, selection)
        taken = max((sizes[i] for sizes, i in zip(arenas, selection.chosen)), default=0)
        if most is None or memory.size + memory.beside <= limits.ram or taken <= least:
            break
        most = taken - 1  # the plan has gaps
    states = tuple(State(graph.tensor(index), initial) for index, initial in graph.states.items())
    return Program(
        graph.sha256, found.budget, layers, graph.named_inputs, graph.named_outputs, states, found.views,
        found.levels[-1].revealed, found.alive, memory, found, tuple(front), selection, found.levels,
    )  # fmt: skip


def _arenas(found: Candidates) -> list[list[int]]:
    """What every candidate takes of the arena while its layer runs, bytes; no less than any layer without weights."""
    layers = _layers(found, {index: dots[0] for index, dots in found.options.items()})
    lives = lives_of(found.alive.graph, layers, found.views)
    others = (needed(lives, step, layer) for step, layer in enumerate(layers) if not layer.products)
    floor = max(others, default=0)
    return [
        [max(floor, needed(lives, step, _with(layer, product, dot))) for dot in found.options[product.index]]
        for step, layer in enumerate(layers)
        for product in layer.products
    ]


def _with(layer: Layer, product: Product, dot: DotProduct) -> Layer:
    """A layer with one of its dot products, and that with another kernel."""
    return replace(layer, dot=dot) if layer.dot is not None else replace(layer, parts=(replace(product, dot=dot),))


def _planned(found: Candidates, selection: Selection) -> tuple[tuple[Layer, ...], MemoryPlan]:
    picked = {index: options[i] for (index, options), i in zip(found.options.items(), selection.chosen)}
    layers = _layers(found, picked)
    return layers, placed(found.alive.graph, layers, found.views)


def _check_names(budgets: Sequence[Budget], choice: KernelChoice, layers: list[str]) -> None:
    check_budgets(budgets, layers)
    unknown = strangers(choice.layers, layers)
    if unknown:
        raise UsageError(f"--kernel names {', '.join(unknown)}; this model has {', '.join(layers)}")


def data_terms(program: Program) -> dict[int, np.ndarray]:
    """int16 [511] by operator index, of every layer with a data budget."""
    made = ((product.index, product.dot.data_terms) for product in program.products)
    return {index: terms for index, terms in made if terms is not None}


def _calls(graph: Graph, views: Views) -> dict[int, tuple[Call | None, ...]]:
    """Of the operators without weights, by index."""
    return {op.index: _calls_of(graph, views, op) for op in graph.ops if not isinstance(op.record, DotParams)}


def _calls_of(graph: Graph, views: Views, op: Op) -> tuple[Call | None, ...]:
    """A call for each of its outputs; None: it is there already."""
    if there := joined_inputs(graph, views, op):
        return (op.record.call_beside(there),)
    parts = [is_part(graph, views, op, number) for number in range(len(op.targets))]
    if all(parts):
        return (None,) * len(parts)
    made = (copy_of(graph.tensor(op.outputs[0]).bytes),) if op.record.same_bytes else op.record.calls()
    return tuple(None if part else call for part, call in zip(parts, made, strict=True))


def _layers(found: Candidates, picked: Mapping[int, DotProduct]) -> tuple[Layer, ...]:
    """Every kernel call in order: `picked` of the layers with weights, one an output of the others."""
    layers = []
    for op in found.ops:
        layers += [_dot_layer(found, op, picked[op.index])] if op.index in picked else _call_layers(found, op, picked)
    return tuple(layers)


def _dot_layer(found: Candidates, op: Op, dot: DotProduct) -> Layer:
    output, removed = found.alive.graph.tensor(op.outputs[0]), _removed(found, op.index, dot)
    return Layer(
        layer_name(op), op, dot.params, _inputs(found, op), output.index, output.bytes, output.name, dot, None, removed
    )


def _removed(found: Candidates, index: int, dot: DotProduct) -> int:
    return Work.of(found.given[index], 0).macs - dot.macs


def _call_layers(found: Candidates, op: Op, picked: Mapping[int, DotProduct]) -> list[Layer]:
    calls, graph = found.calls[op.index], found.alive.graph
    layers = []
    parts = tuple(
        Product(layer_name(part), part.index, picked[part.index], _removed(found, part.index, picked[part.index]))
        for part in parts_of(op)
    )
    for number, (index, call) in enumerate(zip(op.targets, calls, strict=True)):
        if call is None:
            continue
        name, output = layer_name(op, number), graph.tensor(index)
        updates = tuple(state for state in op.updates if state not in op.targets)
        layers.append(
            Layer(
                name, op, op.record, _inputs(found, op), index, output.bytes, output.name, None, call, 0, updates, parts
            )
        )
    return layers


def _inputs(found: Candidates, op: Op) -> tuple[int, ...]:
    """Computed tensors that it reads, of those that have one memory the one whose it is."""
    graph, inputs = found.alive.graph, found.alive.graph.activations(op)
    there = joined_inputs(graph, found.views, op)
    return tuple(whole(graph, found.views, t) for number, t in enumerate(inputs) if number not in there)
