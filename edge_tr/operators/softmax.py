"""SOFTMAX and LOG_SOFTMAX: tensorflow/lite/kernels/activations.cc, reference/softmax.h, integer_ops/log_softmax.h.

SOFTMAX versions 1 to 3, LOG_SOFTMAX 1 and 2; int8 to int8 with the output's only quantisation, SOFTMAX to int16 too. To
int8 it takes any depth. Where the exponentials of one row add up to 512 or more, as 512 equal maxima do, the reference
shifts by 32 bits then, which C leaves undefined (TFLite Micro stops, tflite-runtime on x86 gives 127 everywhere): every
share is below half a step, and all outputs are -128. LOG_SOFTMAX, and SOFTMAX to int16, take up to 4,095 classes: with
more the sum of Q12.19 may overflow.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import (
    activation_tensor,
    arity,
    ends,
    output_shape,
    require,
    require_options,
    scale,
    shape_text,
    zero_point,
)
from edge_tr.record import Record
from edge_tr.structs import FACTOR, Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier, quantize_multiplier
from edge_tr.tr.softmax import exponentials, log_softmax, softmax

INTEGER_BITS = 5  # the differences are Q5.26
MAX_LOG_DEPTH = 4095  # 4,096 exponentials of 1 are 2^31
STRUCT = Struct(
    "tr_softmax",
    "SOFTMAX over the last axis. `exponential` [256]: e^-d scaled to Q0.31 for d = maximum - x,\n"
    "made by the host with the reference's fixed-point arithmetic; 0 where the reference skips.",
    (Field("uint32_t", "rows"), Field("uint32_t", "depth"), Field("const int32_t *", "exponential")),
)

LOG_STRUCT = Struct(
    "tr_log_softmax",
    "LOG_SOFTMAX over the last axis: `exponential` as above; `factor` takes a difference to Q5.26, `reverse` back;\n"
    "differences up to `least` give the smallest output.",
    (
        Field("uint32_t", "rows"),
        Field("uint32_t", "depth"),
        Field("const int32_t *", "exponential"),
        Field(FACTOR, "factor"),
        Field(FACTOR, "reverse"),
        Field("int32_t", "least"),
    ),
)


@dataclass(frozen=True)
class SoftmaxParams(Record):
    """SOFTMAX over the last of [rows, depth], in fixed point, to integers of 8 or 16 `bits`.

    A difference to the row's maximum becomes Q5.26 by `multiplier` and
    `left_shift`; differences below `diff_min` give the smallest output.
    """

    rows: int
    depth: int
    multiplier: int
    left_shift: int
    diff_min: int
    bits: int = 8

    @functools.lru_cache(maxsize=64)  # noqa: B019 - records are small and few
    def exponentials(self, rounding: Rounding = Rounding.DOUBLE) -> np.ndarray:
        """The layer's table of exponentials, see `tr.softmax`; read-only."""
        table = exponentials(self.multiplier, self.left_shift, self.diff_min, rounding)
        table.flags.writeable = False
        return table

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return (softmax(inputs[0].reshape(-1, self.rows, self.depth), self.exponentials(rounding), self.bits),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """The output is 256 * softmax - 128, or the same of 16 bits; a step of the input is `step` in the exponent."""
        step, ones = self.multiplier * 2.0 ** (self.left_shift - 31 - 26), 1 << self.bits
        share = (output.astype(np.float32) + ones // 2) / ones
        mean = (share * gradient).sum(axis=-1, keepdims=True)
        return [np.float32(ones * step) * share * (gradient - mean)]

    def call(self) -> Call:
        values = {"rows": self.rows, "depth": self.depth}
        table = Array("int32_t", "exponential", self.exponentials())
        return Call("tr_softmax" if self.bits == 8 else "tr_softmax16", STRUCT, values | {"exponential": table})


def prepare(graph: Graph, op: Op) -> SoftmaxParams:
    """`PreprocessSoftmaxScaling` and `CalculateInputRadius` in quantization_util.cc."""
    arity(op, (1,))
    require_options(op)
    x, y = ends(graph, op)
    require(x.shape, f"input of shape {shape_text(x.shape)}", "one dimension and more")
    output_shape(y, x.shape)
    require(
        scale(y) == 1 / 256 and zero_point(y) == -128,
        f"output scale {scale(y)}, zero point {zero_point(y)}",
        "scale 1/256, zero point -128",
    )
    return SoftmaxParams(*_rows(x), *_scaling(float(op.options["beta"]), x))


def prepare_to_int16(graph: Graph, op: Op) -> SoftmaxParams:
    """The same from int8 to int16."""
    arity(op, (1,))
    require_options(op)
    x, y = activation_tensor(graph, op.inputs[0], "input"), graph.tensor(op.outputs[0])
    require(x.shape, f"input of shape {shape_text(x.shape)}", "one dimension and more")
    output_shape(y, x.shape)
    q = y.quantization
    near = q is not None and q.per_tensor and abs(scale(y) * 65536 - 1) <= 0.001 and zero_point(y) == -32768
    require(near, "another quantisation of an int16 output", "scale 1/65536 but for 0.1 %, zero point -32768")
    require(x.shape[-1] <= MAX_LOG_DEPTH, f"{x.shape[-1]} classes", f"up to {MAX_LOG_DEPTH}")
    return SoftmaxParams(*_rows(x), *_scaling(float(op.options["beta"]), x), bits=16)


def _rows(x: Tensor) -> tuple[int, int]:
    return x.size // x.shape[-1], x.shape[-1]


def _scaling(beta: float, x: Tensor) -> tuple[int, int, int]:
    """(multiplier, left shift, smallest difference that counts)."""
    real = min(beta * scale(x) * (1 << (31 - INTEGER_BITS)), (1 << 31) - 1.0)
    require(real > 1, f"beta {beta} with input scale {scale(x)}", "a larger product of the two")
    multiplier, shift = (int(v) for v in quantize_multiplier(real))
    radius = ((1 << INTEGER_BITS) - 1) * (1 << (31 - INTEGER_BITS)) / (1 << shift)
    return multiplier, shift, -math.floor(radius)


@dataclass(frozen=True)
class LogSoftmaxParams(Record):
    """LOG_SOFTMAX over the last of [rows, depth]: `multiplier` and `left_shift` take a difference to Q5.26,
    `reverse_multiplier` and `reverse_shift` back; differences below `diff_min` do not count."""

    rows: int
    depth: int
    multiplier: int
    left_shift: int
    diff_min: int
    reverse_multiplier: int
    reverse_shift: int

    @functools.lru_cache(maxsize=64)  # noqa: B019 - records are small and few
    def tables(self, rounding: Rounding = Rounding.DOUBLE) -> tuple[np.ndarray, np.ndarray]:
        """Of the differences 0, -1, ... -255: their exponentials, and they themselves in Q5.26; int32 [256]."""
        differences = -np.arange(256, dtype=np.int32)
        used = np.where(differences >= self.diff_min, differences, 0)
        factor = (np.int32(self.multiplier), np.int32(self.left_shift))
        return (
            exponentials(self.multiplier, self.left_shift, self.diff_min, rounding),
            multiply_by_quantized_multiplier(used, *factor, rounding),
        )

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, self.rows, self.depth)
        reverse = (self.reverse_multiplier, self.reverse_shift)
        return (log_softmax(x, *self.tables(rounding), reverse, self.diff_min - 1),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """The output is 16 * log(softmax) + 127."""
        step = self.multiplier * 2.0 ** (self.left_shift - 31 - 26)
        share = np.exp((output.astype(np.float32) - 127) / 16)
        return [np.float32(16 * step) * (gradient - share * gradient.sum(axis=-1, keepdims=True))]

    def call(self) -> Call:
        values = {
            "rows": self.rows,
            "depth": self.depth,
            "exponential": Array("int32_t", "exponential", self.tables()[0]),
            "factor": (self.multiplier, self.left_shift),
            "reverse": (self.reverse_multiplier, self.reverse_shift),
            "least": self.diff_min - 1,
        }
        return Call("tr_log_softmax", LOG_STRUCT, values)


def prepare_log(graph: Graph, op: Op) -> LogSoftmaxParams:
    """`PreprocessLogSoftmaxScalingExp` in quantization_util.cc."""
    arity(op, (1,))
    x, y = ends(graph, op)
    require(x.shape, f"input of shape {shape_text(x.shape)}", "one dimension and more")
    output_shape(y, x.shape)
    require(
        scale(y) == 1 / 16 and zero_point(y) == 127,
        f"output scale {scale(y)}, zero point {zero_point(y)}",
        "scale 1/16, zero point 127",
    )
    require(x.shape[-1] <= MAX_LOG_DEPTH, f"{x.shape[-1]} classes", f"up to {MAX_LOG_DEPTH}")
    multiplier, shift, diff_min = _scaling(1.0, x)
    back = (1 << (31 - shift)) / multiplier if shift < 32 else 1.0
    require(back < 1, f"input scale {scale(x)}", "a larger one")
    reverse = (int(v) for v in quantize_multiplier(back))
    return LogSoftmaxParams(*_rows(x), multiplier, shift, diff_min, *reverse)


STRUCTS = (STRUCT, LOG_STRUCT)
KINDS = {"SOFTMAX": (prepare, 3), "LOG_SOFTMAX": (prepare_log, 2)}
