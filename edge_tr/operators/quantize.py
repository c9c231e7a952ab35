"""QUANTIZE from int8 to int8: tensorflow/lite/kernels/quantize.cc, internal/reference/requantize.h.

Where it ends an island of float operators (`ir.islands`), it is a table of what the island makes of each value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import INT8_VALUES, finish, finished_range
from edge_tr.operators.checks import INT8, arity, ends, output_shape, read_only, requant, scale, zero_point
from edge_tr.operators.float_kernels import quantized
from edge_tr.operators.lookup import ChannelLookupParams, looked_up
from edge_tr.operators.reshape import ReshapeParams
from edge_tr.record import Range, Record, Requant
from edge_tr.structs import FACTOR, Call, Field, Struct
from edge_tr.tr.requant import Rounding

STRUCT = Struct(
    "tr_requantize",
    "QUANTIZE from int8 to int8.",
    (
        Field("uint32_t", "size"),
        Field("int16_t", "input_zero_point"),
        Field("int16_t", "output_zero_point"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class RequantizeParams(Record):
    """QUANTIZE from int8 to int8: out = requant(x - input_zero_point) + output_zero_point."""

    size: int
    input_zero_point: int
    output_zero_point: int
    requant: Requant  # n = 1

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        centred = INT8_VALUES - np.int32(self.input_zero_point)
        table = finish(centred, self.requant, self.output_zero_point, INT8, rounding)
        return (table[inputs[0].astype(np.int16) + 128],)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        centred = (inputs[0].low - self.input_zero_point, inputs[0].high - self.input_zero_point)
        return (finished_range(*centred, self.requant, self.output_zero_point, INT8),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0])] * 2

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        return [gradient * np.float32(self.requant.real[0])]

    def call(self) -> Call:
        values = {
            "size": self.size,
            "input_zero_point": self.input_zero_point,
            "output_zero_point": self.output_zero_point,
            "factor": self.requant,
        }
        return Call("tr_requantize", STRUCT, values, in_place=True)


def prepare(graph: Graph, op: Op) -> Record:
    """From one int8 quantisation to another; what goes to or from other types at an end is the host's."""
    arity(op, (1,))
    x, y = ends(graph, op)
    output_shape(y, x.shape)
    if "reals" in op.options:
        return _island(x.size, op.options["reals"], y)
    if (scale(x), zero_point(x)) == (scale(y), zero_point(y)):
        return ReshapeParams(x.size)
    return RequantizeParams(x.size, zero_point(x), zero_point(y), requant(scale(x) / scale(y)))


def _island(size: int, reals: np.ndarray, y: Tensor) -> Record:
    """`reals`: float32 [256, channels or 1] by x + 128."""
    values = quantized(reals, y.quantization.scale[0], zero_point(y))
    with np.errstate(all="ignore"):
        steps = reals.astype(np.float64) / scale(y) + zero_point(y)
        inside = (steps >= INT8[0]) & (steps <= INT8[1])
        slope = np.where(inside, np.gradient(np.where(inside, steps, 0.0), axis=0), 0.0)
    if reals.shape[1] == 1:
        return looked_up(size, lambda _: values[:, 0], slope[:, 0])
    return ChannelLookupParams(size, read_only(values), read_only(slope.astype(np.float32)))


STRUCTS = (STRUCT,)
KINDS = {"QUANTIZE": (prepare, 4)}
