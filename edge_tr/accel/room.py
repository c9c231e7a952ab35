"""Which words of activation memory each tensor has, by lifetime."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.accel.assign import Assignment
from edge_tr.accel.layout import COLUMNS
from edge_tr.accel.stage import TooLarge
from edge_tr.memory_plan import Buffer, plan


@dataclass(frozen=True)
class Room:
    """First words by tensor, and of the truncated copies by operator; `peak`: words in use at most."""

    words: Mapping[int, int]
    copies: Mapping[int, int]
    peak: int


def room_for(assignment: Assignment, cut: Mapping[int, np.ndarray], depth: int, without: Container[int] = ()) -> Room:
    """Place all tensors but those of `without`, which are not copied, in `depth` words; TooLarge names the layer at the
    peak if these are too few."""
    stages = assignment.stages
    words = {tensor: y.words for tensor, y in assignment.layouts.items() if tensor not in without}
    first, last = _lifetimes(assignment)
    buffers = [Buffer(str(t), n * COLUMNS, first[t], last[t]) for t, n in words.items()]
    copied = {  # others are cut where they lie
        i: stage.inputs[0]
        for i, stage in enumerate(stages)
        if stage.op.index in cut and (last[stage.inputs[0]] > i or stage.inputs[0] in stage.inputs[1:])
    }
    buffers += [Buffer(f"cut {i}", words[tensor] * COLUMNS, i, i) for i, tensor in copied.items()]
    memory = plan(buffers)
    if memory.size > depth * COLUMNS:
        alive = [sum(b.size for b in buffers if b.first <= i <= b.last) // COLUMNS for i in range(len(stages))]
        peak = int(np.argmax(alive))
        needed = max(alive[peak], memory.size // COLUMNS if alive[peak] <= depth else 0)
        raise TooLarge(
            stages[peak].op.index,
            f"with it activations need {needed:,} words of {COLUMNS} values, there are {depth:,}",
            in_strips=True,
        )
    offsets = {name: at // COLUMNS for name, at in memory.offsets.items()}
    copies = {stages[i].op.index: offsets[f"cut {i}"] for i in copied}
    return Room({tensor: offsets[str(tensor)] for tensor in words}, copies, memory.size // COLUMNS)


def _lifetimes(assignment: Assignment) -> tuple[dict[int, int], dict[int, int]]:
    """Positions of the first and the last stage during which each tensor is in memory."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    start = 0
    for part in (part for turn in assignment.turns for part in turn.rounds):
        end = start + len(part.stages) - 1
        first |= dict.fromkeys(part.sends, start)
        for i, stage in enumerate(part.stages, start):
            first.setdefault(stage.output, i)
            last[stage.output] = i
            last |= dict.fromkeys(stage.inputs, i)
        last |= dict.fromkeys(part.reads, end)
        start = end + 1
    return first, last
