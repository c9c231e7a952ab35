"""ADD_N: tensorflow/lite/micro/kernels/add_n.cc; TFLite's own kernel has no int8.

2 to 15 computed int8 tensors of one shape and one quantisation, as TFLite Micro wants them; more could overflow its
sums. Its sum starts with a byte of zero, which is worth minus the zero point: so does this one, since there is no other
reference. With a zero point other than 0 the result is off by that much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import finish, finished_range
from edge_tr.operators.checks import (
    INT8,
    activation_tensor,
    output_shape,
    requant,
    require,
    scale,
    shape_text,
    zero_point,
)
from edge_tr.record import Range, Record, Requant
from edge_tr.structs import FACTOR, Call, Field, Struct
from edge_tr.tr.requant import Rounding

LEFT_SHIFT = 19  # 20, and half of it by the inputs' multiplier
MOST = 15
STRUCT = Struct(
    "tr_add_n",
    "ADD_N of `count` tensors of one quantisation.",
    (
        Field("uint32_t", "size"),
        Field("uint32_t", "count"),
        Field("int16_t", "input_zero_point"),
        Field("int16_t", "output_zero_point"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class AddNParams(Record):
    """out = requant((sum of (x - input_zero_point) - input_zero_point) << 19) + output_zero_point, of `count` inputs of
    `size` elements."""

    size: int
    count: int
    input_zero_point: int
    output_zero_point: int
    requant: Requant  # n = 1

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        zero = np.int32(self.input_zero_point)
        total = sum((x.reshape(inputs[0].shape).astype(np.int32) - zero for x in inputs), -zero)
        return (finish(total << LEFT_SHIFT, self.requant, self.output_zero_point, INT8, rounding),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        sums = (
            (sum(ends) - (self.count + 1) * self.input_zero_point) << LEFT_SHIFT
            for ends in ([x.low for x in inputs], [x.high for x in inputs])
        )
        return (finished_range(*sums, self.requant, self.output_zero_point, INT8),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0])] * (len(inputs) + 1)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        inside = (output > INT8[0]) & (output < INT8[1])
        return [gradient * inside * np.float32(self.requant.real[0] * 2.0**LEFT_SHIFT)] * self.count

    def call(self) -> Call:
        values = {
            "size": self.size,
            "count": self.count,
            "input_zero_point": self.input_zero_point,
            "output_zero_point": self.output_zero_point,
            "factor": self.requant,
        }
        return Call("tr_add_n", STRUCT, values, in_place=True, gathered=True)


def prepare(graph: Graph, op: Op) -> AddNParams:
    """`CalculateOpData`."""
    require(2 <= len(op.inputs) <= MOST, f"{len(op.inputs)} inputs", f"2 to {MOST}")
    require(len(op.outputs) == 1, f"{len(op.outputs)} outputs", "1")
    first, *others = (activation_tensor(graph, index, f"input {n}") for n, index in enumerate(op.inputs))
    y = activation_tensor(graph, op.outputs[0], "output")
    for x in others:
        text = f"inputs of shapes {shape_text(first.shape)} and {shape_text(x.shape)}"
        require(x.shape == first.shape, text, "equal shapes")
        equal = (scale(x), zero_point(x)) == (scale(first), zero_point(first))
        require(equal, "inputs of several scales or zero points", "one scale and zero point")
    output_shape(y, first.shape)
    real = 2 * scale(first) / ((1 << LEFT_SHIFT + 1) * scale(y))
    require(real < 1, f"output scale {scale(y)} for inputs of scale {scale(first)}", "a larger output scale")
    return AddNParams(first.size, len(op.inputs), zero_point(first), zero_point(y), requant(real))


STRUCTS = (STRUCT,)
KINDS = {"ADD_N": (prepare, 1)}
