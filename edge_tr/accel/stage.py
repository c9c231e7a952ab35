"""A layer to schedule; rounds, between what is sent and what is read; and turns: the processor, then rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_tr.accel.cycles import Gaps
from edge_tr.accel.layout import Placed
from edge_tr.errors import DoesNotFitError
from edge_tr.graph import PART, Op
from edge_tr.operators import Record


class TooLarge(DoesNotFitError):
    """What does not fit beside the rest; were layer `op` the processor's, it might, and if `in_strips`, smaller strips
    might do too."""

    def __init__(self, op: int, reason: str, in_strips: bool = False) -> None:
        super().__init__(reason)
        self.op, self.in_strips = op % PART, in_strips


@dataclass(frozen=True)
class Stage:
    """One layer of the accelerator, or a strip of one, with aliases of its tensors resolved. `rows`, `channels`:
    [first, end) of its output that it computes; None: all."""

    op: Op
    record: Record
    inputs: tuple[int, ...]
    output: int
    rows: tuple[int, int] | None = None
    channels: tuple[int, int] | None = None

    def target(self, y: Placed) -> Placed:
        """What it computes of its output y."""
        if self.channels:
            return y.elements(*self.channels)
        return y if self.rows is None else y.band(*self.rows)


@dataclass(frozen=True)
class Round:
    """Stages that run after what they read was sent, and before their results are.

    sends  tensors that the processor has and a stage is the first to read; what the first stage reads last
    reads  tensors of these stages that the processor needs afterwards

    Others than strips may be several runs.
    """

    stages: tuple[Stage, ...]
    sends: tuple[int, ...]
    reads: tuple[int, ...]

    @property
    def may_end(self) -> bool:
        """Whether the run may end between its stages: what strips have in common is one run's."""
        return all(stage.op.index < PART for stage in self.stages)


@dataclass(frozen=True)
class Turn:
    """Operators of the processor, then rounds that the accelerator runs without another exchange."""

    host: tuple[Op, ...]
    rounds: tuple[Round, ...]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Of all rounds."""
        return tuple(stage for part in self.rounds for stage in part.stages)

    @property
    def sends(self) -> tuple[int, ...]:
        """Of all rounds."""
        return tuple(tensor for part in self.rounds for tensor in part.sends)

    @property
    def reads(self) -> tuple[int, ...]:
        """Of all rounds."""
        return tuple(tensor for part in self.rounds for tensor in part.reads)


@dataclass(frozen=True)
class Planned:
    """A layer in the image: its last command's index and its predicted cycles. `bands`: of a layer that takes turns
    with others each command and the tiles, [first, end), that it computes, and `pieces` the cycles of each. `shares`:
    of a layer that takes several commands, which of the cycles are whose. `gaps`: when tables on their way may be read
    from the weight memory; None: always."""

    command: int
    cycles: int
    bands: tuple[tuple[int, int, int], ...] = ()
    gaps: Gaps | None = None
    pieces: tuple[int, ...] = ()
    shares: Mapping[int, int] = field(default_factory=dict)
