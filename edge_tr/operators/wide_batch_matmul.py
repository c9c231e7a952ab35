"""BATCH_MATMUL of int16: tensorflow/lite/kernels/batch_matmul.cc, reference/batch_matmul.h. As of int8, with sums of 64
bits; both sides are int16, one of them may be a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.batch_matmul import BATCH_AXES, BatchMatmulParams, matrices, record_of
from edge_tr.operators.checks import require
from edge_tr.operators.wide import INT16, MOST_SHIFT, clamped, multiply, wide
from edge_tr.record import Range, Size, full_range
from edge_tr.structs import FACTOR, Field, Struct
from edge_tr.tr.requant import Rounding

MAX_DEPTH = (1 << 47) // 32768**2
"""Products whose sum the multiplication of 64 bits takes."""
SIDE = Struct(
    "tr_wide_matrices",
    "One side of BATCH_MATMUL: elements between neighbours along the batches, along what stays and along what is\n"
    "summed. It is the next input, or `constant`.",
    (
        Field("uint32_t", "batch", count=BATCH_AXES),
        Field("uint32_t", "outer"),
        Field("uint32_t", "inner"),
        Field("const int16_t *", "constant"),
    ),
)
STRUCT = Struct(
    "tr_wide_batch_matmul",
    "BATCH_MATMUL of int16: `rows` of the left side by `columns` of the right one.",
    (
        Field("uint32_t", "batch", count=BATCH_AXES),
        Field("uint32_t", "rows"),
        Field("uint32_t", "columns"),
        Field("uint32_t", "depth"),
        Field(SIDE, "left"),
        Field(SIDE, "right"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class WideBatchMatmulParams(BatchMatmulParams):
    """Of int16: zero points are 0."""

    limits: ClassVar[Size] = INT16
    function: ClassVar[str] = "tr_wide_batch_matmul"
    struct: ClassVar[Struct] = STRUCT
    element: ClassVar[str] = "int16_t"

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        left, right = self.sides(inputs)
        acc = (left @ right).astype(np.int64)[..., None]
        return (clamped(multiply(acc, self.requant), INT16),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], INT16),)


def prepare(graph: Graph, op: Op) -> WideBatchMatmulParams:
    """As of int8."""
    sides = [wide(graph, index, what, True) for index, what in zip(op.inputs, ("left", "right"))]
    shapes, turned = matrices(op, sides, y := wide(graph, op.outputs[0], "output"))
    depth = shapes[0][-2 if turned[0] else -1]
    require(depth <= MAX_DEPTH, f"products over {depth:,} elements", f"up to {MAX_DEPTH:,}")
    record = record_of(WideBatchMatmulParams, sides, shapes, turned, y)
    shift = int(record.requant.shift.max())
    require(shift <= MOST_SHIFT, f"scales whose ratio needs a left shift of {shift}", f"up to {MOST_SHIFT}")
    return record


STRUCTS = (STRUCT,)
INT16_KINDS = {"BATCH_MATMUL": prepare}
