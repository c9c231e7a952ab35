"""CUMSUM: TFLite Micro's kernels/cumsum.cc, `CumSum` of int8 in tensorflow/lite/kernels/internal/reference/cumsum.h.

Version 1, int8, any constant axis, exclusive or not, in reverse or not. TFLite and LiteRT register no int8, so TFLite
Micro is the reference. Its sums begin with a quantised 0, which is -zero point * scale, and wrap at 32 bits, of which
19 are a fraction of an input step: both are followed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import finish
from edge_tr.operators.checks import (
    INT8,
    arity,
    axis_of,
    ends,
    integers,
    output_shape,
    requant,
    require,
    scale,
    zero_point,
)
from edge_tr.record import Record, Requant
from edge_tr.structs import FACTOR, Call, Field, Struct
from edge_tr.tr.requant import Rounding

FRACTION = 19  # bits of an input step; the reference shifts by 20 and halves
STRUCT = Struct(
    "tr_cumsum",
    "CUMSUM along the middle axis of [outer, count, inner].",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "count"),
        Field("uint32_t", "inner"),
        Field("uint8_t", "exclusive"),
        Field("uint8_t", "reverse"),
        Field("int16_t", "input_zero_point"),
        Field("int16_t", "output_zero_point"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class CumsumParams(Record):
    """Sums along the middle of [outer, count, inner] up to each element, itself left out if `exclusive`."""

    outer: int
    count: int
    inner: int
    exclusive: bool
    reverse: bool
    input_zero_point: int
    output_zero_point: int
    requant: Requant

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, self.outer, self.count, self.inner).astype(np.int64) - self.input_zero_point
        x = x[:, :, :: -1 if self.reverse else 1]
        sums = x.cumsum(axis=2) - (x if self.exclusive else 0) - self.input_zero_point
        acc = (sums << FRACTION).astype(np.int32)[:, :, :: -1 if self.reverse else 1, :, None]
        return (finish(acc, self.requant, self.output_zero_point, INT8, rounding),)

    def golden_bytes(self, elements: int) -> int:
        return 48 * elements

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        return [np.arange(inputs[0])] * 2 if self.inner % inputs[0] == 0 else None

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        given = gradient.reshape(-1, self.outer, self.count, self.inner) * np.float32(self.requant.real[0])
        given = given * np.float32(1 << FRACTION)
        given = given[:, :, :: 1 if self.reverse else -1]
        sums = given.cumsum(axis=2) - (given if self.exclusive else 0)
        return [sums[:, :, :: 1 if self.reverse else -1]]

    def call(self) -> Call:
        values = {
            "outer": self.outer,
            "count": self.count,
            "inner": self.inner,
            "exclusive": int(self.exclusive),
            "reverse": int(self.reverse),
            "input_zero_point": self.input_zero_point,
            "output_zero_point": self.output_zero_point,
            "factor": self.requant,
        }
        return Call("tr_cumsum", STRUCT, values)


def prepare(graph: Graph, op: Op) -> Record:
    """`CalculateOpData` of TFLite Micro."""
    arity(op, (2,))
    x, y = ends(graph, op)
    axes = integers(graph, op.inputs[1], "axis", ("int32",))
    require(len(axes) == 1, f"{len(axes)} axes", "one")
    axis = axis_of(axes[0], len(x.shape))
    output_shape(y, x.shape)
    factor = 2 * scale(x) / ((1 << (FRACTION + 1)) * scale(y))
    require(factor < 1, f"output scale {scale(y)} for an input scale of {scale(x)}", "a larger output scale")
    return CumsumParams(
        outer=math.prod(x.shape[:axis]),
        count=x.shape[axis],
        inner=math.prod(x.shape[axis + 1 :]),
        exclusive=bool(op.options.get("exclusive", False)),
        reverse=bool(op.options.get("reverse", False)),
        input_zero_point=zero_point(x),
        output_zero_point=zero_point(y),
        requant=requant(factor),
    )


STRUCTS = (STRUCT,)
KINDS = {"CUMSUM": (prepare, 1)}
