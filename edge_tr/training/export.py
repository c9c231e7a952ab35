"""Write a trained network as an int8 .tflite file that `edge-tr build` and any interpreter take.

The file holds every term of the weights: `edge-tr build --budget g=G,k=K` reveals them as training did. Images are
NHWC in the file.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from edge_tr.ir.writer import ModelWriter
from edge_tr.training.network import RevealedNetwork
from edge_tr.training.revealed import RevealedLayer

SOFTMAX_SCALE, SOFTMAX_ZERO_POINT = 1 / 256, -128
"""Of int8 SOFTMAX outputs, fixed by TFLite's quantisation specification."""
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "MAX_POOL_2D": 2, "SOFTMAX": 2, "PAD": 2}
"""The first with int8."""
IMAGE = 3
"""Dimensions of one [channels, height, width]."""


def export(network: RevealedNetwork, *, softmax: bool = True) -> bytes:
    """The bytes of a .tflite file for one sample, int8 in and out; with a SOFTMAX behind the logits or without."""
    writer = _Writer(network)
    for stage in network.stages:
        if isinstance(stage, RevealedLayer):
            writer.layer(stage)
        elif isinstance(stage, nn.MaxPool2d):
            writer.pool(stage)
        elif isinstance(stage, nn.Flatten):
            writer.flatten()
    return writer.finish(softmax)


class _Writer:
    """Adds operators behind one another. `_shape` is the current tensor's without samples, [c, h, w] or [features]."""

    def __init__(self, network: RevealedNetwork) -> None:
        self._model = ModelWriter()
        self._shape, self._grid = network.input_shape, network.source
        self._input = self._tensor = self._activation()

    def layer(self, layer: RevealedLayer) -> None:
        """CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, with a PAD before it where TFLite has no such padding."""
        activation = "RELU" if layer.relu else "NONE"
        if isinstance(layer.layer, nn.Linear):
            self._shape = (layer.layer.out_features,)
            self._dot(layer, "FULLY_CONNECTED", fused_activation_function=activation)
            return
        options = self._window(layer.layer) | {"fused_activation_function": activation}
        if layer.depthwise:
            options["depth_multiplier"] = layer.layer.out_channels // layer.layer.in_channels
        self._dot(layer, "DEPTHWISE_CONV_2D" if layer.depthwise else "CONV_2D", **options)

    def pool(self, pool: nn.MaxPool2d) -> None:
        kernel, stride = _pair(pool.kernel_size), _pair(pool.stride)
        channels, *size = self._shape
        self._shape = (channels, *(_positions(n, k, s) for n, k, s in zip(size, kernel, stride)))
        self._add(
            "MAX_POOL_2D",
            [],
            padding="VALID",
            filter_height=kernel[0],
            filter_width=kernel[1],
            stride_h=stride[0],
            stride_w=stride[1],
        )

    def flatten(self) -> None:
        self._shape = (int(np.prod(self._shape)),)
        shape = np.array([1, *self._shape], np.int32)
        self._add("RESHAPE", [self._model.constant(shape)], new_shape=shape)

    def finish(self, softmax: bool) -> bytes:
        if softmax:
            logits = self._tensor
            self._tensor = self._model.activation((1, *self._shape), SOFTMAX_SCALE, SOFTMAX_ZERO_POINT)
            self._model.op("SOFTMAX", [logits], [self._tensor], VERSIONS["SOFTMAX"], beta=1.0)
        return self._model.finish([self._input], [self._tensor])

    def _activation(self) -> int:
        """A tensor of the current shape on the current grid."""
        shape = (*self._shape[1:], self._shape[0]) if len(self._shape) == IMAGE else self._shape
        return self._model.activation((1, *shape), float(self._grid.scale), int(self._grid.zero_point))

    def _add(self, kind: str, constants: list[int], **options: object) -> None:
        """An operator on the current tensor; what it gives has the current shape and grid."""
        source, self._tensor = self._tensor, self._activation()
        self._model.op(kind, [source, *constants], [self._tensor], VERSIONS.get(kind, 1), **options)

    def _dot(self, layer: RevealedLayer, kind: str, **options: object) -> None:
        weights = layer.integer_weights(None).detach().numpy().astype(np.int8)
        scales, axis = layer.scale.numpy().astype(np.float64), 0
        if kind == "FULLY_CONNECTED":
            scales = scales[:1]
        else:
            weights = weights.reshape(len(weights), *layer.layer.kernel_size, -1)
        if kind == "DEPTHWISE_CONV_2D":
            weights, axis = weights.transpose(3, 1, 2, 0), 3
        steps = scales * float(layer.source.scale)
        bias = layer.integer_bias().detach().numpy().astype(np.int32)
        constants = [self._model.constant(weights, scales, axis=axis), self._model.constant(bias, steps)]
        self._grid = layer.target
        self._add(kind, constants, **options)

    def _window(self, conv: nn.Conv2d) -> dict[str, object]:
        """Padding, strides and dilations; pads, if need be, and sets the shape of the output."""
        size, kernel, stride = self._shape[1:], _pair(conv.kernel_size), _pair(conv.stride)
        dilation, pad = _pair(conv.dilation), _pair(conv.padding)
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        out = [_positions(n + 2 * p, r, s) for n, p, r, s in zip(size, pad, reach, stride)]
        if not any(pad):
            padding = "VALID"
        elif all(_is_same(*axis) for axis in zip(size, pad, reach, stride, out)):
            padding = "SAME"
        else:
            padding = "VALID"
            self._shape = (self._shape[0], *(n + 2 * p for n, p in zip(size, pad)))
            self._add("PAD", [self._model.constant(np.array([(0, 0), *((p, p) for p in pad), (0, 0)], np.int32))])
        self._shape = (conv.out_channels, *out)
        return {
            "padding": padding,
            "stride_h": stride[0],
            "stride_w": stride[1],
            "dilation_h_factor": dilation[0],
            "dilation_w_factor": dilation[1],
        }


def _positions(size: int, reach: int, stride: int) -> int:
    return (size - reach) // stride + 1


def _is_same(size: int, pad: int, reach: int, stride: int, out: int) -> bool:
    """Whether TFLite's SAME gives as many outputs and begins at the same place."""
    return out == -(-size // stride) and max(0, (out - 1) * stride + reach - size) // 2 == pad


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)
