"""A model and its budgets become a program: who computes what, where all lies, and the least effort that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_tr.accel.assign import Assignment, Refusals, assign
from edge_tr.accel.chain import Chain, find_chain
from edge_tr.accel.emitter import Emitter, Job
from edge_tr.accel.engines import Effort, emit, without_room
from edge_tr.accel.groups import groups_of
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed
from edge_tr.accel.lookups import replaced, with_lookups
from edge_tr.accel.moves import with_moves
from edge_tr.accel.order import by_length
from edge_tr.accel.phases import with_phases
from edge_tr.accel.program import AccelProgram
from edge_tr.accel.room import room_for
from edge_tr.accel.stage import Stage, TooLarge
from edge_tr.accel.stream import Streamed, page, resident, streamed
from edge_tr.accel.strips import Tiled, tiled
from edge_tr.accel.sums import settled
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.graph import PART, Graph, layer_name
from edge_tr.operators import dots
from edge_tr.prepared.budget import Budget, check_budgets
from edge_tr.prepared.dead import reordered
from edge_tr.prepared.revealed import ProgramLevel, revealed_levels, truncations

LESS, LEAST_SHARE = 0.9, 0.5
"""How much less memory strips are planned for when they do not fit, and when that is given up."""
_NOT_SO = 1 << 40
"""Cycles of a layer in a layout that it cannot be computed in."""


def lower_accel(
    graph: Graph,
    budget: Budget,
    below: Sequence[Budget] = (),
    *,
    words: int = f.ACTIVATION_WORDS.value,
    pages: bool = True,
) -> AccelProgram:
    """Schedule a model. What has no engine, or does not fit, is left to the processor, which may be all of it.

    `below`: budgets nested in `budget`, from the fewest terms on, that the program can be switched to; UsageError if
    they do not nest. `words`: how much of the activation memory may be used. `pages`: whether what does not fit in the
    memories that say what to do may come with each run.
    """
    budgets = (*below, budget)
    names = [layer_name(op) for op in dots(graph)]
    check_budgets(budgets, names)
    planner = _Planner(revealed_levels(graph, budgets), truncations(graph, budget), words, pages)
    while True:
        try:
            return planner.program()
        except TooLarge as large:
            planner.give_way(large)


class _Planner:
    """Tries until everything fits. `left_out`: by operator, why it is the processor's whatever else."""

    def __init__(self, levels: Sequence[ProgramLevel], cut: Mapping[int, np.ndarray], words: int, pages: bool) -> None:
        self.levels, self.cut, self.words, self.pages = levels, cut, words, pages
        self.orders = [by_length(level.alive.graph) for level in levels]
        self.graphs = [
            settled(with_moves(reordered(level.alive.graph, order))) for level, order in zip(levels, self.orders)
        ]
        self.known: list[Refusals] = [{} for _ in levels]
        self.left_out: dict[int, str] = {}
        self.share = 1.0

    def give_way(self, large: TooLarge) -> None:
        """Try strips of fewer rows, then without the layer."""
        if large.in_strips and self.share > LEAST_SHARE:
            self.share *= LESS
        else:
            self.left_out[large.op] = str(large)
            self.share = 1.0

    def program(self) -> AccelProgram:
        """The program with the least effort that fits; TooLarge names a layer that the processor should take."""
        jobs = [self._job(i, assignment) for i, assignment in enumerate(self._assignments())]
        chains = [find_chain(job.assignment, job.layouts, job.cut, self.words) for job in jobs]
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
            large = _too_large([final], emitters)
            if large is None:
                return self._program(final.image, {id(image): final}, emitters)
        if not self.pages:
            raise large
        return self._in_pages(jobs)

    def _in_pages(self, jobs: Sequence[Job]) -> AccelProgram:
        """Of each run all that it needs comes when it begins: what is loaded once is the command that lets it come."""
        emitters = [Emitter(job, None, Effort.STREAMED, None) for job in jobs]
        images = {id(run.image): run.image for emitter in emitters for run in emitter.runs}
        finals = {key: page(image) for key, image in images.items()}
        large = _too_large([*finals.values()], emitters)
        if large is not None:
            raise large
        first = Image()
        first.command(opcode=f.OPCODE.LOAD)
        return self._program(first, finals, emitters)

    def _assignments(self) -> list[Assignment]:
        """Of each level, the same layers to the processor: what one level's numbers do not allow the others leave."""
        while True:
            graphs = [with_lookups(graph, self.left_out) for graph in self.graphs]
            groups = groups_of(graphs[-1], self.left_out, int(self.share * self.words))
            self.tiled = [tiled(graph, groups) for graph in graphs]
            found = [
                assign(of, self._cuts(of), self.left_out, self.words, seen) for of, seen in zip(self.tiled, self.known)
            ]
            refused = {op: reason for assignment in found for op, reason in assignment.reasons.items()}
            own = {op: reason for op, reason in refused.items() if any(op not in other.reasons for other in found)}
            changed = replaced(self.graphs[-1], graphs[-1])  # the processor reads what the file says
            own |= {op: reason for op, reason in refused.items() if op in changed}
            if not own:
                return found
            self.left_out |= own

    def _job(self, number: int, assignment: Assignment) -> Job:
        level, of = self.levels[number], self.tiled[number]
        order = dict(self.orders[number])
        order |= {t: order[piece.whole] for t, piece in of.pieces.items() if piece.whole in order}
        cut = self._cuts(of)
        return Job(
            level.budget, level.revealed, level.alive, order, cut, assignment, room_for(assignment, cut, self.words),
            _layouts(assignment), of,
        )  # fmt: skip

    def _cuts(self, of: Tiled) -> dict[int, np.ndarray]:
        """What data is truncated to, by operator, strips among them."""
        return {op.index: self.cut[op.index % PART] for op in of.graph.ops if op.index % PART in self.cut}

    def _program(self, loaded: Image, finals: Mapping[int, Streamed], emitters: Sequence[Emitter]) -> AccelProgram:
        """`loaded`: what is there once for all; `finals`: what became of each image, by its id."""
        load, crc = loaded.load()
        graph, aliases = self.graphs[-1], emitters[-1].assignment.aliases
        return AccelProgram(
            graph.sha256, load, crc, graph.inputs, tuple(aliases.get(t, t) for t in graph.outputs),
            tuple(emitter.level(finals) for emitter in emitters), _used([*finals.values()], emitters), self.cut,
        )  # fmt: skip


def _layouts(assignment: Assignment) -> dict[int, Placed]:
    """How each tensor lies in memory, not yet where. What is computed row by row has its rows one after the other."""
    known: dict[object, int] = {}

    def cycles(stage: Stage, x: Placed, y: Placed) -> int:
        target = stage.target(y)
        key = stage.op.index % PART, getattr(stage.record, "pad", 0), x.shape, x.phases, target.shape, y.phases
        if key not in known:
            known[key] = _alone(stage, x, target)
        return known[key]

    fixed = {tensor for turn in assignment.turns for tensor in turn.sends}
    fixed |= {stage.output for stage in assignment.stages if stage.rows}
    return with_phases(assignment.stages, assignment.layouts, fixed, cycles)


def _alone(stage: Stage, x: Placed, y: Placed) -> int:
    """Cycles of a layer by itself."""
    alone = Image()
    try:
        done = emit(alone, stage, [x], y, Effort.FASTEST)
    except DoesNotFitError:
        return _NOT_SO
    return _NOT_SO if without_room(alone) else done.cycles


def _used(finals: Sequence[Streamed], emitters: Sequence[Emitter]) -> dict[str, tuple[int, int]]:
    """Words of each memory that are used, and there; of several images the most."""
    peak = max(emitter.peak for emitter in emitters)
    used = [final.image.used() for final in finals] or [Image().used()]
    most = {name: (max(of[name][0] for of in used), depth) for name, (_, depth) in used[0].items()}
    return most | {"activation words": (peak, f.ACTIVATION_WORDS.value)}


def _too_large(finals: Sequence[Streamed], emitters: Sequence[Emitter]) -> TooLarge | None:
    """The layer that takes most of a memory that is too small; None if none is."""
    lacks = [(name, n, depth) for name, (n, depth) in _used(finals, emitters).items() if n > depth]
    if not lacks:
        return None
    (name, n, depth), stages = lacks[0], emitters[-1].stages
    most = max(range(len(stages)), key=lambda i: sum(emitter.grown[i][name] for emitter in emitters))
    return TooLarge(stages[most].op.index, f"of {depth:,} {name} the whole model needs {n:,}, it most of them")
