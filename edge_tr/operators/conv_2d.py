"""CONV_2D: tensorflow/lite/kernels/conv.cc, internal/reference/integer_ops/conv.h."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import (
    activation_range,
    activation_tensor,
    arity,
    image_shape,
    output_shape,
    require,
    require_options,
    window,
    zero_point,
)
from edge_tr.operators.dot import (
    MixingParams,
    bias,
    centred,
    matmul,
    products,
    requant_of,
    weights_tensor,
    zero_points,
)
from edge_tr.operators.windows import scatter, taps_inside, window_taps
from edge_tr.record import Range, Requant, Shape3, Size


@dataclass(frozen=True)
class ConvParams(MixingParams):
    """CONV_2D: cross-correlation over (kh, kw, c_in); outside the image counts as zero."""

    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    dilation: Size
    pad: Size  # rows above, columns to the left
    input_zero_point: int
    output_zero_point: int
    activation: Size  # (min, max) of the int8 result
    weights: np.ndarray  # int8 or int16 [c_out, kh * kw * c_in], (kh, kw, c_in) order
    bias: np.ndarray  # int32 [c_out]
    requant: Requant  # n = c_out
    weights_zero_point: int = 0

    def accumulated(self, x: np.ndarray) -> np.ndarray:
        (h, w, c), (oh, ow, c_out), (kh, kw) = self.input_shape, self.output_shape, self.kernel
        image = x.reshape(-1, h, w, c)
        patches = np.zeros((len(image), oh, ow, kh, kw, c), dtype=np.int16)
        for ky, kx, outputs, inputs in window_taps(self):
            patches[(*outputs, ky, kx)] = image[inputs]
        acc = matmul(patches.reshape(-1, kh * kw * c), self.weights)
        acc += self.bias
        return acc.reshape(-1, oh, ow, c_out)

    def golden_bytes(self, elements: int) -> int:
        patches = self.output_shape[0] * self.output_shape[1] * self.weights.shape[1]
        return 24 * elements + 10 * patches

    def sums(self, x: Range) -> tuple[np.ndarray, np.ndarray]:
        weights = self.weights.reshape(len(self.weights), -1, self.input_shape[2]).astype(np.int64)
        low, high = products(weights, x)  # [rows, taps]
        inside = taps_inside(self).astype(np.int64)
        return inside @ low.T, inside @ high.T

    def leaves_image(self) -> bool:
        return not taps_inside(self).all()

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        oh, ow, rows = self.output_shape
        weights = self.weights.astype(np.float32).reshape(rows, self.kernel[0], self.kernel[1], -1)
        gradient = gradient.reshape(-1, oh, ow, rows)
        return scatter(self, len(gradient), lambda ky, kx: gradient @ weights[:, ky, kx])

    def laid_out(self, weights: np.ndarray) -> np.ndarray:
        return weights.reshape(len(weights), *self.kernel, -1)


def prepare(graph: Graph, op: Op) -> ConvParams:
    """Weights OHWI, per-tensor or per output channel; TFLite insists on a bias."""
    arity(op, (3,))
    require_options(op)
    x = activation_tensor(graph, op.inputs[0], "input")
    y = activation_tensor(graph, op.outputs[0], "output")
    w = weights_tensor(graph, op, rank=4, channel_axis=0)
    image, (c_out, kh, kw, c_in) = image_shape(x, "input"), w.shape
    require(
        c_in == image[2],
        f"weights for {c_in} input channels on an input of {image[2]}",
        "one group (no grouped convolution)",
    )
    dilation = (int(op.options["dilation_h_factor"]), int(op.options["dilation_w_factor"]))
    out, stride, pad = window(op, image, (kh, kw), dilation)
    output_shape(y, (1, *out, c_out))
    return ConvParams(
        input_shape=image,
        output_shape=(*out, c_out),
        kernel=(kh, kw),
        stride=stride,
        dilation=dilation,
        pad=pad,
        input_zero_point=zero_point(x),
        output_zero_point=zero_point(y),
        activation=activation_range(op, y),
        weights=centred(w).reshape(c_out, kh * kw * c_in),
        bias=bias(graph, op, c_out),
        requant=requant_of(graph, op, x, w, y, c_out),
        weights_zero_point=zero_points(w),
    )


KINDS = {"CONV_2D": (prepare, 8)}
