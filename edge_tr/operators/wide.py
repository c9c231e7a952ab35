"""What operators on int16 activations share: tensors with one scale and zero point 0, and arithmetic of 64 bits."""

from __future__ import annotations

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import FUSED, REAL_LIMITS, require, scale, shape_text, zero_point
from edge_tr.record import Requant, Size

INT16 = (-32768, 32767)
INT32 = (-(1 << 31), (1 << 31) - 1)
MOST_SHIFT = 7
"""To the left, that the multiplication of 64 bits takes."""


def wide(graph: Graph, index: int, what: str, constants: bool = False, shifted: bool = False) -> Tensor:
    """An int16 tensor with one positive scale and zero point 0, or any where `shifted`; computed, or a constant where
    `constants`."""
    require(index >= 0, f"no {what}", f"an int16 {what}")
    tensor = graph.tensor(index)
    require(tensor.dtype == "int16", f"{what} of type {tensor.dtype}", "int16 beside int16")
    require(tensor.data is None or constants, f"a constant {what} '{tensor.name}'", f"a computed {what}")
    require(tensor.size > 0, f"an empty {what} of shape {shape_text(tensor.shape)}", "at least one element")
    q = tensor.quantization
    require(q is not None and q.per_tensor and scale(tensor) > 0, f"{what} without one scale", "a positive scale")
    require(shifted or zero_point(tensor) == 0, f"{what} zero point {zero_point(tensor)} of int16", "0")
    return tensor


def wide_ends(graph: Graph, op: Op) -> tuple[Tensor, Tensor]:
    """The first input and the output."""
    return wide(graph, op.inputs[0], "input"), wide(graph, op.outputs[0], "output")


def fused_limits(op: Op, output: Tensor) -> Size:
    """(min, max) of the int16 output: `CalculateActivationRangeQuantized` in kernel_util.cc."""
    activation = str(op.options.get("fused_activation_function", "NONE"))
    require(activation in FUSED, f"fused activation {activation}", ", ".join(FUSED))
    return limits_of(activation, output)


def limits_of(activation: str, output: Tensor) -> Size:
    """(min, max) of the int16 output of one of `REAL_LIMITS`; TFLite divides and rounds in float32."""
    low, high = (None if real is None else _steps(real, output) for real in REAL_LIMITS[activation])
    return (INT16[0] if low is None else max(INT16[0], low), INT16[1] if high is None else min(INT16[1], high))


def _steps(real: float, output: Tensor) -> int:
    with np.errstate(over="ignore"):
        steps = float(np.float32(real) / output.quantization.scale[0])
    require(abs(steps) < 2**31, f"output scale {scale(output)} with an activation", "a larger output scale")
    return int(np.copysign(np.floor(abs(steps) + 0.5), steps))


def power_of_two(value: np.float32) -> int | None:
    """The exponent, `CheckedLog2` in kernel_util.cc; None of what is none."""
    exponent = float(np.log(value) * (np.float32(1) / np.log(np.float32(2))))
    return round(exponent) if abs(exponent - round(exponent)) < 1e-3 else None


def reduced(multiplier: np.ndarray) -> np.ndarray:
    """int64: the 15 bits of a multiplier that the multiplication of 64 bits takes."""
    multiplier = multiplier.astype(np.int64)
    return np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)


def multiply(x: np.ndarray, by: Requant) -> np.ndarray:
    """`MultiplyByQuantizedMultiplier` of int64 [..., channels], |x| < 2^47: rounded once; int32."""
    total = 15 - by.shift.astype(np.int64)
    return ((x * reduced(by.multiplier) + (np.int64(1) << (total - 1))) >> total).astype(np.int32)


def clamped(x: np.ndarray, limits: Size) -> np.ndarray:
    """int16."""
    return np.clip(x, *limits).astype(np.int16)
