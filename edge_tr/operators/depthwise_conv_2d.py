"""DEPTHWISE_CONV_2D: tensorflow/lite/kernels/depthwise_conv.cc, internal/reference/integer_ops/depthwise_conv.h."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import (
    activation_range,
    activation_tensor,
    arity,
    image_shape,
    output_shape,
    read_only,
    require,
    require_options,
    shape_text,
    window,
    zero_point,
)
from edge_tr.operators.dot import DotParams, bias, centred, requant_of, weights_tensor, zero_points
from edge_tr.operators.windows import scatter, taps_inside, window_taps
from edge_tr.record import Range, Requant, Shape3, Size


@dataclass(frozen=True)
class DepthwiseParams(DotParams):
    """DEPTHWISE_CONV_2D: output channel o reads input channel o // depth_multiplier."""

    channel_axis: ClassVar[int] = 3
    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    dilation: Size
    pad: Size
    depth_multiplier: int
    input_zero_point: int
    output_zero_point: int
    activation: Size
    weights: np.ndarray  # int8 or int16 [c_out, kh * kw]
    bias: np.ndarray  # int32 [c_out]
    requant: Requant  # n = c_out
    weights_zero_point: int = 0

    def accumulated(self, x: np.ndarray) -> np.ndarray:
        (h, w, c), (oh, ow, c_out), (_, kw) = self.input_shape, self.output_shape, self.kernel
        image = x.reshape(-1, h, w, c, 1).astype(np.int32)
        taps = self.weights.astype(np.int32).reshape(c, self.depth_multiplier, -1)
        acc = np.zeros((len(image), oh, ow, c, self.depth_multiplier), dtype=np.int32)
        for ky, kx, outputs, inputs in window_taps(self):
            acc[outputs] += image[inputs] * taps[:, :, ky * kw + kx]
        acc = acc.reshape(-1, oh, ow, c_out)
        acc += self.bias
        return acc

    def outside(self) -> int:
        return self.input_zero_point

    def sums(self, x: Range) -> tuple[np.ndarray, np.ndarray]:
        low, high = (np.repeat(end, self.depth_multiplier)[:, None] for end in (x.low, x.high))
        weights = self.weights.astype(np.int64)  # [rows, taps]
        inside = taps_inside(self).astype(np.int64)
        ends = weights * low, weights * high
        return inside @ np.minimum(*ends).T, inside @ np.maximum(*ends).T

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0]), np.arange(outputs[0]) // self.depth_multiplier]

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        oh, ow, rows = self.output_shape
        weights = self.weights.astype(np.float32).reshape(rows, *self.kernel)
        gradient = gradient.reshape(-1, oh, ow, rows)

        def tap(ky: int, kx: int) -> np.ndarray:
            parts = gradient * weights[:, ky, kx]
            return parts.reshape(*parts.shape[:3], -1, self.depth_multiplier).sum(axis=-1)

        return scatter(self, len(gradient), tap)

    def laid_out(self, weights: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(weights.T.reshape(1, *self.kernel, -1))


def prepare(graph: Graph, op: Op) -> DepthwiseParams:
    """Weights 1HWO with o = channel * depth_multiplier + m; the multiplier follows from the shapes."""
    arity(op, (2, 3))
    require_options(op)
    x = activation_tensor(graph, op.inputs[0], "input")
    y = activation_tensor(graph, op.outputs[0], "output")
    w = weights_tensor(graph, op, rank=4, channel_axis=3)
    image, (one, kh, kw, c_out) = image_shape(x, "input"), w.shape
    require(
        one == 1 and c_out % image[2] == 0,
        f"weights of shape {shape_text(w.shape)} on an input of {image[2]} channels",
        "1 x h x w x a multiple of the input channels",
    )
    dilation = (int(op.options["dilation_h_factor"]), int(op.options["dilation_w_factor"]))
    out, stride, pad = window(op, image, (kh, kw), dilation)
    output_shape(y, (1, *out, c_out))
    return DepthwiseParams(
        input_shape=image,
        output_shape=(*out, c_out),
        kernel=(kh, kw),
        stride=stride,
        dilation=dilation,
        pad=pad,
        depth_multiplier=c_out // image[2],
        input_zero_point=zero_point(x),
        output_zero_point=zero_point(y),
        activation=activation_range(op, y),
        weights=read_only(centred(w).reshape(kh * kw, c_out).T.copy()),
        bias=bias(graph, op, c_out),
        requant=requant_of(graph, op, x, w, y, c_out),
        weights_zero_point=zero_points(w),
    )


KINDS = {"DEPTHWISE_CONV_2D": (prepare, 7)}
