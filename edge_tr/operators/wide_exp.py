"""EXP of int16: tensorflow/lite/kernels/exp.cc, `LUTPopulate` and `LUTLookup` in internal/common.h.

A table of 513 values between which lines lead, made in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import arity, output_shape, read_only, require, scale
from edge_tr.operators.wide import INT16, wide_ends
from edge_tr.operators.wide_softmax import ENTRIES, looked_up
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.libm import function
from edge_tr.tr.requant import Rounding

F = np.float32
STRUCT = Struct(
    "tr_wide_lookup",
    "A function of one int16 value: `table` [513] of every 128th, between which lines lead.",
    (Field("uint32_t", "size"), Field("const int16_t *", "table")),
)


@dataclass(frozen=True)
class WideLookupParams(Record):
    """`table` int16 [513] of -32768, -32640 ..; `real`: scale of the input, which the gradient looks at."""

    size: int
    table: np.ndarray
    real: float

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return (looked_up(inputs[0].astype(np.int64), self.table).astype(np.int16),)

    def golden_bytes(self, elements: int) -> int:
        return 48 * elements

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], INT16),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """The slope of the line that a value lies on."""
        place = 256 + (inputs[0].astype(np.int64) >> 7)
        slope = self.table[place + 1].astype(np.float32) - self.table[place]
        return [gradient.reshape(inputs[0].shape) * slope / np.float32(128)]

    def call(self) -> Call:
        return Call("tr_wide_lookup", STRUCT, {"size": self.size, "table": Array("int16_t", "table", self.table)})


def _ends(tensor: Tensor) -> tuple[np.float32, np.float32]:
    """The reals of the least and the most of int16."""
    real = tensor.quantization.scale[0]
    low, high = (F(real * F(end)) for end in INT16)
    return low, high


def _exponentials(x: Tensor, y: Tensor) -> np.ndarray:
    """`gen_lut` of float32: values that are less by half of what the line between two misses the middle."""
    exp = function("exp")
    (low, high), (least, most) = _ends(x), _ends(y)
    step = F(F(high - low) / F(ENTRIES - 1))
    half, steps = F(step / F(2)), F(F(65536) / F(most - least))
    places = (low + (np.arange(ENTRIES - 1, dtype=F) * step).astype(F)).astype(F)
    following = (low + (np.arange(1, ENTRIES, dtype=F) * step).astype(F)).astype(F)
    value = _rounded((exp(places) * steps).astype(F))
    line = _rounded(((exp(following) * steps).astype(F) + value).astype(F) / F(2))
    middle = _rounded((exp((places + half).astype(F)) * steps).astype(F))
    table = (value - _rounded(((line - middle).astype(F) / F(2)).astype(F))).astype(F)
    last = _rounded((exp(np.array([high], F)) * steps).astype(F))
    return read_only(np.clip(np.concatenate([table, last]), *INT16).astype(np.int16))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Half away from zero, float32."""
    wide_values = values.astype(np.float64)
    return np.copysign(np.floor(np.abs(wide_values) + 0.5), wide_values).astype(F)


def prepare(graph: Graph, op: Op) -> WideLookupParams:
    """The table is the tensors'."""
    arity(op, (1,))
    x, y = wide_ends(graph, op)
    output_shape(y, x.shape)
    with np.errstate(all="ignore"):
        table = _exponentials(x, y)
        most = np.exp(np.float64(_ends(x)[1])) / scale(y)
    require(most < 2**31, f"input scale {scale(x)} for output scale {scale(y)}", "exponentials that int32 holds")
    return WideLookupParams(x.size, table, scale(x))


STRUCTS = (STRUCT,)
INT16_KINDS = {"EXP": prepare}
