"""PAD and PADV2: tensorflow/lite/kernels/pad.cc, internal/reference/pad.h."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import arity, constant, ends, output_shape, require, scale, shape_text, zero_point
from edge_tr.record import Range, Record, Shape3
from edge_tr.structs import SHAPE, Call, Field, Struct
from edge_tr.tr.requant import Rounding

STRUCT = Struct(
    "tr_pad",
    "PAD of an image with a constant; elements before, along height, width and channels.",
    (
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field("uint16_t", "top"),
        Field("uint16_t", "left"),
        Field("uint16_t", "front"),
        Field("int8_t", "value"),
    ),
)


@dataclass(frozen=True)
class PadParams(Record):
    """PAD or PADV2: `value` around the image, `before` and `after` each of (h, w, c)."""

    input_shape: Shape3
    output_shape: Shape3
    before: Shape3
    after: Shape3
    value: int

    @property
    def keeps_channels(self) -> bool:
        return self.before[2] == self.after[2] == 0

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        widths = [(0, 0), *zip(self.before, self.after)]
        return (np.pad(inputs[0].reshape(-1, *self.input_shape), widths, constant_values=self.value),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """The value of the padding may appear in every channel."""
        values = inputs[0] if self.keeps_channels else inputs[0].over(1)
        padded = Range(np.minimum(values.low, self.value), np.maximum(values.high, self.value))
        return (padded if any((*self.before, *self.after)) else inputs[0],)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        return [np.arange(inputs[0])] * 2 if self.keeps_channels else None

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        inner = tuple(slice(before, before + size) for before, size in zip(self.before, self.input_shape))
        return [gradient.reshape(-1, *self.output_shape)[(slice(None), *inner)]]

    def call(self) -> Call:
        top, left, front = self.before
        shapes = {"input": self.input_shape, "output": self.output_shape}
        return Call("tr_pad", STRUCT, shapes | {"top": top, "left": left, "front": front, "value": self.value})


def prepare(graph: Graph, op: Op) -> PadParams:
    """PAD fills with the output's zero point, PADV2 with its third input."""
    arity(op, (2,) if op.kind == "PAD" else (3,))
    x, y = ends(graph, op)
    amounts = constant(graph, op.inputs[1], "paddings", ("int32", "int64")).data.astype(np.int64)
    rank = len(x.shape)
    require(
        2 <= rank <= 4 and x.shape[0] == 1,
        f"input of shape {shape_text(x.shape)}",
        "2 to 4 dimensions with batch 1",
    )
    require(amounts.shape == (rank, 2), f"paddings of shape {shape_text(amounts.shape)}", f"{rank}x2")
    require(
        amounts.min() >= 0 and not amounts[0].any(),
        "negative paddings or a padded batch",
        "padding of h, w, c",
    )
    output_shape(y, tuple(d + int(p.sum()) for d, p in zip(x.shape, amounts)))
    return PadParams(
        input_shape=_three(x.shape[1:], 1),
        output_shape=_three(y.shape[1:], 1),
        before=_three(tuple(int(p[0]) for p in amounts[1:]), 0),
        after=_three(tuple(int(p[1]) for p in amounts[1:]), 0),
        value=zero_point(y) if op.kind == "PAD" else _value(graph, op, y),
    )


def _value(graph: Graph, op: Op, y: Tensor) -> int:
    value = constant(graph, op.inputs[2], "padding value", ("int8",))
    require(value.size == 1, f"{value.size} padding values", "1")
    q = value.quantization
    require(
        q is not None and scale(value) == scale(y) and zero_point(value) == zero_point(y),
        "a padding value of another quantisation than the output",
        "the same",
    )
    return int(value.data.reshape(-1)[0])


def _three(values: tuple[int, ...], fill: int) -> Shape3:
    """(h, w, c) with missing leading dimensions filled in."""
    values = (fill,) * (3 - len(values)) + tuple(values)
    return (values[0], values[1], values[2])


STRUCTS = (STRUCT,)
KINDS = {"PAD": (prepare, 4), "PADV2": (prepare, 4)}
