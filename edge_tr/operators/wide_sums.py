"""What convolutions of int16 activations with int8 weights have in common: their sums, bias and requantisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import requant
from edge_tr.operators.checks import constant, read_only, require
from edge_tr.operators.wide import MOST_SHIFT, clamped, multiply
from edge_tr.record import Range, Record, Requant, Shape3, Size, full_range
from edge_tr.structs import Array, Field
from edge_tr.tr.requant import Rounding

SUMMED = (
    Field("const int8_t *", "weights"),
    Field("const int64_t *", "bias"),
    Field("const int32_t *", "multiplier"),
    Field("const int8_t *", "shift"),
    Field("bool", "narrow", "sums of 32 bits"),
    Field("int16_t", "minimum"),
    Field("int16_t", "maximum"),
)
"""Members of a `WideSums` record's struct."""


class WideSums(Record):
    """Sums of int16 inputs times int8 weights, requantised by output channel: what convolutions have in common."""

    output_shape: Shape3
    activation: Size
    weights: np.ndarray  # int8 [c_out, ...]
    bias: np.ndarray  # int64 [c_out]
    requant: Requant  # n = c_out
    narrow: bool  # sums of 32 bits

    def finished(self, products: np.ndarray, rounding: Rounding) -> np.ndarray:
        """int16 outputs [n, *output_shape] from sums without bias, float64 that hold integers."""
        sums = products.reshape(-1, *self.output_shape).astype(np.int64) + self.bias
        if self.narrow:
            return clamped(requant(sums.astype(np.int32), self.requant, rounding), self.activation)
        return clamped(multiply(sums, self.requant), self.activation)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], self.activation),)

    def gradient_of_sums(self, output: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """float32 [n, *output_shape]: 0 where the output is clamped."""
        low, high = self.activation
        inside = (output > low) & (output < high)
        return (gradient * inside * self.requant.real.astype(np.float32)).reshape(-1, *self.output_shape)

    def members(self) -> dict[str, object]:
        """Values of `SUMMED`."""
        return {
            "weights": Array("int8_t", "weights", self.weights.ravel()),
            "bias": Array("int64_t", "bias", self.bias),
            "multiplier": Array("int32_t", "multiplier", self.requant.multiplier),
            "shift": Array("int8_t", "shift", self.requant.shift),
            "narrow": self.narrow,
            "minimum": self.activation[0],
            "maximum": self.activation[1],
        }


def bias_of(graph: Graph, op: Op, channels: int, types: tuple[str, ...]) -> tuple[np.ndarray, bool]:
    """int64 [channels], and whether the file's has 32 bits."""
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return read_only(np.zeros(channels, np.int64)), False
    b = constant(graph, op.inputs[2], "bias", types)
    require(b.size == channels, f"{b.size} biases for {channels} output channels", "one each")
    q = b.quantization
    require(q is None or not q.zero_point.any(), "a bias with a zero point other than 0", "0")
    return read_only(b.data.reshape(channels).astype(np.int64)), b.dtype == "int32"


def fitting(by: Requant, narrow: bool) -> Requant:
    """What sums of 64 bits can be multiplied by."""
    shift = int(by.shift.max())
    require(narrow or shift <= MOST_SHIFT, f"scales whose ratio needs a left shift of {shift}", f"up to {MOST_SHIFT}")
    return by
