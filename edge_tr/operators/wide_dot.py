"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16 activations with int8 weights.

Sources: tensorflow/lite/kernels/conv.cc, depthwise_conv.cc, fully_connected.cc, and in internal/reference/integer_ops
conv.h, depthwise_conv.h, fully_connected.h. Sums have 64 bits with a bias of int64 or none, and are multiplied by 15
bits of the scale; with a bias of int32, and in fully connected layers without one, both have 32, and wrap. Weights are
multiplied as they are: budgets cut no term of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import (
    arity,
    image_shape,
    output_shape,
    read_only,
    require,
    require_options,
    shape_text,
    window,
)
from edge_tr.operators.dot import per_channel_requant, weights_tensor
from edge_tr.operators.fully_connected import requant_of_rows
from edge_tr.operators.wide import fused_limits, wide, wide_ends
from edge_tr.operators.wide_sums import SUMMED, WideSums, bias_of, fitting
from edge_tr.operators.windows import scatter, window_taps
from edge_tr.record import Requant, Shape3, Size
from edge_tr.structs import SHAPE, WINDOW, Call, Field, Struct
from edge_tr.structs import window as window_members
from edge_tr.tr.requant import Rounding

STRUCT = Struct(
    "tr_wide_conv",
    "Convolutions of int16, in groups of `outputs` channels that read `depth` of the input: weights\n"
    "[output channel][height][width][depth]. Fully connected layers have a row a pixel.",
    (
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        Field("uint32_t", "depth"),
        Field("uint32_t", "outputs"),
        *SUMMED,
    ),
)


@dataclass(frozen=True)
class WideConvParams(WideSums):
    """Outside the image counts as zero. `depth` channels of the input are read by `outputs` of the output."""

    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    dilation: Size
    pad: Size
    depth: int
    outputs: int
    activation: Size
    weights: np.ndarray  # int8 [c_out, kh, kw, depth]
    bias: np.ndarray  # int64 [c_out]
    requant: Requant  # n = c_out
    narrow: bool  # sums of 32 bits

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        groups = self.input_shape[2] // self.depth
        x = inputs[0].reshape(-1, *self.input_shape[:2], groups, self.depth).astype(np.float64)
        weights = self.weights.astype(np.float64).reshape(groups, self.outputs, *self.kernel, self.depth)
        acc = np.zeros((len(x), *self.output_shape[:2], groups, self.outputs))
        for ky, kx, targets, sources in window_taps(self):
            acc[targets] += np.einsum("nhwgd,gpd->nhwgp", x[sources], weights[:, :, ky, kx], optimize=True)
        return (self.finished(acc, rounding),)

    def outside(self) -> int:
        return 0

    def golden_bytes(self, elements: int) -> int:
        return 40 * elements

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        given = self.gradient_of_sums(output, gradient)
        groups = self.input_shape[2] // self.depth
        given = given.reshape(*given.shape[:3], groups, self.outputs)
        weights = self.weights.astype(np.float32).reshape(groups, self.outputs, *self.kernel, self.depth)

        def tap(ky: int, kx: int) -> np.ndarray:
            part = np.einsum("nhwgp,gpd->nhwgd", given, weights[:, :, ky, kx])
            return part.reshape(*part.shape[:3], -1)

        return [scatter(self, len(given), tap)]

    def call(self) -> Call:
        values = {
            "input": self.input_shape,
            "output": self.output_shape,
            "window": window_members(self.kernel, self.stride, self.dilation, self.pad),
            "depth": self.depth,
            "outputs": self.outputs,
            **self.members(),
        }
        return Call("tr_wide_conv", STRUCT, values)


def _window_record(graph: Graph, op: Op, axis: int) -> WideConvParams:
    """A convolution; `axis` of the weights is the output channels'."""
    require_options(op)
    x, y = wide_ends(graph, op)
    w = weights_tensor(graph, op, rank=4, channel_axis=axis)
    image, (kh, kw), channels = image_shape(x, "input"), w.shape[1:3], w.shape[axis]
    depth = w.shape[3] if axis == 0 else 1
    groups = image[2] // depth
    fits = image[2] % depth == 0 and channels % groups == 0 and (axis == 0 or w.shape[0] == 1)
    require(fits, f"weights of shape {shape_text(w.shape)} on {image[2]} input channels", "groups of channels that fit")
    dilation = (int(op.options["dilation_h_factor"]), int(op.options["dilation_w_factor"]))
    out, stride, pad = window(op, image, (kh, kw), dilation)
    output_shape(y, (1, *out, channels))
    bias, narrow = bias_of(graph, op, channels, ("int32", "int64") if axis == 0 else ("int64",))
    data = w.data if axis == 0 else np.moveaxis(w.data, 3, 0).reshape(channels, kh, kw, 1)
    return WideConvParams(
        input_shape=image,
        output_shape=(*out, channels),
        kernel=(kh, kw),
        stride=stride,
        dilation=dilation,
        pad=pad,
        depth=depth,
        outputs=channels // groups,
        activation=fused_limits(op, y),
        weights=read_only(np.ascontiguousarray(data)),
        bias=bias,
        requant=fitting(per_channel_requant(x, w, y, channels), narrow),
        narrow=narrow,
    )


def prepare_conv(graph: Graph, op: Op) -> WideConvParams:
    """TFLite insists on a bias."""
    arity(op, (3,))
    return _window_record(graph, op, 0)


def prepare_depthwise(graph: Graph, op: Op) -> WideConvParams:
    """Groups of one channel."""
    arity(op, (2, 3))
    return _window_record(graph, op, 3)


def prepare_fully_connected(graph: Graph, op: Op) -> WideConvParams:
    """Rows of the input, whatever its shape, are pixels. Without a bias its sums have 32 bits."""
    arity(op, (2, 3))
    layout = op.options.get("weights_format", 0)
    require(layout == 0, f"weights format {layout}", "the default format")
    x, y = wide(graph, op.inputs[0], "input"), wide(graph, op.outputs[0], "output")
    w = weights_tensor(graph, op, rank=2, channel_axis=0)
    units, depth = w.shape
    keep = op.options.get("keep_num_dims", False)
    fits = x.shape[-1:] == (depth,) if keep else x.size % depth == 0
    require(fits, f"an input of shape {shape_text(x.shape)} for weights of depth {depth}", "rows of that depth")
    rows = x.size // depth
    output_shape(y, (*x.shape[:-1], units) if keep else (rows, units))
    bias, narrow = bias_of(graph, op, units, ("int32", "int64"))
    narrow = narrow or len(op.inputs) < 3 or op.inputs[2] < 0
    return WideConvParams(
        input_shape=(rows, 1, depth),
        output_shape=(rows, 1, units),
        kernel=(1, 1),
        stride=(1, 1),
        dilation=(1, 1),
        pad=(0, 0),
        depth=depth,
        outputs=units,
        activation=fused_limits(op, y),
        weights=w.data.reshape(units, 1, 1, depth),
        bias=bias,
        requant=fitting(requant_of_rows(graph, op, x, w, y, units), narrow),
        narrow=narrow,
    )


STRUCTS = (STRUCT,)
INT16_KINDS = {
    "CONV_2D": prepare_conv,
    "DEPTHWISE_CONV_2D": prepare_depthwise,
    "FULLY_CONNECTED": prepare_fully_connected,
}
