"""Who computes a tuned model, and what it takes there: cycles and bytes by the planners' own cost models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_tr.accel.lowering import lower_accel
from edge_tr.graph import Graph
from edge_tr.kernels import parse_choice
from edge_tr.kernels.waiting import INSTANT, Behind
from edge_tr.lower.dot import candidates
from edge_tr.lower.program import lower
from edge_tr.operators import DotParams
from edge_tr.prepared.budget import Budget, TrSetting
from edge_tr.tr.reveal import reveal
from edge_tr.tuning.cost import Layer

GROUP = 8
"""Weights of a group, where `cycles` cuts terms."""


@dataclass(frozen=True)
class Processor:
    """A core with the instruction set `isa` of `kernels.machines`; `behind`: what it reads through."""

    isa: str = "c"
    behind: Behind = INSTANT

    def estimate(self, graph: Graph) -> tuple[int, int]:
        """(cycles, flash bytes) of all layers with weights, with the fastest kernels."""
        program = lower(graph, Budget(), parse_choice([]), self.isa, behind=self.behind)
        return program.cycles_estimated, program.chosen_flash

    def cycles(self, graph: Graph, layers: Sequence[Layer], most: int | None) -> Mapping[str, int]:
        """Of each layer with its fastest kernel and at most `most` terms in each GROUP weights (None: all), by name."""
        return {layer.name: self._fewest(layer.name, _cut(layer.record, most)) for layer in layers}

    def _fewest(self, name: str, record: DotParams) -> int:
        options = candidates(name, record, Budget().of(name), parse_choice([]), self.isa, behind=self.behind)
        return min(option.estimate.cycles for option in options)


@dataclass(frozen=True)
class Accelerator:
    """The term accelerator of the configuration `name`, which must be the one that this process schedules for."""

    name: str

    def estimate(self, graph: Graph) -> tuple[int, int]:
        """(scheduled cycles of an inference, bytes of the program); what the host computes takes none."""
        program = lower_accel(graph, Budget())
        return program.most.cycles, program.load.nbytes

    def cycles(self, graph: Graph, layers: Sequence[Layer], most: int | None) -> Mapping[str, int]:
        """Of each layer in the schedule of the whole model, as of a `Processor`; none of one that the host computes."""
        scheduled = lower_accel(graph, Budget(TrSetting() if most is None else TrSetting(GROUP, most))).most.layers
        return {layer.name: sum(of.cycles for of in scheduled if of.op == layer.index) for layer in layers}


Machine = Processor | Accelerator
PORTABLE = Processor()
"""C on a core of no known kind."""


def _cut(record: DotParams, most: int | None) -> DotParams:
    return record if most is None else replace(record, weights=reveal(record.weights, GROUP, most).values)
