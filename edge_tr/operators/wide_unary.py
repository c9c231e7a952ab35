"""Operators of one int16 input, element by element: ABS, QUANTIZE, RELU, RELU6, LEAKY_RELU, LOGISTIC and TANH.

Sources: tensorflow/lite/kernels/quantize.cc, activations.cc, elementwise.cc, and in internal/reference requantize.h,
leaky_relu.h, integer_ops/logistic.h, integer_ops/tanh.h. QUANTIZE leads from int16 or int8 to either, too,
from int16 to int32, and from int32 to int8 or int16.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import requant
from edge_tr.operators.checks import (
    INT8,
    activation_tensor,
    arity,
    computed,
    output_shape,
    require,
    require_options,
    scale,
    zero_point,
)
from edge_tr.operators.checks import requant as requant_of
from edge_tr.operators.rectifiers import float32_quotient
from edge_tr.operators.wide import INT16, INT32, limits_of, power_of_two, wide, wide_ends
from edge_tr.record import Range, Record, Requant, Size, full_range
from edge_tr.structs import FACTOR, Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

SCALED = Struct(
    "tr_wide_scaled",
    "Values less a zero point, scaled: by `below` those below zero.",
    (
        Field("uint32_t", "size"),
        Field("uint8_t", "bytes", "of a value, from and to: int8, int16, int32", count=2),
        Field("int16_t", "input_zero_point"),
        Field("int32_t", "output_zero_point"),
        Field(FACTOR, "factor"),
        Field(FACTOR, "below"),
        Field("int32_t", "minimum"),
        Field("int32_t", "maximum"),
        Field("bool", "absolute", "of the absolute values"),
    ),
)
SIGMOID = Struct(
    "tr_wide_sigmoid",
    "LOGISTIC and TANH by `table` [256], the logistic function of 0, 1/24, 2/24 .. in 1/65536.",
    (
        Field("uint32_t", "size"),
        Field("int32_t", "multiplier"),
        Field("uint8_t", "shift"),
        Field("const uint16_t *", "table"),
    ),
)


RAISED = (
    *(4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46),
    *(49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255),
)


@dataclass(frozen=True)
class WideScaledParams(Record):
    """clamp(requant(x - input_zero_point) + output_zero_point), by `below` where x is below its zero point. `types`:
    from and to int8, int16 or int32."""

    size: int
    types: tuple[str, str]
    input_zero_point: int
    output_zero_point: int
    requant: Requant  # n = 1
    below: Requant
    activation: Size
    absolute: bool = False

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].astype(np.int32) - np.int32(self.input_zero_point)
        x = np.abs(x) if self.absolute else x
        scaled = np.where(x >= 0, requant(x, self.requant, rounding), requant(x, self.below, rounding))
        result = np.clip(scaled + np.int32(self.output_zero_point), *self.activation)
        return (result.astype(self.types[1]),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], self.activation),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        low, high = self.activation
        below = -self.requant.real[0] if self.absolute else self.below.real[0]
        slopes = np.where(inputs[0] >= self.input_zero_point, self.requant.real[0], below)
        inside = ((output > low) & (output < high)).reshape(inputs[0].shape)
        return [gradient.reshape(inputs[0].shape) * inside * slopes.astype(np.float32)]

    def call(self) -> Call:
        values = {
            "size": self.size,
            "bytes": tuple(np.dtype(kind).itemsize for kind in self.types),
            "input_zero_point": self.input_zero_point,
            "output_zero_point": self.output_zero_point,
            "factor": self.requant,
            "below": self.below,
            "minimum": self.activation[0],
            "maximum": self.activation[1],
            "absolute": self.absolute,
        }
        return Call("tr_wide_scaled", SCALED, values)


@dataclass(frozen=True)
class WideSigmoidParams(Record):
    """LOGISTIC or TANH: x * multiplier, rounded by `shift` bits, is where the table is looked up."""

    kind: str
    size: int
    multiplier: int
    shift: int
    slope: float  # of the exponent to a step of x; only the gradient looks at it

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x, table = inputs[0].astype(np.int64) * self.multiplier, sigmoid_table().astype(np.int64)
        x = (x + ((1 << self.shift) >> 1)) >> self.shift
        magnitude, bits = np.abs(x), 9 if self.kind == "LOGISTIC" else 8
        place, part = magnitude >> bits, magnitude & ((1 << bits) - 1)
        low = np.minimum(place, 254)
        between = (table[low] << bits) + part * (table[low + 1] - table[low])
        if self.kind == "LOGISTIC":
            value = np.where(place >= 255, 0x7FFF << 10, between)
            rounded = np.where(x >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1)
            return ((rounded >> 10).astype(np.int16),)
        value = np.where(place >= 255, 0xFFFF << 8, between) - (1 << 23)
        return (((np.where(x >= 0, value, -value - 1) + (1 << 7)) >> 8).astype(np.int16),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], INT16),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        y = output.astype(np.float32) / 32768
        inner = y * (1 - y) if self.kind == "LOGISTIC" else 1 - y * y
        return [gradient * inner * np.float32(32768 * self.slope)]

    def call(self) -> Call:
        table = Array("uint16_t", "table", sigmoid_table())
        values = {"size": self.size, "multiplier": self.multiplier, "shift": self.shift, "table": table}
        return Call(f"tr_wide_{self.kind.lower()}", SIGMOID, values)


@functools.cache
def sigmoid_table() -> np.ndarray:
    """uint16 [256]: the nearest integers, but for those that the reference's table has one higher."""
    table = np.array([round(65536 / (1 + math.exp(-i / 24))) for i in range(256)], np.uint16)
    table[list(RAISED)] += 1
    table.flags.writeable = False
    return table


def _scaled(x: Tensor, y: Tensor, real: float, limits: Size, below: float | None = None) -> WideScaledParams:
    output_shape(y, x.shape)
    by = requant_of(real)
    types, zero_points = (x.dtype, y.dtype), (zero_point(x), zero_point(y))
    return WideScaledParams(x.size, types, *zero_points, by, by if below is None else requant_of(below), limits)


def prepare_quantize(graph: Graph, op: Op) -> WideScaledParams:
    """To int8 or int16, from either or from int32; or from int16 of any zero point to int32. Zero points of int32 are
    0."""
    arity(op, (1,))
    to = graph.tensor(op.outputs[0]).dtype
    x = _quantized(graph, op.inputs[0], "input", shifted=to == "int32")
    y = _quantized(graph, op.outputs[0], "output")
    require((x.dtype, to) != ("int32", "int32"), "int32 to int32", "int8 or int16 on one side")
    return _scaled(x, y, scale(x) / scale(y), {"int8": INT8, "int16": INT16, "int32": INT32}[to])


def _quantized(graph: Graph, index: int, what: str, shifted: bool = False) -> Tensor:
    """Computed, of one positive scale; `shifted`: an int16 tensor may have any zero point."""
    dtype = graph.tensor(index).dtype
    if dtype == "int8":
        return activation_tensor(graph, index, what)
    if dtype != "int32":
        return wide(graph, index, what, shifted=shifted)
    tensor = computed(graph, index, what, ("int32",))
    q = tensor.quantization
    require(q is not None and q.per_tensor and scale(tensor) > 0, f"{what} without one scale", "a positive scale")
    require(zero_point(tensor) == 0, f"{what} zero point {zero_point(tensor)} of int32", "0")
    return tensor


def prepare_relu(graph: Graph, op: Op) -> WideScaledParams:
    """Rescale, then clamp."""
    arity(op, (1,))
    x, y = wide_ends(graph, op)
    return _scaled(x, y, float32_quotient(x, y), limits_of(op.kind, y))


def prepare_abs(graph: Graph, op: Op) -> WideScaledParams:
    """`AbsEvalQuantized`: what is below zero is turned over first."""
    arity(op, (1,))
    x, y = wide_ends(graph, op)
    return replace(_scaled(x, y, float32_quotient(x, y), INT16), absolute=True)


def prepare_leaky_relu(graph: Graph, op: Op) -> WideScaledParams:
    """Values below zero have a multiplier of their own."""
    arity(op, (1,))
    require_options(op)
    x, y = wide_ends(graph, op)
    alpha = float(op.options["alpha"])
    require(np.isfinite(alpha) and alpha >= 0, f"alpha {alpha}", "0 and more")
    return _scaled(x, y, float32_quotient(x, y), INT16, float32_quotient(x, y, alpha))


def prepare_sigmoid(graph: Graph, op: Op) -> WideSigmoidParams:
    """`TanhPrepare` and `SigmoidPrepare`: an input scale that is a power of two up to 2^-12 is shifted, others become
    a multiplier of up to 15 bits."""
    arity(op, (1,))
    x, y = wide_ends(graph, op)
    output_shape(y, x.shape)
    require(power_of_two(y.quantization.scale[0]) == -15, f"output scale {scale(y)}", "scale 1/32768")
    power = power_of_two(x.quantization.scale[0])
    if power == -12 or (power == -11 and op.kind == "TANH"):
        multiplier, right = 3 << (power + 12), 0
    else:
        multiplier, right = _general(scale(x) * 4096 * 3)
    require(multiplier <= INT16[1], f"input scale {scale(x)}", "up to 2.67")
    return WideSigmoidParams(op.kind, x.size, multiplier, right, scale(x))


def _general(real: float) -> tuple[int, int]:
    """(multiplier, right shift) of a scale that is no power of two: as many bits as 16 hold."""
    shift = 0
    while real <= 32767 / 2 and shift <= 30:
        shift, real = shift + 1, real * 2
    return int(real), shift


STRUCTS = (SCALED, SIGMOID)
INT32_KINDS = {"QUANTIZE": prepare_quantize}
INT16_KINDS = {
    "ABS": prepare_abs,
    "QUANTIZE": prepare_quantize,
    "RELU": prepare_relu,
    "RELU6": prepare_relu,
    "LEAKY_RELU": prepare_leaky_relu,
    "LOGISTIC": prepare_sigmoid,
    "TANH": prepare_sigmoid,
}
