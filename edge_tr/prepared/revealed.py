"""The model with each of its budgets: terms revealed, dead channels gone; what both planners start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, layer_name
from edge_tr.operators import DotParams, dots
from edge_tr.prepared.budget import Budget, TrSetting
from edge_tr.prepared.dead import Alive, remove_what_is_always_dead
from edge_tr.prepared.padding import without_pads
from edge_tr.tr.reveal import cut_data, reveal


@dataclass(frozen=True)
class ProgramLevel:
    """One of the budgets that a program can be dialled to: its weights in the whole model by operator index, and what
    is left of that model without the channels that are dead at every level."""

    budget: Budget
    revealed: Mapping[int, np.ndarray]
    alive: Alive


def revealed_levels(graph: Graph, budgets: Sequence[Budget]) -> tuple[ProgramLevel, ...]:
    """The model with each of several nested budgets: terms revealed, without the channels that are dead with all, and
    without PADs that their readers can do."""
    revealed = []
    for budget in budgets:
        settings = [(op, budget.of(layer_name(op))) for op in dots(graph)]
        revealed.append({op.index: _revealed(op.record, s) for op, s in settings})
    alive = remove_what_is_always_dead(graph, revealed, truncations(graph, budgets[-1]))
    left = [replace(level, graph=without_pads(level.graph)) for level in alive]
    return tuple(ProgramLevel(*level) for level in zip(budgets, revealed, left))


def _revealed(record: DotParams, setting: TrSetting) -> np.ndarray:
    """Weights [rows, K] of the record's type, which its file can hold."""
    return reveal(record.weights, setting.group, setting.terms, limits=record.weight_range).values


def truncations(graph: Graph, budget: Budget) -> dict[int, np.ndarray]:
    """int16 [511] by operator index, of every layer whose activations the budget cuts to s terms."""
    return data_tables(graph, {op.index: budget.of(layer_name(op)).data_terms for op in dots(graph)})


def data_tables(graph: Graph, limits: Mapping[int, int | None]) -> dict[int, np.ndarray]:
    """int16 [511] by operator index, what x - zero point becomes; `limits`: s of each operator, None for all terms."""
    zero_points = {op.index: op.record.input_zero_point for op in dots(graph)}
    return {index: cut_data(s, zero_points[index]) for index, s in limits.items() if s is not None}
