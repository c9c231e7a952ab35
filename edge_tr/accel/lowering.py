"""A model and its budgets become a program: who computes what, where all lies, and the least effort that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_tr.accel.assign import Assignment, Refusals, assign
from edge_tr.accel.chain import Chain, find_chain
from edge_tr.accel.emitter import Emitter, Job
from edge_tr.accel.engines import Effort, emit
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed
from edge_tr.accel.order import by_length
from edge_tr.accel.phases import with_phases
from edge_tr.accel.program import AccelProgram
from edge_tr.accel.room import TooLarge, room_for
from edge_tr.accel.stage import Stage
from edge_tr.accel.stream import resident, streamed
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.graph import Graph, layer_name
from edge_tr.operators import dots
from edge_tr.prepared.budget import Budget, check_budgets
from edge_tr.prepared.dead import reordered
from edge_tr.prepared.revealed import ProgramLevel, revealed_levels, truncations


def lower_accel(graph: Graph, budget: Budget, below: Sequence[Budget] = ()) -> AccelProgram:
    """Schedule a model. What has no engine, or does not fit, is left to the processor; ModelError or DoesNotFitError
    with every reason where that is all of it.

    `below`: budgets nested in `budget`, from the fewest terms on, that the program can be switched to; UsageError if
    they do not nest.
    """
    budgets = (*below, budget)
    names = [layer_name(op) for op in dots(graph)]
    check_budgets(budgets, names)
    planner = _Planner(revealed_levels(graph, budgets), truncations(graph, budget))
    while True:
        try:
            return planner.program()
        except TooLarge as large:
            planner.left_out[large.op] = str(large)


class _Planner:
    """Tries until everything fits. `left_out`: by operator, why it is the processor's whatever else."""

    def __init__(self, levels: Sequence[ProgramLevel], cut: Mapping[int, np.ndarray]) -> None:
        self.levels, self.cut = levels, cut
        self.orders = [by_length(level.alive.graph) for level in levels]
        self.graphs = [reordered(level.alive.graph, order) for level, order in zip(levels, self.orders)]
        self.known: list[Refusals] = [{} for _ in levels]
        self.left_out: dict[int, str] = {}

    def program(self) -> AccelProgram:
        """The program with the least effort that fits; TooLarge names a layer that the processor should take."""
        jobs = [self._job(i, assignment) for i, assignment in enumerate(self._assignments())]
        chains = [find_chain(job.assignment, job.layouts, self.cut) for job in jobs]
        alone: list[Chain | None] = [None] * len(jobs)
        tries = [(Effort.FASTEST, chains)] if any(chains) else []
        for effort, own in [*tries, *((effort, alone) for effort in Effort)]:
            image = Image()
            emitters = [Emitter(job, image, effort, chain) for job, chain in zip(jobs, own)]
            program = self._finished(image, emitters, effort)
            if program.fits:
                return program
        raise _too_large(program, emitters)

    def _assignments(self) -> list[Assignment]:
        """Of each level, the same layers to the processor: what one level's numbers do not allow the others leave."""
        while True:
            found = [assign(graph, self.cut, self.left_out, seen) for graph, seen in zip(self.graphs, self.known)]
            refused = {op: reason for assignment in found for op, reason in assignment.reasons.items()}
            own = {op: reason for op, reason in refused.items() if any(op not in other.reasons for other in found)}
            if not own:
                return found
            self.left_out |= own

    def _job(self, number: int, assignment: Assignment) -> Job:
        level = self.levels[number]
        return Job(
            level.budget, level.revealed, level.alive, self.orders[number], self.cut, assignment,
            room_for(assignment, self.cut), _layouts(assignment),
        )  # fmt: skip

    def _finished(self, image: Image, emitters: Sequence[Emitter], effort: Effort) -> AccelProgram:
        final = streamed(image) if effort is Effort.STREAMED else resident(image)
        load, crc = final.image.load()
        peak = max(emitter.peak for emitter in emitters)
        graph = self.graphs[-1]
        return AccelProgram(
            graph.sha256, load, crc, graph.inputs[0], emitters[-1].assignment.result,
            tuple(emitter.level(final) for emitter in emitters),
            final.image.used() | {"activation words": (peak, f.ACTIVATION_WORDS.value)}, self.cut,
        )  # fmt: skip


def _layouts(assignment: Assignment) -> dict[int, Placed]:
    """How each tensor lies in memory, not yet where."""

    def cycles(stage: Stage, x: Placed, y: Placed) -> int:
        try:
            return emit(Image(), stage, x, x, y, Effort.FASTEST).cycles
        except DoesNotFitError:
            return 1 << 40  # not so

    sent = {tensor for turn in assignment.turns for tensor in turn.sends}
    return with_phases(assignment.stages, assignment.layouts, sent, cycles)


def _too_large(program: AccelProgram, emitters: Sequence[Emitter]) -> TooLarge:
    """The layer that takes most of a memory that is too small."""
    name, (n, depth) = next((name, use) for name, use in program.used.items() if use[0] > use[1])
    stages = emitters[-1].stages
    most = max(range(len(stages)), key=lambda i: sum(emitter.grown[i][name] for emitter in emitters))
    return TooLarge(stages[most].op.index, f"of {depth:,} {name} the whole model needs {n:,}, it most of them")
