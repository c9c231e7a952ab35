"""L2_NORMALIZATION over the last axis: tensorflow/lite/kernels/l2norm.cc, reference/integer_ops/l2normalization.h;
of uint8 reference/l2normalization.h, which multiplies by 128 first.

Versions 1 and 2; int8, output of scale 1/128 and zero point 0, without a fused activation, as the reference requires.
Rows of up to 33,025 elements: their squares always fit 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import INT8, arity, ends, output_shape, require, scale, shape_text, zero_point
from edge_tr.record import Record
from edge_tr.structs import Call, Field, Struct
from edge_tr.tr.fixed_point import inverse_square_root
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier

OUTPUT_BITS = 7
MAX_DEPTH = ((1 << 31) - 1) // 255**2
STRUCT = Struct(
    "tr_l2_normalization",
    "L2_NORMALIZATION over the last axis.",
    (
        Field("uint32_t", "rows"),
        Field("uint32_t", "depth"),
        Field("int16_t", "input_zero_point"),
        Field("uint8_t", "first", "bits by which x is shifted before it is multiplied, of the output's seven"),
    ),
)


@dataclass(frozen=True)
class L2NormalizationParams(Record):
    """Each of `rows` over the root of its sum of squares, in 1/128."""

    rows: int
    depth: int
    input_zero_point: int
    first: int = 0  # of the seven bits of the output, how many are multiplied in before the root

    def _factors(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The centred input int32 [n, rows, depth], and the multiplier and shift of each row."""
        centred = x.reshape(-1, self.rows, self.depth).astype(np.int32) - np.int32(self.input_zero_point)
        return centred, *inverse_square_root((centred * centred).sum(axis=2, keepdims=True))

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        centred, multiplier, shift = self._factors(inputs[0])
        shift = OUTPUT_BITS - self.first + shift
        scaled = multiply_by_quantized_multiplier(centred << self.first, multiplier, shift, rounding)
        return (np.clip(scaled, *INT8).astype(np.int8),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        centred, multiplier, shift = self._factors(inputs[0])
        inverse = (multiplier * 2.0 ** (shift - 31.0)).astype(np.float32)
        unit, given = centred * inverse, gradient.reshape(centred.shape)
        return [(1 << OUTPUT_BITS) * inverse * (given - unit * (unit * given).sum(axis=2, keepdims=True))]

    def call(self) -> Call:
        values = {"rows": self.rows, "depth": self.depth, "input_zero_point": self.input_zero_point}
        values |= {"first": self.first} if self.first else {}
        return Call("tr_l2_normalization", STRUCT, values)


def prepare(graph: Graph, op: Op) -> Record:
    """The output's quantisation is given."""
    arity(op, (1,))
    x, y = ends(graph, op)
    activation = op.options.get("fused_activation_function", "NONE")
    require(activation == "NONE", f"fused activation {activation}", "NONE")
    require(x.shape, f"input of shape {shape_text(x.shape)}", "one dimension and more")
    output_shape(y, x.shape)
    given = f"output scale {scale(y)}, zero point {zero_point(y)}"
    require(scale(y) == 1 / 128 and zero_point(y) == 0, given, "scale 1/128, zero point 0")
    require(x.shape[-1] <= MAX_DEPTH, f"rows of {x.shape[-1]}", f"up to {MAX_DEPTH}")
    first = OUTPUT_BITS if x.unsigned else 0
    return L2NormalizationParams(x.size // x.shape[-1], x.shape[-1], zero_point(x), first)


STRUCTS = (STRUCT,)
KINDS = {"L2_NORMALIZATION": (prepare, 2)}
