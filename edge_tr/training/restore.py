"""From an int8 .tflite file to a float network that `prepare` takes: training can start where another one ended."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from edge_tr.errors import UsageError
from edge_tr.graph import Graph, Op
from edge_tr.ir.tflite import parse
from edge_tr.operators import (
    ConvParams,
    DepthwiseParams,
    DotParams,
    FullyConnectedParams,
    PoolParams,
    ReshapeParams,
    SoftmaxParams,
    op_text,
)

IMAGE = 4
"""Dimensions of [1, h, w, c]."""


def restore(data: bytes) -> nn.Sequential:
    """The model file's layers with their real weights, for images [n, c, h, w] or [n, features]; a last SOFTMAX is
    left out. Raises UsageError for a graph that is no chain of what `prepare` takes."""
    graph = parse(data)
    modules: list[nn.Module] = []
    for position, op in enumerate(graph.ops):
        record = op.record
        if position and op.inputs[0] != graph.ops[position - 1].outputs[0]:
            raise UsageError(f"{op_text(graph, op)} does not read the operator before it: training needs a chain")
        if isinstance(record, DotParams):
            image = len(graph.tensor(op.inputs[0]).shape) == IMAGE
            modules += [nn.Flatten()] if image and isinstance(record, FullyConnectedParams) else []
            modules += _dot(graph, op, record)
        elif isinstance(record, PoolParams) and record.kind == "MAX_POOL_2D" and _whole_windows(record):
            modules.append(nn.MaxPool2d(record.kernel, record.stride))
        elif isinstance(record, ReshapeParams):
            modules.append(nn.Flatten())
        elif not (isinstance(record, SoftmaxParams) and op is graph.ops[-1]):
            raise UsageError(f"{op_text(graph, op)} cannot be trained here")
    return nn.Sequential(*modules)


def _dot(graph: Graph, op: Op, record: DotParams) -> list[nn.Module]:
    """The layer, and its ReLU if it has one."""
    weights = torch.from_numpy(record.weights.astype(np.float32) * _scales(graph, op)[:, None])
    if isinstance(record, FullyConnectedParams):
        layer = nn.Linear(record.depth, record.units)
        order = _order_of(graph, op)
        weights = weights if order is None else torch.zeros_like(weights).index_copy(1, order, weights)
    else:
        layer = _convolution(graph, op, record)
        weights = weights.reshape(len(weights), *record.kernel, -1).permute(0, 3, 1, 2)
    steps = _scales(graph, op) * graph.tensor(op.inputs[0]).quantization.scale[0]
    with torch.no_grad():
        layer.weight.copy_(weights)
        layer.bias.copy_(torch.from_numpy((record.bias * steps).astype(np.float32)))
    activation = op.options.get("fused_activation_function", "NONE")
    if activation not in ("NONE", "RELU"):
        raise UsageError(f"{op_text(graph, op)} has the activation {activation}; training knows RELU")
    return [layer, nn.ReLU()] if activation == "RELU" else [layer]


def _whole_windows(pool: PoolParams) -> bool:
    """Whether no window reaches outside the image."""
    axes = zip(pool.input_shape, pool.kernel, pool.stride, pool.output_shape)
    return all(out == (size - kernel) // stride + 1 for size, kernel, stride, out in axes)


def _scales(graph: Graph, op: Op) -> np.ndarray:
    """float32 [rows]."""
    weights = graph.tensor(op.inputs[1])
    rows = weights.shape[3 if op.kind == "DEPTHWISE_CONV_2D" else 0]
    return np.broadcast_to(weights.quantization.scale, (rows,))


def _convolution(graph: Graph, op: Op, record: ConvParams | DepthwiseParams) -> nn.Conv2d:
    height, width, inputs = record.input_shape
    out = [
        (n + 2 * pad - (kernel - 1) * dilation - 1) // stride + 1
        for n, pad, kernel, dilation, stride in zip(
            (height, width), record.pad, record.kernel, record.dilation, record.stride
        )
    ]
    if tuple(out) != record.output_shape[:2]:
        raise UsageError(f"{op_text(graph, op)} is padded on one side only, as PyTorch's layers never are")
    return nn.Conv2d(
        inputs,
        record.output_shape[2],
        record.kernel,
        record.stride,
        record.pad,
        record.dilation,
        groups=inputs if isinstance(record, DepthwiseParams) else 1,
    )


def _order_of(graph: Graph, op: Op) -> torch.Tensor | None:
    """int64 [K], PyTorch's position of each input in the file's order, where an image [1, h, w, c] was flattened."""
    flattened = next((o for o in graph.ops if o.outputs[0] == op.inputs[0] and o.kind == "RESHAPE"), None)
    shape = graph.tensor(flattened.inputs[0] if flattened else op.inputs[0]).shape
    if len(shape) != IMAGE:
        return None
    height, width, channels = shape[1:]
    return torch.arange(height * width * channels).reshape(channels, height, width).permute(1, 2, 0).flatten()
