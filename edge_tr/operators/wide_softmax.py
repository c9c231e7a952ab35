"""SOFTMAX of int16: `SoftmaxInt16` in tensorflow/lite/kernels/internal/reference/softmax.h, activations.cc.

By two tables of 513 values between which lines lead: exp from -10 to 0, and 1 / (1 + x) from 0 to 1. The output's only
scale is 1/32768.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import requant
from edge_tr.operators.checks import arity, output_shape, require, require_options, scale
from edge_tr.operators.checks import requant as requant_of
from edge_tr.operators.softmax import prepare_to_int16
from edge_tr.operators.wide import INT16, wide_ends
from edge_tr.record import Range, Record, Requant, full_range
from edge_tr.structs import FACTOR, Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

ENTRIES = 513
MAX_DEPTH = 65535
"""Exponentials of up to 32767 whose sum is an int32."""
STRUCT = Struct(
    "tr_wide_softmax",
    "SOFTMAX of int16 over the last axis: `exponential` and `reciprocal` [513] in 1/32768, `factor` takes a\n"
    "difference of -10 to -65535.",
    (
        Field("uint32_t", "rows"),
        Field("uint32_t", "depth"),
        Field(FACTOR, "factor"),
        Field("const int16_t *", "exponential"),
        Field("const int16_t *", "reciprocal"),
    ),
)


@dataclass(frozen=True)
class WideSoftmaxParams(Record):
    """SOFTMAX over the last of [rows, depth]; `requant` (n = 1) takes differences to where the table is looked up."""

    rows: int
    depth: int
    requant: Requant
    step: float  # in the exponent, of a step of the input; only the gradient looks at it

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, self.rows, self.depth).astype(np.int32)
        scaled = requant(x - x.max(axis=-1, keepdims=True), self.requant, rounding).astype(np.int64) + 32767
        powers = looked_up(np.clip(scaled, *INT16), exponentials())
        total = powers.sum(axis=-1, keepdims=True)
        headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading zeros
        shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
        share = looked_up(np.clip(shifted - (1 << 15) - (1 << 16), *INT16), reciprocals())
        right = 31 - headroom
        result = (powers * share + (np.int64(1) << (right - 1))) >> right
        return (np.clip(result, 0, INT16[1]).astype(np.int16),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], (0, INT16[1])),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        share = output.astype(np.float32) / 32768
        mean = (share * gradient).sum(axis=-1, keepdims=True)
        return [np.float32(32768 * self.step) * share * (gradient - mean)]

    def call(self) -> Call:
        values = {
            "rows": self.rows,
            "depth": self.depth,
            "factor": self.requant,
            "exponential": Array("int16_t", "exponential", exponentials()),
            "reciprocal": Array("int16_t", "reciprocal", reciprocals()),
        }
        return Call("tr_wide_softmax", STRUCT, values)


def looked_up(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """`LUTLookup` of values in int16; int64."""
    table, place = table.astype(np.int64), 256 + (x >> 7)
    slope = table[place + 1] - table[place]
    return table[place] + ((slope * (x & 0x7F) + 64) >> 7)


@functools.cache
def exponentials() -> np.ndarray:
    """int16 [513]."""
    return _table(math.exp, -10.0, 0.0)


@functools.cache
def reciprocals() -> np.ndarray:
    """int16 [513]."""
    return _table(lambda x: 1 / (1 + x), 0.0, 1.0)


def _table(of: Callable[[float], float], low: float, high: float) -> np.ndarray:
    """`LUTPopulateInt16`: values that are less by half of what the line between two misses the middle."""
    step = (high - low) / (ENTRIES - 1)
    values = []
    for i in range(ENTRIES - 1):
        value = _rounded(of(low + i * step) * 32768)
        line = _rounded((of(low + (i + 1) * step) * 32768 + value) / 2)
        middle = _rounded(of(low + i * step + step / 2) * 32768)
        values.append(value - _rounded((line - middle) / 2))
    table = np.clip([*values, _rounded(of(high) * 32768)], *INT16).astype(np.int16)
    table.flags.writeable = False
    return table


def _rounded(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5), value)


def prepare(graph: Graph, op: Op) -> Record:
    """`SoftmaxPrepare`: a difference of 10 becomes 65535. Of int8 it is that of `operators.softmax`."""
    if graph.tensor(op.inputs[0]).dtype == "int8":
        return prepare_to_int16(graph, op)
    arity(op, (1,))
    require_options(op)
    x, y = wide_ends(graph, op)
    output_shape(y, x.shape)
    require(x.shape, "a scalar", "one dimension and more")
    require(scale(y) == 1 / 32768, f"output scale {scale(y)}", "scale 1/32768")
    require(x.shape[-1] <= MAX_DEPTH, f"{x.shape[-1]} classes", f"up to {MAX_DEPTH}")
    beta = float(np.float32(op.options["beta"]))
    by = requant_of(scale(x) * beta / (10.0 / 65535.0))
    return WideSoftmaxParams(x.size // x.shape[-1], x.shape[-1], by, scale(x) * beta)


STRUCTS = (STRUCT,)
INT16_KINDS = {"SOFTMAX": prepare}
