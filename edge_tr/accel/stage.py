"""A layer to schedule, and turns: what the processor computes, then what the accelerator does."""

from __future__ import annotations

from dataclasses import dataclass

from edge_tr.accel.cycles import Gaps
from edge_tr.graph import Op
from edge_tr.operators import Record


@dataclass(frozen=True)
class Stage:
    """One layer of the accelerator, with aliases of its tensors resolved."""

    op: Op
    record: Record
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class Turn:
    """Operators of the processor, then stages that the accelerator runs without another exchange.

    sends  tensors that the processor has and a stage of this turn is the first to read; what the first stage reads last
    reads  tensors of these stages that the processor needs afterwards
    """

    host: tuple[Op, ...]
    stages: tuple[Stage, ...]
    sends: tuple[int, ...]
    reads: tuple[int, ...]


@dataclass(frozen=True)
class Planned:
    """A layer in the image: its last command's index and its predicted cycles. `bands`: of a layer that takes turns
    with others each command and the tiles, [first, end), that it computes, and `pieces` the cycles of each. `gaps`:
    when tables on their way may be read from the weight memory; None: always."""

    command: int
    cycles: int
    bands: tuple[tuple[int, int, int], ...] = ()
    gaps: Gaps | None = None
    pieces: tuple[int, ...] = ()
