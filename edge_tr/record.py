"""What passes ask of an operator: the record of integers that TFLite's Prepare makes of it, and what it answers.

Every operator's record (`edge_tr.operators`) is a frozen dataclass below `Record`: what its kernel needs and nothing
else. Scales have become integer multipliers, padding has become pixels. Shapes leave the batch out: activations are
(h, w, c). Numpy fields are read-only. Zero points are those of the tensors: kernels subtract the input's and add the
output's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.structs import Call
from edge_tr.tr.requant import Rounding

Size = tuple[int, int]
Shape3 = tuple[int, int, int]


@dataclass(frozen=True)
class Requant:
    """Multiplication by reals, see `tr.requant`; n = channels or 1.

    `shift` > 0 is a left shift; range [-31, 30]. `real` is the quotient of
    scales before it became integers; only the golden model's FLOAT rounding
    looks at it.
    """

    multiplier: np.ndarray  # int32 [n]
    shift: np.ndarray  # int32 [n]
    real: np.ndarray  # float64 [n]


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of each channel (last axis) of an int8 tensor, int64 [channels]."""

    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """bool [channels]: one value at every pixel, for every input."""
        return self.low == self.high

    def over(self, channels: int) -> Range:
        """Of the same bytes read as rows of another number of channels."""
        own = len(self.low)
        if channels % own == 0:
            return Range(np.tile(self.low, channels // own), np.tile(self.high, channels // own))
        return Range(np.full(channels, self.low.min()), np.full(channels, self.high.max()))

    def clipped(self, limits: Size) -> Range:
        """Of the values clamped to `limits`."""
        return Range(np.clip(self.low, *limits), np.clip(self.high, *limits))


def full_range(channels: int, limits: Size = (-128, 127)) -> Range:
    """Every channel anywhere in `limits`."""
    return Range(np.full(channels, limits[0], np.int64), np.full(channels, limits[1], np.int64))


@dataclass(frozen=True)
class Part:
    """One of several dot products that an operator is made of: `record` is an operator's with weights, and its weights
    and bias (-1: none) are among the operator's inputs at these places. `activation`: the input that it reads; OUTPUT:
    the operator's output, a step before; INSIDE: a value inside the operator."""

    OUTPUT: ClassVar[int] = -1
    INSIDE: ClassVar[int] = -2

    name: str
    record: Record
    activation: int
    weights: int
    bias: int = -1


class Record:
    """One operator's integers. What is not overridden holds for every operator, at the least gain."""

    same_bytes: ClassVar[bool] = False
    """Whether the output is the input's bytes under another shape, which costs nothing."""
    shows_parts: ClassVar[bool] = False
    """Whether `part_inputs` and `backward` tell of its `parts`; only then does `tune` change them."""

    def parts(self) -> tuple[Part, ...]:
        """The dot products that it is made of, where it is not one itself: each is planned by kernels, and revealed by
        budgets, on its own. None without weights."""
        return ()

    def with_parts(self, records: Mapping[str, Record]) -> Record:
        """The same operator with other records of some of its `parts`, by name."""
        raise NotImplementedError

    def part_inputs(self, inputs: Sequence[np.ndarray]) -> Mapping[str, np.ndarray]:
        """What each of its `parts` reads, by name: int8 [n, uses, depth]."""
        raise NotImplementedError

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        """The outputs of a batch of samples: arrays [n, ...] of any shape with the right number of elements in, each
        output's shape out. `data_table`, int16 [511]: what a dot product's x - zero_point = -255..255 is cut to."""
        raise NotImplementedError

    def part(self, output: int) -> int | None:
        """Where an output lies in the first computed input, elements from its start; None: it is no run of that."""
        return 0 if self.same_bytes else None

    def joins(self) -> tuple[int, ...]:
        """Of an operator that puts its computed inputs one behind the other, where each lies in the output: elements.
        None: that is not what it does."""
        return ()

    def outside(self) -> int | None:
        """Of an operator with a window over its first input: the value that all places outside the image count as,
        however many there are. None: there is none."""
        return None

    def golden_bytes(self, elements: int) -> int:
        """About the memory that `golden` takes for one sample; `elements`: of an input and the outputs."""
        return 24 * elements

    def call(self) -> Call:
        """How the runtime computes its output. Dot products are planned by `lower` instead."""
        raise NotImplementedError

    def calls(self) -> tuple[Call, ...]:
        """How the runtime computes each of its outputs: a layer each."""
        return (self.call(),)

    def call_beside(self, there: Collection[int]) -> Call | None:
        """Of an operator that joins its inputs: its call without those, by number, that lie in the output already.
        None: all do."""
        raise NotImplementedError

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """The values that the channels of each output can take; `outputs`: their numbers of channels. Golden's
        arithmetic never decreases as a sum grows, so the ends of an interval give the ends of the results."""
        return tuple(full_range(channels) for channels in outputs)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        """For each input and output, by their numbers of channels, int [channels]: channels with one number stand or
        fall together. None: channels cannot be told apart."""
        return None

    def constants_by_channel(self) -> tuple[int, ...]:
        """Of an operator with ties, which of its inputs in the file are constants with the output's channels as their
        last axis: those of channels that go, go too."""
        return ()

    def reads(
        self, inputs: Sequence[Range], alive: np.ndarray, data_terms: np.ndarray | None = None
    ) -> np.ndarray | None:
        """Of an operator that mixes channels, bool [channels] of its first input: those that the `alive` channels of
        its output read, and that are no constants to fold. None: its channels are tied."""
        return None

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """Of each computed input, float32 of any shape with its elements, from that of the output: the linearised
        model, in which rounding is the identity and a clamped value has no gradient."""
        raise NotImplementedError

    def all_gradients(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """The same of an operator with any number of outputs: from those of all of them."""
        return self.gradients(inputs, outputs[0], gradients[0])

    def backward(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], Mapping[str, np.ndarray]]:
        """`all_gradients`, and of an operator that shows its parts those of their sums, by name: float32
        [n, uses, units]."""
        return self.all_gradients(inputs, outputs, gradients), {}
