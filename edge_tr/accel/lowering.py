"""A model and its budgets become a program: who computes what, where all lies, and the least effort that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_tr.accel.assign import Assignment, Refusals, assign
from edge_tr.accel.chain import Chain, find_chain
from edge_tr.accel.emitter import Emitter, Job
from edge_tr.accel.engines import Effort, emit, without_room
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed
from edge_tr.accel.order import by_length
from edge_tr.accel.phases import with_phases
from edge_tr.accel.program import AccelProgram
from edge_tr.accel.room import TooLarge, room_for
from edge_tr.accel.stage import Stage
from edge_tr.accel.stream import Streamed, resident, streamed
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.graph import Graph, layer_name
from edge_tr.operators import dots
from edge_tr.prepared.budget import Budget, check_budgets
from edge_tr.prepared.dead import reordered
from edge_tr.prepared.revealed import ProgramLevel, revealed_levels, truncations

_NOT_SO = 1 << 40
"""Cycles of a layer in a layout that it cannot be computed in."""


def lower_accel(graph: Graph, budget: Budget, below: Sequence[Budget] = ()) -> AccelProgram:
    """Schedule a model. What has no engine, or does not fit, is left to the processor, which may be all of it.

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
        large = None
        for effort, own in [*tries, *((effort, alone) for effort in Effort)]:
            image = Image()
            try:
                emitters = [Emitter(job, image, effort, chain) for job, chain in zip(jobs, own)]
            except TooLarge as error:
                large = error
                continue
            final = streamed(image) if effort is Effort.STREAMED else resident(image)
            large = _too_large(final, emitters)
            if large is None:
                return self._program(final, emitters)
        raise large

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

    def _program(self, final: Streamed, emitters: Sequence[Emitter]) -> AccelProgram:
        load, crc = final.image.load()
        graph, aliases = self.graphs[-1], emitters[-1].assignment.aliases
        return AccelProgram(
            graph.sha256, load, crc, graph.inputs, tuple(aliases.get(t, t) for t in graph.outputs),
            tuple(emitter.level(final) for emitter in emitters), _used(final, emitters), self.cut,
        )  # fmt: skip


def _layouts(assignment: Assignment) -> dict[int, Placed]:
    """How each tensor lies in memory, not yet where."""

    def cycles(stage: Stage, x: Placed, y: Placed) -> int:
        alone = Image()
        try:
            done = emit(alone, stage, x, x, y, Effort.FASTEST)
        except DoesNotFitError:
            return _NOT_SO
        return _NOT_SO if without_room(alone) else done.cycles

    sent = {tensor for turn in assignment.turns for tensor in turn.sends}
    return with_phases(assignment.stages, assignment.layouts, sent, cycles)


def _used(final: Streamed, emitters: Sequence[Emitter]) -> dict[str, tuple[int, int]]:
    """Words of each memory that are used, and there."""
    peak = max(emitter.peak for emitter in emitters)
    return final.image.used() | {"activation words": (peak, f.ACTIVATION_WORDS.value)}


def _too_large(final: Streamed, emitters: Sequence[Emitter]) -> TooLarge | None:
    """The layer that takes most of a memory that is too small; None if none is."""
    lacks = [(name, n, depth) for name, (n, depth) in _used(final, emitters).items() if n > depth]
    if not lacks:
        return None
    (name, n, depth), stages = lacks[0], emitters[-1].stages
    most = max(range(len(stages)), key=lambda i: sum(emitter.grown[i][name] for emitter in emitters))
    return TooLarge(stages[most].op.index, f"of {depth:,} {name} the whole model needs {n:,}, it most of them")
