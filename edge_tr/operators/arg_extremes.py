"""ARG_MAX and ARG_MIN: tensorflow/lite/kernels/arg_min_max.cc, internal/reference/arg_min_max.h.

ARG_MAX versions 1 to 3, ARG_MIN 1 to 3; int8, int32 and bool along one constant axis, to int32 or int64. Of equal
values the first one counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, axis_of, computed, integers, output_shape, require
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Call, Field, Struct
from edge_tr.tr.requant import Rounding

VALUES = ("int8", "int32", "bool")
PLACES = ("int32", "int64")
STRUCT = Struct(
    "tr_arg_extreme",
    "ARG_MAX and ARG_MIN over the middle axis of [outer, length, inner]; elements of `item_bytes`, 1 or 4, places of\n"
    "`place_bytes`, 4 or 8.",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "length"),
        Field("uint32_t", "inner"),
        Field("uint8_t", "item_bytes"),
        Field("uint8_t", "place_bytes"),
        Field("bool", "least"),
    ),
)


@dataclass(frozen=True)
class ArgExtremeParams(Record):
    """The place of the largest, or where `least` of the smallest, over the middle axis; `item_bytes` of the values,
    `places` is the output's type."""

    outer: int
    length: int
    inner: int
    item_bytes: int
    places: str
    least: bool

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, self.outer, self.length, self.inner)
        return ((x.argmin(axis=2) if self.least else x.argmax(axis=2)).astype(self.places),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], (0, self.length - 1)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """None: places do not move."""
        return [np.zeros(inputs[0].shape, np.float32)]

    def call(self) -> Call:
        values = {
            "outer": self.outer,
            "length": self.length,
            "inner": self.inner,
            "item_bytes": self.item_bytes,
            "place_bytes": np.dtype(self.places).itemsize,
            "least": self.least,
        }
        return Call("tr_arg_extreme", STRUCT, values)


def prepare(graph: Graph, op: Op) -> ArgExtremeParams:
    """The axis goes."""
    arity(op, (2,))
    x = computed(graph, op.inputs[0], "input", VALUES)
    y = computed(graph, op.outputs[0], "output", PLACES)
    axes = integers(graph, op.inputs[1], "axis")
    require(len(axes) == 1, f"{len(axes)} axes", "one")
    axis = axis_of(axes[0], len(x.shape))
    output_shape(y, (*x.shape[:axis], *x.shape[axis + 1 :]))
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    return ArgExtremeParams(outer, x.shape[axis], inner, x.item_bytes, y.dtype, op.kind == "ARG_MIN")


STRUCTS = (STRUCT,)
KINDS = {"ARG_MAX": (prepare, 3), "ARG_MIN": (prepare, 3)}
