"""SOFTMAX: tensorflow/lite/kernels/activations.cc, internal/reference/softmax.h."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, ends, output_shape, require, require_options, scale, shape_text, zero_point
from edge_tr.record import Record
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding, quantize_multiplier
from edge_tr.tr.softmax import exponentials, softmax

INTEGER_BITS = 5  # the differences are Q5.26
MAX_DEPTH = 511  # at 512 the reference shifts by 32 bits, which C leaves undefined
STRUCT = Struct(
    "tr_softmax",
    "SOFTMAX over the last axis. `exponential` [256]: e^-d scaled to Q0.31 for d = maximum - x,\n"
    "made by the host with the reference's fixed-point arithmetic; 0 where the reference skips.",
    (Field("uint32_t", "rows"), Field("uint32_t", "depth"), Field("const int32_t *", "exponential")),
)


@dataclass(frozen=True)
class SoftmaxParams(Record):
    """SOFTMAX over the last of [rows, depth], in fixed point.

    A difference to the row's maximum becomes Q5.26 by `multiplier` and
    `left_shift`; differences below `diff_min` give the smallest output.
    """

    rows: int
    depth: int
    multiplier: int
    left_shift: int
    diff_min: int

    @functools.lru_cache(maxsize=64)  # noqa: B019 - records are small and few
    def exponentials(self, rounding: Rounding = Rounding.DOUBLE) -> np.ndarray:
        """The layer's table of exponentials, see `tr.softmax`; read-only."""
        table = exponentials(self.multiplier, self.left_shift, self.diff_min, rounding)
        table.flags.writeable = False
        return table

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return (softmax(inputs[0].reshape(-1, self.rows, self.depth), self.exponentials(rounding)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """The output is 256 * softmax - 128; a step of the input is `step` in the exponent."""
        step = self.multiplier * 2.0 ** (self.left_shift - 31 - 26)
        share = (output.astype(np.float32) + 128) / 256
        mean = (share * gradient).sum(axis=-1, keepdims=True)
        return [np.float32(256 * step) * share * (gradient - mean)]

    def call(self) -> Call:
        values = {"rows": self.rows, "depth": self.depth}
        return Call(
            "tr_softmax", STRUCT, values | {"exponential": Array("int32_t", "exponential", self.exponentials())}
        )


def prepare(graph: Graph, op: Op) -> SoftmaxParams:
    """`PreprocessSoftmaxScaling` and `CalculateInputRadius` in quantization_util.cc."""
    arity(op, (1,))
    require_options(op)
    x, y = ends(graph, op)
    require(1 <= len(x.shape) <= 4, f"input of shape {shape_text(x.shape)}", "1 to 4 dimensions")
    output_shape(y, x.shape)
    require(
        scale(y) == 1 / 256 and zero_point(y) == -128,
        f"output scale {scale(y)}, zero point {zero_point(y)}",
        "scale 1/256, zero point -128",
    )
    depth = x.shape[-1]
    require(depth <= MAX_DEPTH, f"{depth} classes", f"up to {MAX_DEPTH}")
    beta = float(op.options["beta"])
    real = min(beta * scale(x) * (1 << (31 - INTEGER_BITS)), (1 << 31) - 1.0)
    require(real > 1, f"beta {beta} with input scale {scale(x)}", "a larger product of the two")
    multiplier, shift = (int(v) for v in quantize_multiplier(real))
    radius = ((1 << INTEGER_BITS) - 1) * (1 << (31 - INTEGER_BITS)) / (1 << shift)
    return SoftmaxParams(x.size // depth, depth, multiplier, shift, -math.floor(radius))


STRUCTS = (STRUCT,)
KINDS = {"SOFTMAX": (prepare, 3)}
