"""AVERAGE_POOL_2D, MAX_POOL_2D and MEAN of int16: tensorflow/lite/kernels/pooling.cc, reduce.cc, and in
internal/reference integer_ops/pooling.h, reduce.h. Symmetric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import requant
from edge_tr.operators.checks import arity, scale, summed
from edge_tr.operators.mean import divided
from edge_tr.operators.pool_2d import Pool, pool_of
from edge_tr.operators.typed_reduce import TypedReduceParams, axes_of
from edge_tr.operators.wide import INT16, clamped, fused_limits, wide_ends
from edge_tr.record import Range, Record, Requant, full_range
from edge_tr.structs import FACTOR, SHAPE, WINDOW, Call, Field, Struct
from edge_tr.tr.requant import Rounding

MAX_COUNT = (2**31 - 1) // 32769
"""Elements of -32768 whose sum, and the half of their count that rounds it, are an int32."""
POOL = Struct(
    "tr_wide_pool",
    "AVERAGE_POOL_2D and MAX_POOL_2D of int16.",
    (
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        Field("int16_t", "minimum"),
        Field("int16_t", "maximum"),
    ),
)
MEAN = Struct(
    "tr_wide_mean",
    "MEAN of int16 over the middle axis of [outer, count, inner]; the division is inside `factor`.",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "count"),
        Field("uint32_t", "inner"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class WidePoolParams(Pool):
    """Of int16."""

    dtype: ClassVar[type] = np.int16
    struct: ClassVar[Struct] = POOL
    prefix: ClassVar[str] = "tr_wide_"


@dataclass(frozen=True)
class WideMeanParams(Record):
    """MEAN over the middle of [outer, count, inner]; the division is inside `requant` (n = 1)."""

    outer: int
    count: int
    inner: int
    requant: Requant

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        sums = inputs[0].reshape(-1, self.outer, self.count, self.inner).sum(axis=2, dtype=np.int32)
        return (clamped(requant(sums, self.requant, rounding), INT16),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], INT16),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        share = gradient.reshape(-1, self.outer, 1, self.inner) * np.float32(self.requant.real[0])
        return [np.repeat(share, self.count, axis=2)]

    def call(self) -> Call:
        values = {"outer": self.outer, "count": self.count, "inner": self.inner, "factor": self.requant}
        return Call("tr_wide_mean", MEAN, values)


def prepare_pool(graph: Graph, op: Op) -> WidePoolParams:
    """As of int8."""
    arity(op, (1,))
    x, y = wide_ends(graph, op)
    return pool_of(WidePoolParams, op, x, y, fused_limits(op, y), MAX_COUNT)


def prepare_mean(graph: Graph, op: Op) -> Record:
    """1 / count is folded into the multiplier, as of int8."""
    arity(op, (2,))
    x, y = wide_ends(graph, op)
    shape, gone = axes_of(graph, op, x, y)
    count = math.prod(shape[axis] for axis in gone)
    summed(count, "a mean", MAX_COUNT)
    factor = divided(scale(x) / scale(y), count)
    if len(gone) > 1:
        return TypedReduceParams("MEAN", "int16", shape, gone, factor)
    outer = math.prod(shape[: gone[0]]) if gone else x.size
    return WideMeanParams(outer, count, x.size // outer // count, factor)


STRUCTS = (POOL, MEAN)
INT16_KINDS = {"AVERAGE_POOL_2D": prepare_pool, "MAX_POOL_2D": prepare_pool, "MEAN": prepare_mean}
