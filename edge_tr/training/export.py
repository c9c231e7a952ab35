"""Write a trained network as an int8 .tflite file that `edge-tr build` and any interpreter take.

The file holds every term of the weights: `edge-tr build --budget g=G,k=K` reveals them as training did. Images are
NHWC in the file.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from edge_tr.errors import UsageError
from edge_tr.ir.writer import ModelWriter
from edge_tr.training.grid import Grid
from edge_tr.training.network import RevealedNetwork, is_same, pair
from edge_tr.training.revealed import RevealedLayer
from edge_tr.training.stages import VERSIONS, Average, Sum, Swish, whole
from edge_tr.training.trace import Beside

SOFTMAX_SCALE, SOFTMAX_ZERO_POINT = 1 / 256, -128
"""Of int8 SOFTMAX outputs, fixed by TFLite's quantisation specification."""
IMAGE = 3
"""Dimensions of one [channels, height, width]."""


def export(network: RevealedNetwork, *, softmax: bool | None = None) -> bytes:
    """The bytes of a .tflite file for one sample, int8 in and out; with a SOFTMAX behind the output or without, by
    default behind [n, classes] alone. UsageError for a SOFTMAX behind anything else."""
    classifies = network.single and len(network.shapes[network.outputs[0]]) == 1
    if softmax and not classifies:
        raise UsageError("a SOFTMAX needs one output [n, classes]: use softmax=False")
    writer = _Writer(network)
    for position, stage in enumerate(network.stages):
        writer.stage(position, stage)
    return writer.finish(classifies if softmax is None else softmax)


class _Writer:
    """Adds operators in the order of the stages. `_tensors` has the tensor of each value."""

    def __init__(self, network: RevealedNetwork) -> None:
        self._network, self._model = network, ModelWriter()
        self._tensors = [self._activation(network.shapes[0], network.source)]

    def stage(self, position: int, stage: nn.Module) -> None:
        """The operators of a stage, if it has any; their output is the stage's value."""
        values = self._network.inputs[position]
        sources, shape = [self._tensors[i] for i in values], self._network.shapes[values[0]]
        if isinstance(stage, nn.Dropout):
            self._tensors.append(sources[0])
            return
        target = self._activation(self._network.shapes[position + 1], self._network.grids[position + 1])
        if isinstance(stage, RevealedLayer):
            self._layer(stage, sources[0], shape, target)
        elif isinstance(stage, Swish):
            gate = self._activation(shape, stage.gate)
            self._op("LOGISTIC", sources, gate)
            self._op("MUL", [*sources, gate], target, fused_activation_function="NONE")
        elif isinstance(stage, Sum):
            self._op("ADD", sources, target, fused_activation_function=stage.activation)
        elif isinstance(stage, Average):
            self._op("AVERAGE_POOL_2D", sources, target, **whole(*shape[1:]))
        else:
            self._move(stage, sources, shape, target)
        self._tensors.append(target)

    def finish(self, softmax: bool) -> bytes:
        outputs = [self._tensors[i] for i in self._network.outputs]
        if softmax:
            shape = (1, *self._network.shapes[self._network.outputs[0]])
            logits, outputs = outputs, [self._model.activation(shape, SOFTMAX_SCALE, SOFTMAX_ZERO_POINT)]
            self._op("SOFTMAX", logits, outputs[0], beta=1.0)
        return self._model.finish([self._tensors[0]], outputs)

    def _move(self, stage: nn.Module, sources: list[int], shape: tuple[int, ...], target: int) -> None:
        """What computes nothing."""
        if isinstance(stage, nn.MaxPool2d):
            kernel, stride = pair(stage.kernel_size), pair(stage.stride)
            padding = "SAME" if any(pair(stage.padding)) else "VALID"
            names = ("filter_height", "filter_width", "stride_h", "stride_w")
            self._op("MAX_POOL_2D", sources, target, padding=padding, **dict(zip(names, (*kernel, *stride))))
        elif isinstance(stage, nn.Upsample):
            size = np.array([n * int(stage.scale_factor) for n in shape[1:]], np.int32)
            options = {"align_corners": False, "half_pixel_centers": False}
            self._op("RESIZE_NEAREST_NEIGHBOR", [*sources, self._model.constant(size)], target, **options)
        elif isinstance(stage, nn.Flatten):
            new = np.array([1, int(np.prod(shape))], np.int32)
            self._op("RESHAPE", [*sources, self._model.constant(new)], target, new_shape=new)
        elif isinstance(stage, Beside):
            axis = len(shape) if len(shape) == IMAGE else 1
            self._op("CONCATENATION", sources, target, axis=axis, fused_activation_function="NONE")

    def _activation(self, shape: tuple[int, ...], grid: Grid) -> int:
        """A tensor for a value of `shape`, which is that of a sample, on a grid."""
        shape = (*shape[1:], shape[0]) if len(shape) == IMAGE else shape
        return self._model.activation((1, *shape), float(grid.scale), int(grid.zero_point))

    def _op(self, kind: str, inputs: list[int], output: int, **options: object) -> None:
        self._model.op(kind, inputs, [output], VERSIONS.get(kind, 1), **options)

    def _layer(self, layer: RevealedLayer, source: int, shape: tuple[int, ...], target: int) -> None:
        """CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, with a PAD before it where TFLite has no such padding."""
        kind, options = "FULLY_CONNECTED", {"fused_activation_function": layer.activation}
        if isinstance(layer.layer, nn.Conv2d):
            kind = "DEPTHWISE_CONV_2D" if layer.depthwise else "CONV_2D"
            source, window = self._window(layer, source, shape)
            options |= window
        if layer.depthwise:
            options["depth_multiplier"] = layer.layer.out_channels // layer.layer.in_channels
        self._op(kind, [source, *self._constants(layer, kind)], target, **options)

    def _constants(self, layer: RevealedLayer, kind: str) -> list[int]:
        """Weights and biases."""
        weights = layer.integer_weights(None).detach().numpy().astype(np.int8)
        scales, axis = layer.scale.numpy().astype(np.float64), 0
        if kind == "FULLY_CONNECTED":
            scales = scales[:1]
        else:
            weights = weights.reshape(len(weights), *layer.layer.kernel_size, -1)
        if kind == "DEPTHWISE_CONV_2D":
            weights, axis = weights.transpose(3, 1, 2, 0), 3
        bias = layer.integer_bias().detach().numpy().astype(np.int32)
        steps = scales * float(layer.source.scale)
        return [self._model.constant(weights, scales, axis=axis), self._model.constant(bias, steps)]

    def _window(self, layer: RevealedLayer, source: int, shape: tuple[int, ...]) -> tuple[int, dict[str, object]]:
        """The tensor to read, padded if need be, and padding, strides and dilations."""
        conv, pad = layer.layer, pair(layer.layer.padding)
        kernel, stride, dilation = pair(conv.kernel_size), pair(conv.stride), pair(conv.dilation)
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        padding = "SAME"
        if not any(pad):
            padding = "VALID"
        elif not all(is_same(*axis) for axis in zip(shape[1:], pad, reach, stride)):
            padding = "VALID"
            padded = self._activation((shape[0], *(n + 2 * p for n, p in zip(shape[1:], pad))), layer.source)
            edges = np.array([(0, 0), *((p, p) for p in pad), (0, 0)], np.int32)
            self._op("PAD", [source, self._model.constant(edges)], padded)
            source = padded
        names = ("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")
        return source, {"padding": padding, **dict(zip(names, (*stride, *dilation)))}
