"""MEAN: tensorflow/lite/kernels/reduce.cc, internal/reference/reduce.h. Versions 1 to 3, int8, any constant axes.

Axes beside each other have a kernel of their own; of axes apart it is the one of `reduce`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import finish, finished_range
from edge_tr.operators.checks import INT8, read_only, requant, scale, summed, zero_point
from edge_tr.operators.reduce import MAX_COUNT, ReduceParams, merged, read
from edge_tr.record import Range, Record, Requant
from edge_tr.structs import FACTOR, Call, Field, Struct
from edge_tr.tr.requant import Rounding

STRUCT = Struct(
    "tr_mean",
    "MEAN over the middle axis of [outer, count, inner]; the division is inside `factor`.",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "count"),
        Field("uint32_t", "inner"),
        Field("int16_t", "input_zero_point"),
        Field("int16_t", "output_zero_point"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class MeanParams(Record):
    """MEAN over the middle of [outer, count, inner], giving [outer, inner].

    out = requant(sum - count * input_zero_point) + output_zero_point, saturated;
    the division by `count` is inside `requant` (n = 1).
    """

    outer: int
    count: int
    inner: int
    input_zero_point: int
    output_zero_point: int
    requant: Requant

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        acc = inputs[0].reshape(-1, self.outer, self.count, self.inner).sum(axis=2, dtype=np.int32)
        acc -= np.int32(self.count * self.input_zero_point)
        return (finish(acc, self.requant, self.output_zero_point, INT8, rounding),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        inner = inputs[0].over(self.inner)
        sums = ((end - self.input_zero_point) * self.count for end in (inner.low, inner.high))
        return (finished_range(*sums, self.requant, self.output_zero_point, INT8),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        return [np.arange(inputs[0])] * 2 if self.inner == inputs[0] == outputs[0] else None

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        share = gradient.reshape(-1, self.outer, 1, self.inner) * np.float32(self.requant.real[0])
        return [np.repeat(share, self.count, axis=2)]

    def call(self) -> Call:
        values = {
            "outer": self.outer,
            "count": self.count,
            "inner": self.inner,
            "input_zero_point": self.input_zero_point,
            "output_zero_point": self.output_zero_point,
            "factor": self.requant,
        }
        return Call("tr_mean", STRUCT, values)


def prepare(graph: Graph, op: Op) -> Record:
    """`QuantizedMeanOrSum` in reference/reduce.h folds 1 / count into the multiplier."""
    x, y, axes = read(graph, op)
    shape, reduced = merged(x.shape, axes)
    count = math.prod(shape[axis] for axis in reduced)
    summed(count, "a mean", MAX_COUNT)
    factor = divided(scale(x) / scale(y), count)
    if len(reduced) > 1:
        return ReduceParams("SUM", shape, reduced, zero_point(x), zero_point(y), factor)
    outer = math.prod(shape[: reduced[0]]) if reduced else x.size
    return MeanParams(outer, count, x.size // outer // count, zero_point(x), zero_point(y), factor)


def divided(real: float, count: int) -> Requant:
    """`real` / `count`, the division made on the multiplier."""
    whole = requant(real)
    multiplier, shift = int(whole.multiplier[0]), int(whole.shift[0])
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return Requant(
        multiplier=read_only(np.array([(multiplier << bits) // count], dtype=np.int32)),
        shift=read_only(np.array([shift - bits], dtype=np.int32)),
        real=read_only(whole.real / count),
    )


STRUCTS = (STRUCT,)
KINDS = {"MEAN": (prepare, 3)}
