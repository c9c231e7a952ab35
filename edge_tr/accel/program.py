"""A scheduled model: memory images, and what the host must know to use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.accel.layout import COLUMNS
from edge_tr.accel.timeline import Span
from edge_tr.accel.traffic import Traffic
from edge_tr.operators import Record
from edge_tr.prepared.budget import Budget
from edge_tr.prepared.dead import Alive


@dataclass(frozen=True)
class Part:
    """Part of a layer's tensor: stop before command `stop` and dump `words` words from `address`; byte `index[i]` of
    them is element `first` + i (NHWC), unless it is -1."""

    stop: int
    address: int
    words: int
    first: int
    index: np.ndarray


@dataclass(frozen=True)
class AccelLayer:
    """A layer that the accelerator computes. It is done before the stop of the last of its parts."""

    name: str
    op: int
    tensor: int
    parts: tuple[Part, ...]
    cycles: int

    @property
    def stops(self) -> tuple[int, ...]:
        """Commands before which parts of it are there."""
        return tuple(part.stop for part in self.parts)


@dataclass(frozen=True)
class HostLayer:
    """A layer that the processor computes of the tensors `inputs`: number `output` of what its operator's golden gives;
    `updates`: states that the last ones of these become. `data_terms` as golden takes them."""

    name: str
    op: int
    tensor: int
    inputs: tuple[int, ...]
    output: int
    record: Record
    data_terms: np.ndarray | None
    reason: str
    updates: tuple[int, ...] = ()


@dataclass(frozen=True)
class Send:
    """int32 [64 * words], which element of the tensor each byte of an INPUT is; -1: zero. It comes behind `after` beats
    of the segment's stream."""

    tensor: int
    index: np.ndarray
    after: int


@dataclass(frozen=True)
class Read:
    """An OUTPUT, number `command`, of `words` words: byte `index[i]` is element `first` + i of the tensor."""

    command: int
    tensor: int
    words: int
    first: int
    index: np.ndarray


@dataclass(frozen=True)
class Segment:
    """One run of the accelerator, from command `entry` to an END.

    sends   one INPUT each
    stream  uint64 [n], load packets, between which they come
    layers  in the order in which they begin
    reads   one OUTPUT each, all in one packet
    """

    entry: int
    sends: tuple[Send, ...]
    stream: np.ndarray
    layers: tuple[AccelLayer, ...]
    reads: tuple[Read, ...]

    @property
    def sent_bytes(self) -> int:
        """By DMA, in each inference."""
        return sum(len(send.index) for send in self.sends) + self.stream.nbytes

    @property
    def read_bytes(self) -> int:
        """By DMA, in each inference."""
        return sum(read.words * COLUMNS for read in self.reads)


@dataclass(frozen=True)
class ProgramTurn:
    """What the processor computes, then what the accelerator does; the last turn may have no segment."""

    host: tuple[HostLayer, ...]
    segment: Segment | None

    @property
    def layers(self) -> tuple[HostLayer | AccelLayer, ...]:
        """In the order in which they run."""
        return self.host + (self.segment.layers if self.segment else ())


@dataclass(frozen=True)
class Level:
    """One budget's schedule: its turns, the predicted cycles of a whole inference, and what moves on the chip. Weights
    `revealed` are the whole model's by operator index, int8 [rows, K]; `alive` is what is left of it; `timeline` is all
    that happens in those cycles."""

    budget: Budget
    turns: tuple[ProgramTurn, ...]
    cycles: int
    traffic: Traffic
    revealed: Mapping[int, np.ndarray]
    alive: Alive
    timeline: tuple[Span, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Runs of the accelerator in one inference."""
        return tuple(turn.segment for turn in self.turns if turn.segment)

    @property
    def layers(self) -> tuple[AccelLayer, ...]:
        """Of the accelerator."""
        return tuple(layer for segment in self.segments for layer in segment.layers)

    @property
    def host_layers(self) -> tuple[HostLayer, ...]:
        """Of the processor."""
        return tuple(layer for turn in self.turns for layer in turn.host)


@dataclass(frozen=True)
class AccelProgram:
    """All that a board needs.

    load         uint64 [n], load packets of all memories
    program_crc  what register PROGRAM reads then
    inputs       tensors, in the model's order
    outputs      the same; of each the one whose values it has, maybe in another shape
    levels       of each budget that the program holds, from the fewest terms on; the same layers in the same turns
    used         words of each memory, and how many there are
    data_terms   int16 [511] by operator index, of layers that truncate their activations
    """

    sha256: str
    load: np.ndarray
    program_crc: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    levels: tuple[Level, ...]
    used: Mapping[str, tuple[int, int]]
    data_terms: Mapping[int, np.ndarray]

    @property
    def most(self) -> Level:
        """The budget with the most terms, which is the one of a build with one budget."""
        return self.levels[-1]
