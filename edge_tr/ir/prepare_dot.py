"""TFLite's Prepare of the three dot-product operators: conv.cc, depthwise_conv.cc, fully_connected.cc."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_tr.ir.checks import (
    activation_range,
    activation_tensor,
    arity,
    constant,
    image_shape,
    output_shape,
    read_only,
    requant,
    require,
    require_options,
    scale,
    shape_text,
    window,
    zero_point,
)
from edge_tr.ir.graph import Graph, Op, Tensor
from edge_tr.ir.layers import ConvParams, DepthwiseParams, FullyConnectedParams, Requant


def conv(graph: Graph, op: Op) -> ConvParams:
    """Weights OHWI, per-tensor or per output channel; TFLite insists on a bias."""
    arity(op, (3,))
    require_options(op)
    x = activation_tensor(graph, op.inputs[0], "input")
    y = activation_tensor(graph, op.outputs[0], "output")
    w = _weights(graph, op, rank=4, channel_axis=0)
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
        weights=w.data.reshape(c_out, kh * kw * c_in),
        bias=_bias(graph, op, c_out),
        requant=_per_channel_requant(x, w, y, c_out),
    )


def depthwise(graph: Graph, op: Op) -> DepthwiseParams:
    """Weights 1HWO with o = channel * depth_multiplier + m; the multiplier follows from the shapes."""
    arity(op, (2, 3))
    require_options(op)
    x = activation_tensor(graph, op.inputs[0], "input")
    y = activation_tensor(graph, op.outputs[0], "output")
    w = _weights(graph, op, rank=4, channel_axis=3)
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
        weights=read_only(w.data.reshape(kh * kw, c_out).T.copy()),
        bias=_bias(graph, op, c_out),
        requant=_per_channel_requant(x, w, y, c_out),
    )


def fully_connected(graph: Graph, op: Op) -> FullyConnectedParams:
    """Weights OI; the input is read as [rows, depth] whatever its shape."""
    arity(op, (2, 3))
    layout = op.options.get("weights_format", 0)
    require(layout == 0, f"weights format {layout}", "the default format")
    x = activation_tensor(graph, op.inputs[0], "input")
    y = activation_tensor(graph, op.outputs[0], "output")
    w = _weights(graph, op, rank=2, channel_axis=0)
    units, depth = w.shape
    keep = op.options.get("keep_num_dims", False)
    fits = x.shape[-1:] == (depth,) if keep else x.size % depth == 0
    require(fits, f"an input of shape {shape_text(x.shape)} for weights of depth {depth}", "rows of that depth")
    require(
        w.quantization.per_tensor or not keep or len(x.shape) == 2,
        "per-channel weights with keep_num_dims on more than two dimensions, which TFLite 2.14 gets wrong",
        "per-tensor weights, or a RESHAPE to two dimensions",
    )
    rows = x.size // depth
    output_shape(y, (*x.shape[:-1], units) if keep else (rows, units))
    return FullyConnectedParams(
        rows=rows,
        depth=depth,
        units=units,
        input_zero_point=zero_point(x),
        output_zero_point=zero_point(y),
        activation=activation_range(op, y),
        weights=w.data,
        bias=_bias(graph, op, units),
        requant=_fully_connected_requant(graph, op, x, w, y, units),
    )


def _weights(graph: Graph, op: Op, rank: int, channel_axis: int) -> Tensor:
    """int8 weights in the file with zero point 0, per-channel only along the output channels."""
    w = constant(graph, op.inputs[1], "weights", ("int8",))
    require(
        len(w.shape) == rank and min(w.shape) > 0,
        f"weights of shape {shape_text(w.shape)}",
        f"{rank} dimensions",
    )
    q = w.quantization
    require(q is not None, "weights without scales", "quantised weights")
    require(
        q.per_tensor or q.axis == channel_axis,
        f"weight scales along dimension {q.axis}",
        f"per tensor or along dimension {channel_axis}",
    )
    require(not q.zero_point.any(), "weights with a zero point other than 0", "0")
    return w


def _bias(graph: Graph, op: Op, channels: int) -> np.ndarray:
    """int32 [channels], zeros without a bias."""
    if len(op.inputs) < 3 or (op.inputs[2] < 0 and op.kind == "FULLY_CONNECTED"):
        return read_only(np.zeros(channels, dtype=np.int32))
    b = constant(graph, op.inputs[2], "bias", ("int32",))
    require(b.size == channels, f"{b.size} biases for {channels} output channels", "one each")
    q = b.quantization
    require(q is None or not q.zero_point.any(), "a bias with a zero point other than 0", "0")
    return b.data.reshape(channels)


def _per_channel_requant(x: Tensor, w: Tensor, y: Tensor, channels: int) -> Requant:
    """`PopulateConvolutionQuantizationParams` in kernel_util.cc: products and quotients of doubles."""
    scales = np.broadcast_to(w.quantization.scale.astype(np.float64), (channels,))
    return requant(scale(x) * scales / scale(y))


def _fully_connected_requant(graph: Graph, op: Op, x: Tensor, w: Tensor, y: Tensor, units: int) -> Requant:
    """Per tensor, TFLite multiplies the scales in float32 and checks the bias's scale."""
    per_channel = _per_channel_requant(x, w, y, units)
    if not w.quantization.per_tensor:
        return per_channel
    with np.errstate(over="ignore", under="ignore"):
        product = float(x.quantization.scale[0] * w.quantization.scale[0])
    if len(op.inputs) == 3 and op.inputs[2] >= 0:
        bias = graph.tensor(op.inputs[2]).quantization
        bias_scale = 0.0 if bias is None else float(bias.scale[0])
        require(
            abs(scale(x) * scale(w) - bias_scale) / scale(y) <= 0.02,
            f"bias scale {bias_scale}",
            f"about input scale times weight scale, {product}",
        )
    return replace(requant(np.full(units, product / scale(y))), real=per_channel.real)
