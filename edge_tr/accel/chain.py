"""Whether the first layers of a model run in bands, how many of them, and where all tensors lie then."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.accel.arrival import arrival_of
from edge_tr.accel.assign import Assignment
from edge_tr.accel.bands import LONGEST, Banded, banded
from edge_tr.accel.layout import Placed
from edge_tr.accel.room import Room, room_for
from edge_tr.accel.stage import Stage
from edge_tr.accel.windows import Windows, choose_windows
from edge_tr.errors import DoesNotFitError
from edge_tr.graph import layer_name
from edge_tr.operators import ConvParams, DepthwiseParams


@dataclass(frozen=True)
class Chain:
    """Layers that take turns.

    bands  the layers and their pieces
    inner  by tensor: what these layers read, which is there only while they run
    room   of all other tensors
    """

    bands: Banded
    inner: Mapping[int, Placed]
    room: Room


def chain_length(
    stages: Sequence[Stage], layouts: Mapping[int, Placed], source: int, kept: Container[int], cut: Container[int]
) -> int:
    """How many layers, from the first on, can take turns: windows, each the only reader of what it reads, which is the
    input, then the result of the layer before; `kept`: tensors that others than these stages read; `cut`: operators
    before which values are truncated."""
    for n, stage in enumerate(stages[:LONGEST]):
        before = stages[n - 1].output if n else source
        windows = isinstance(stage.record, (ConvParams, DepthwiseParams)) and stage.op.index not in cut
        alone = before not in kept and sum(before in other.inputs for other in stages) == 1
        if not windows or not alone or stage.inputs != (before,) or layouts[before].vector:
            return n
    return min(len(stages), LONGEST)


def find_chain(
    assignment: Assignment, layouts: Mapping[int, Placed], cut: Mapping[int, np.ndarray], depth: int
) -> Chain | None:
    """The first layers in bands, as many as gain most; None where none gains. They are of the first turn of the
    accelerator, and nothing else is in its memory meanwhile."""
    turn = next((turn for turn in assignment.turns if turn.stages), None)
    if turn is None or len(turn.rounds) > 1 or len(turn.sends) != 1:
        return None
    others = {tensor for own in assignment.turns if own is not turn for s in own.stages for tensor in s.inputs}
    count = chain_length(turn.stages, layouts, turn.sends[0], others | {*turn.reads}, cut)
    windows, alone = _windows(turn.stages[:count], layouts)
    best, most = None, 0
    for n in range(2, len(windows) + 1):
        inner = {stage.inputs[0]: w.x for stage, w in zip(turn.stages, windows[:n])}
        try:
            room = room_for(assignment, cut, depth, inner)
        except DoesNotFitError:
            continue
        last = windows[n - 1]
        found = banded([*windows[: n - 1], last.placed(last.x, last.y.at(room.words[turn.stages[n - 1].output]))])
        gain = sum(alone[:n]) - found.cycles if found else 0
        if gain > most:
            inner = {tensor: w.x for tensor, w in zip(inner, found.layers)}
            best, most = Chain(found, inner, room), gain
    return best


def _windows(stages: Sequence[Stage], layouts: Mapping[int, Placed]) -> tuple[list[Windows], list[int]]:
    """Of each layer that is one command: how it is done once its input is there, and its cycles one after the other,
    the first beside the input."""
    windows, alone = [], []
    for stage in stages:
        record, name = stage.record, layer_name(stage.op)
        x, y = layouts[stage.inputs[0]].viewed(record.input_shape), layouts[stage.output]
        try:
            w, played, _ = choose_windows(record, x, y, name, compact=False)
            if not windows:
                played = choose_windows(record, x, y, name, compact=False, arrival=arrival_of(x))[1]
        except DoesNotFitError:
            break  # it takes several commands
        windows.append(w)
        alone.append(played.cycles)
    return windows, alone
