"""Who computes what: the accelerator all that it has engines for, the processor the rest, in few turns.

Tensors that only the processor has (the sample, results of its operators) are sent when a stage first reads them; what
it needs of the accelerator's is read at the end of the turn that made it. A RESHAPE of an accelerator's tensor is
nothing but another name for it, unless a reader would find its channels elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.accel.addition import BY_TABLES
from edge_tr.accel.engines import hwc, output_layout, refusal, zero_point
from edge_tr.accel.layout import Placed, planar, vector
from edge_tr.accel.stage import Round, Stage, TooLarge, Turn
from edge_tr.accel.strips import Tiled
from edge_tr.errors import ModelError
from edge_tr.formats import accelerator as f
from edge_tr.graph import Op
from edge_tr.operators import (
    ConvParams,
    DepthwiseParams,
    FullyConnectedParams,
    MeanParams,
    PoolParams,
    Record,
    ReshapeParams,
)


@dataclass(frozen=True)
class Assignment:
    """What became of a graph.

    aliases  by tensor: the one whose memory it shares
    layouts  by tensor, of all that is ever in the accelerator's memory
    reasons  by operator of the processor: why it is its
    """

    turns: tuple[Turn, ...]
    aliases: Mapping[int, int]
    layouts: Mapping[int, Placed]
    reasons: Mapping[int, str]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All layers of the accelerator in the order in which they run."""
        return tuple(stage for turn in self.turns for stage in turn.stages)


Refusals = dict[tuple[object, ...], str]
"""Answers of `engines.refusal` by operator and how its inputs lie; they cost as much as scheduling a layer."""


def assign(
    tiled: Tiled,
    cut: Mapping[int, np.ndarray],
    left_out: Mapping[int, str],
    words: int,
    known: Refusals | None = None,
) -> Assignment:
    """`cut`: by operator, what data is truncated to; `left_out`: by operator, why it is the processor's whatever else;
    `words`: of activation memory; `known`: what was found out before, of the same graph and budget.

    All of it may be the processor's: then there is one turn without stages. TooLarge if no engine computes a strip.
    """
    work = _Assigner(tiled, cut, left_out, words, {} if known is None else known)
    for op in tiled.graph.ops:
        work.place(op)
    turns = work.turns()
    layouts = {t: work.sent_layout(t) for turn in turns for t in turn.sends}
    return Assignment(turns, work.aliases, layouts | work.made, work.reasons)


class _Assigner:
    """Decides operator after operator; `made`: layouts of the accelerator's results."""

    def __init__(
        self, tiled: Tiled, cut: Mapping[int, np.ndarray], left_out: Mapping[int, str], words: int, known: Refusals
    ) -> None:
        self.tiled, self.graph, self.cut, self.left_out = tiled, tiled.graph, cut, left_out
        self.words, self.known = words, known
        self.records = {op.index: op.record for op in self.graph.ops}
        self.last_writers = {t: op.index for op in self.graph.ops for t in op.outputs}
        self.aliases: dict[int, int] = {}
        self.stages: dict[int, Stage] = {}
        self.made: dict[int, Placed] = {}
        self.reasons: dict[int, str] = {}

    def inputs(self, op: Op) -> tuple[int, ...]:
        """Computed tensors that it reads, aliases resolved."""
        return tuple(self.aliases.get(t, t) for t in self.graph.activations(op))

    # --- engine or processor ---

    def place(self, op: Op) -> None:
        """Decide one operator, after those before it."""
        inputs, output = self.inputs(op), op.targets[0]
        if isinstance(self.records[op.index], ReshapeParams):
            if inputs[0] in self.made and self._is_view(inputs[0], output):
                self.aliases[output] = inputs[0]
            else:
                self.reasons[op.index] = "it moves values between channels"
            return
        if reason := self.left_out.get(op.index) or self._unlike_the_engines(op):
            self.reasons[op.index] = reason
            return
        parts = self.tiled.rows.get(op.index), self.tiled.channels.get(op.index)
        stage = Stage(op, self.records[op.index], inputs, output, *parts)
        try:
            layouts = [self.made.get(t) or self._offered(t, stage.record) for t in inputs]
            layout = output_layout(self.graph, stage, layouts)
            reason = self._without_room(layouts, layout) or self._refused(stage, layouts, stage.target(layout))
        except ModelError as error:
            reason = str(error)
        if reason and op.index in self.tiled.strips:
            raise TooLarge(op.index, reason)
        if reason:
            self.reasons[op.index] = reason
        else:
            self.stages[op.index], self.made[output] = stage, layout

    def _unlike_the_engines(self, op: Op) -> str:
        """What of its tensors no engine takes; empty if they are int8, of one sample, and last for one inference."""
        indices = (*self.graph.activations(op), *op.outputs)
        if op.updates or not self.graph.states.keys().isdisjoint(indices):
            return "it keeps a state from one inference to the next"
        tensors = [self.graph.tensor(i) for i in indices]
        if others := [tensor.dtype for tensor in tensors if tensor.dtype != "int8"]:
            return f"a tensor of it is {others[0]}, the engines' are int8"
        if batches := [tensor.shape[0] for tensor in tensors if len(tensor.shape) == 4 and tensor.shape[0] != 1]:
            return f"it computes {batches[0]} samples at once, the engines one"
        weights = getattr(op.record, "weights", None)
        is_wide = weights is not None and weights.dtype != np.int8
        return "its weights have more than eight bits" if is_wide else ""

    def _without_room(self, inputs: list[Placed], y: Placed) -> str:
        """Why activation memory cannot hold the layer's own tensors; empty if it can."""
        distinct = {id(x): x for x in (*inputs, y)}.values()
        words, depth = sum(x.words for x in distinct), self.words
        return f"its tensors need {words:,} words of {f.COLUMNS.value} values, there are {depth:,}" * (words > depth)

    def _refused(self, stage: Stage, inputs: list[Placed], y: Placed) -> str:
        """Why no engine computes the layer; empty if one does."""
        key = (stage.op.index, *((x.vector, x.shape) for x in inputs))
        if key not in self.known:
            self.known[key] = refusal(stage, inputs, y)
        return self.known[key]

    def _offered(self, tensor: int, reader: Record) -> Placed:
        """How a tensor that the processor has could be sent to one reader."""
        found = self.graph.tensor(tensor)
        if isinstance(reader, FullyConnectedParams) or len(found.shape) < 3:
            return vector(found.size, zero_point(found))
        return planar(hwc(found), zero_point(found))

    def _is_view(self, root: int, tensor: int) -> bool:
        """Whether all that read `tensor` can read the memory of `root`."""
        x, y = self.made[root], self.graph.tensor(tensor)
        if zero_point(y) != x.zero_point:
            return False
        for op in self.graph.ops:
            record = self.records[op.index]
            if tensor not in self.graph.activations(op):
                continue
            if isinstance(record, ReshapeParams):
                if not self._is_view(root, op.outputs[0]):
                    return False
            elif isinstance(record, (ConvParams, DepthwiseParams, PoolParams)):
                if record.input_shape[2] != x.shape[2]:
                    return False
            elif isinstance(record, (*BY_TABLES, MeanParams)) and y.shape[-1] != x.shape[2]:
                return False
        return True

    # --- turns ---

    def turns(self) -> tuple[Turn, ...]:
        """The processor takes all that it can, then the accelerator, and so on."""
        there, waiting = {*self.graph.inputs, *self.graph.states}, list(self.graph.ops)
        outputs = {self.aliases.get(t, t) for t in self.graph.outputs}
        parts: list[tuple[list[Op], list[Op]]] = []
        while waiting:
            there |= self._joined(there)
            host = self._take(waiting, there, lambda op: op.index in self.reasons)
            there |= self._joined(there)
            stages = self._take(waiting, there, lambda op: op.index not in self.reasons)
            parts.append((host, [op for op in stages if op.index in self.stages]))
        turns, sent = [], set()
        for i, (host, ops) in enumerate(parts):
            later = {t for own in parts[i + 1 :] for t in self._asked(own)} | outputs
            groups = itertools.groupby(ops, key=lambda op: self.tiled.strips.get(op.index))
            rounds = [self._round([self.stages[op.index] for op in group], later, sent) for _, group in groups]
            if rounds and not any(part.reads for part in rounds):
                rounds[-1] = replace(rounds[-1], reads=(rounds[-1].stages[-1].output,))
            turns.append(Turn(tuple(host), tuple(rounds)))
        return tuple(turns)

    def _round(self, stages: Sequence[Stage], later: Set[int], sent: set[int]) -> Round:
        """`later`: tensors that the processor, or another turn, asks for; `sent`: what was sent before, and now is."""
        read = dict.fromkeys(t for stage in reversed(stages) for t in stage.inputs if t not in self.made)
        sends = tuple(t for t in read if t not in sent)  # the first stage's last
        sent |= {*sends}
        whole = (stage for stage in stages if self.last_writers[stage.output] == stage.op.index)
        reads = tuple(stage.output for stage in whole if self._whole(stage.output) in later)
        return Round(tuple(stages), sends, reads)

    def _whole(self, tensor: int) -> int:
        """The tensor that it is a piece of, or it."""
        piece = self.tiled.pieces.get(tensor)
        return piece.whole if piece else tensor

    def _asked(self, part: tuple[list[Op], list[Op]]) -> Iterator[int]:
        """What the processor must have for its operators, and for pieces that it sends."""
        hosts, ops = part
        yield from (t for op in hosts for t in self.inputs(op))
        sources = (t for op in ops for t in self.inputs(op) if t not in self.made)
        yield from (self._whole(t) for t in sources)

    def _joined(self, there: Set[int]) -> set[int]:
        """What the processor has besides, since it has the pieces, or the whole, of it."""
        made, parts = {t for op in self.graph.ops for t in op.outputs}, {}
        for t, piece in self.tiled.pieces.items():
            parts.setdefault(piece.whole, []).append(t)
        wholes = {t for t, own in parts.items() if made.intersection(own) and there.issuperset(made.intersection(own))}
        return wholes | {t for t, piece in self.tiled.pieces.items() if t not in made and piece.whole in there | wholes}

    def _take(self, waiting: list[Op], there: set[int], wanted: Callable[[Op], bool]) -> list[Op]:
        """Move what is wanted and can be computed out of `waiting`."""
        taken = []
        for op in list(waiting):
            if wanted(op) and there.issuperset(self.graph.activations(op)) and not self._must_wait(op, waiting):
                waiting.remove(op)
                if self._complete(op):
                    there.update(op.outputs)
                taken.append(op)
        return taken

    def _complete(self, op: Op) -> bool:
        """Whether its output is: no other strip of it is to come."""
        return all(self.last_writers[t] == op.index for t in op.outputs)

    def _must_wait(self, op: Op, waiting: list[Op]) -> bool:
        """Whether an operator before it still reads a state that it updates, or updates one that it touches."""
        touched = {*op.inputs, *op.updates} & self.graph.states.keys()
        before = itertools.takewhile(lambda other: other is not op, waiting) if touched else ()
        return any(touched & {*other.updates} or {*op.updates} & {*other.inputs} for other in before)

    def sent_layout(self, tensor: int) -> Placed:
        """For all stages that read it; sorted by phase for a stride where nothing else minds."""
        found = self.graph.tensor(tensor)
        readers = [stage.record for stage in self.stages.values() if tensor in stage.inputs]
        if len(found.shape) < 3 or all(isinstance(record, FullyConnectedParams) for record in readers):
            return vector(found.size, zero_point(found))
        strides = {record.stride for record in readers if isinstance(record, (ConvParams, DepthwiseParams))}
        plain = any(
            isinstance(record, BY_TABLES) or getattr(record, "dilation", (1, 1)) != (1, 1) for record in readers
        )
        phases = strides.pop() if len(strides) == 1 and not plain else (1, 1)
        return planar(hwc(found), zero_point(found), phases if max(phases) <= 2 else (1, 1))
