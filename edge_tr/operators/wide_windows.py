"""AVERAGE_POOL_2D, MAX_POOL_2D and MEAN of int16: tensorflow/lite/kernels/pooling.cc, reduce.cc, and in
internal/reference integer_ops/pooling.h, reduce.h. Symmetric; a mean over axes beside each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import requant
from edge_tr.operators.checks import (
    arity,
    axis_of,
    image_shape,
    integers,
    output_shape,
    require,
    require_options,
    scale,
    shape_text,
    summed,
    window,
)
from edge_tr.operators.mean import divided
from edge_tr.operators.pool_2d import MAX_WINDOW
from edge_tr.operators.reduce import merged
from edge_tr.operators.wide import INT16, clamped, fused_limits, wide_ends
from edge_tr.operators.windows import scatter, window_taps
from edge_tr.record import Range, Record, Requant, Shape3, Size, full_range
from edge_tr.structs import FACTOR, SHAPE, WINDOW, Call, Field, Struct
from edge_tr.structs import window as window_members
from edge_tr.tr.requant import Rounding

MAX_COUNT = (2**31 - 1) // 32769
"""Elements of -32768 whose sum, and the half of their count that rounds it, are an int32."""
POOL = Struct(
    "tr_wide_pool",
    "AVERAGE_POOL_2D and MAX_POOL_2D of int16.",
    (
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        Field("int16_t", "minimum"),
        Field("int16_t", "maximum"),
    ),
)
MEAN = Struct(
    "tr_wide_mean",
    "MEAN of int16 over the middle axis of [outer, count, inner]; the division is inside `factor`.",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "count"),
        Field("uint32_t", "inner"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class WidePoolParams(Record):
    """Over the part of the window inside the image; the average rounds half away from zero."""

    kind: str  # "AVERAGE_POOL_2D" or "MAX_POOL_2D"
    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    pad: Size
    activation: Size
    dilation: Size = (1, 1)

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        image = inputs[0].reshape(-1, *self.input_shape).astype(np.int32)
        averages = self.kind == "AVERAGE_POOL_2D"
        result = np.full((len(image), *self.output_shape), 0 if averages else INT16[0], np.int32)
        count = np.zeros((1, *self.output_shape[:2], 1), np.int32)
        for _, _, targets, sources in window_taps(self):
            combined = (np.add if averages else np.maximum)(result[targets], image[sources])
            result[targets] = combined
            count[targets] += 1
        if averages:
            magnitude = (np.abs(result) + count // 2) // count
            result = np.where(result > 0, magnitude, -magnitude)
        return (clamped(result, self.activation),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (inputs[0].clipped(self.activation),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0])] * 2

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """Spread evenly: of a maximum too."""
        share = gradient.reshape(-1, *self.output_shape) / (self.kernel[0] * self.kernel[1])
        return [scatter(self, len(share), lambda ky, kx: share)]

    def call(self) -> Call:
        values = {
            "input": self.input_shape,
            "output": self.output_shape,
            "window": window_members(self.kernel, self.stride, pad=self.pad),
            "minimum": self.activation[0],
            "maximum": self.activation[1],
        }
        return Call(f"tr_wide_{self.kind.lower()}", POOL, values)


@dataclass(frozen=True)
class WideMeanParams(Record):
    """MEAN over the middle of [outer, count, inner]; the division is inside `requant` (n = 1)."""

    outer: int
    count: int
    inner: int
    requant: Requant

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        sums = inputs[0].reshape(-1, self.outer, self.count, self.inner).sum(axis=2, dtype=np.int32)
        return (clamped(requant(sums, self.requant, rounding), INT16),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], INT16),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        share = gradient.reshape(-1, self.outer, 1, self.inner) * np.float32(self.requant.real[0])
        return [np.repeat(share, self.count, axis=2)]

    def call(self) -> Call:
        values = {"outer": self.outer, "count": self.count, "inner": self.inner, "factor": self.requant}
        return Call("tr_wide_mean", MEAN, values)


def prepare_pool(graph: Graph, op: Op) -> WidePoolParams:
    """The window as pixels, see `checks.window`."""
    arity(op, (1,))
    require_options(op)
    x, y = wide_ends(graph, op)
    image = image_shape(x, "input")
    kernel = (int(op.options["filter_height"]), int(op.options["filter_width"]))
    require(max(kernel) <= MAX_WINDOW, f"a window of {shape_text(kernel)}", f"up to {MAX_WINDOW}")
    out, stride, pad = window(op, image, kernel, (1, 1))
    output_shape(y, (1, *out, image[2]))
    if op.kind == "AVERAGE_POOL_2D":
        summed(math.prod(map(min, kernel, image[:2])), "a window", MAX_COUNT)
    return WidePoolParams(op.kind, image, (*out, image[2]), kernel, stride, pad, fused_limits(op, y))


def prepare_mean(graph: Graph, op: Op) -> WideMeanParams:
    """1 / count is folded into the multiplier, as of int8."""
    arity(op, (2,))
    x, y = wide_ends(graph, op)
    axes = sorted({axis_of(axis, len(x.shape)) for axis in integers(graph, op.inputs[1], "axes", ("int32",))})
    keep = bool(op.options.get("keep_dims", False))
    sizes = [1 if i in axes else d for i, d in enumerate(x.shape) if keep or i not in axes]
    output_shape(y, tuple(sizes))
    shape, gone = merged(x.shape, axes)
    require(len(gone) <= 1, "a mean of int16 over axes apart", "axes beside each other")
    count = math.prod(shape[axis] for axis in gone)
    summed(count, "a mean", MAX_COUNT)
    outer = math.prod(shape[: gone[0]]) if gone else x.size
    return WideMeanParams(outer, count, x.size // outer // count, divided(scale(x) / scale(y), count))


STRUCTS = (POOL, MEAN)
KINDS: dict[str, tuple] = {}
INT16_KINDS = {"AVERAGE_POOL_2D": prepare_pool, "MAX_POOL_2D": prepare_pool, "MEAN": prepare_mean}
