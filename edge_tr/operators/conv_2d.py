"""CONV_2D: tensorflow/lite/kernels/conv.cc, internal/reference/integer_ops/conv.h.

In groups each output channel reads the input channels of its group; here it is a convolution over all of them whose
weights outside the group are zero. Zeros have no terms: kernels that hold terms hold none for them, and a budget's
groups of g weights run over them too.
"""

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
    read_only,
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
    groups: int = 1  # of channels, in the file

    def accumulated(self, x: np.ndarray) -> np.ndarray:
        (h, w, c), (oh, ow, c_out), (kh, kw) = self.input_shape, self.output_shape, self.kernel
        image = x.reshape(-1, h, w, c)
        patches = np.zeros((len(image), oh, ow, kh, kw, c), dtype=np.int16)
        for ky, kx, outputs, inputs in window_taps(self):
            patches[(*outputs, ky, kx)] = image[inputs]
        acc = matmul(patches.reshape(-1, kh * kw * c), self.weights)
        acc += self.bias
        return acc.reshape(-1, oh, ow, c_out)

    def outside(self) -> int:
        return self.input_zero_point

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
        taps = self.dense(weights).reshape(self.groups, len(weights) // self.groups, *self.kernel, self.groups, -1)
        return np.concatenate([taps[group, ..., group, :] for group in range(self.groups)])

    def dense(self, weights: np.ndarray) -> np.ndarray:
        return weights.reshape(len(weights), *self.kernel, -1)


def ungrouped(weights: np.ndarray, groups: int) -> np.ndarray:
    """int8 [c_out, kh, kw, c_in] of OHWI weights [c_out, kh, kw, c_in / groups]: zero outside each channel's group."""
    c_out, kh, kw, depth = weights.shape
    full = np.zeros((groups, c_out // groups, kh, kw, groups, depth), weights.dtype)
    for group, part in enumerate(weights.reshape(groups, c_out // groups, kh, kw, depth)):
        full[group, ..., group, :] = part
    return full.reshape(c_out, kh, kw, groups * depth)


def prepare(graph: Graph, op: Op) -> ConvParams:
    """Weights OHWI, per-tensor or per output channel, in groups where they have fewer input channels than the input;
    TFLite insists on a bias."""
    arity(op, (3,))
    require_options(op)
    x = activation_tensor(graph, op.inputs[0], "input")
    y = activation_tensor(graph, op.outputs[0], "output")
    w = weights_tensor(graph, op, rank=4, channel_axis=0)
    image, (c_out, kh, kw, c_in) = image_shape(x, "input"), w.shape
    require(
        image[2] % c_in == 0 and c_out % (image[2] // c_in) == 0,
        f"weights of {c_in} input channels and {c_out} output channels on an input of {image[2]}",
        "groups of as many input channels each, and of as many output channels",
    )
    groups = image[2] // c_in
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
        weights=read_only(ungrouped(centred(w), groups) if groups > 1 else centred(w)).reshape(c_out, -1),
        bias=bias(graph, op, c_out),
        requant=requant_of(graph, op, x, w, y, c_out),
        weights_zero_point=zero_points(w),
        groups=groups,
    )


KINDS = {"CONV_2D": (prepare, 8)}
