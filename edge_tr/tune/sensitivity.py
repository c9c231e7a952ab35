"""How much a layer's error matters: gradients of the logits, backwards through the linearised integer model.

The logits are what the last SOFTMAX reads, or the output of a model without one. A random projection p
of them, p_i = +-1, has E[(d p.logits / d a)^2] = sum_i (d logit_i / d a)^2, so a few projections a
sample stand for all classes (Hutchinson's estimator). Rounding counts as the identity; a clamped value has
no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edge_tr.golden.run import run
from edge_tr.ir.graph import Graph, Op
from edge_tr.ir.params import (
    AddParams,
    ConvParams,
    DepthwiseParams,
    DotParams,
    FullyConnectedParams,
    MeanParams,
    PadParams,
    Params,
    PoolParams,
    RequantizeParams,
    ReshapeParams,
    SoftmaxParams,
    params,
)

MAX_SAMPLES = 128
BATCH = 32
PROJECTIONS = 4


def sensitivities(graph: Graph, x: np.ndarray, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """float64 [rows] by operator index: the mean over samples x (int8 [n, ...]) and projections of the sum
    over positions of the squared gradient with respect to a row's accumulator."""
    x = x[:MAX_SAMPLES]
    totals: dict[int, np.ndarray] = {}
    for first in range(0, len(x), BATCH):
        values = _values(graph, x[first : first + BATCH])
        for _ in range(PROJECTIONS):
            for index, squares in _backward(graph, values, rng).items():
                totals[index] = totals.get(index, 0.0) + squares
    return {index: total / (len(x) * PROJECTIONS) for index, total in totals.items()}


def logits(graph: Graph) -> int:
    """The tensor whose errors are to be small."""
    last = graph.ops[-1]
    return last.inputs[0] if last.kind == "SOFTMAX" and last.outputs == graph.outputs else graph.outputs[0]


def _values(graph: Graph, x: np.ndarray) -> dict[int, np.ndarray]:
    return {graph.inputs[0]: x, **run(graph, x, keep="all").tensors}


def _backward(graph: Graph, values: Mapping[int, np.ndarray], rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Squared gradients [rows] by operator index, summed over samples and positions, of one projection."""
    target = logits(graph)
    gradients = {target: rng.choice(np.array([-1.0, 1.0], np.float32), values[target].shape)}
    squares = {}
    for op in reversed(graph.ops):
        gradient = gradients.pop(op.outputs[0], None)
        if gradient is None:
            continue
        record = params(graph, op)
        if isinstance(record, DotParams):
            gradient = _accumulator_gradient(record, values[op.outputs[0]], gradient)
            squares[op.index] = np.square(gradient).reshape(-1, gradient.shape[-1]).sum(axis=0, dtype=np.float64)
        for tensor, part in zip(op.inputs, _to_inputs(record, op, values, gradient)):
            part = part.reshape(values[tensor].shape)
            gradients[tensor] = gradients[tensor] + part if tensor in gradients else part
    return squares


def _accumulator_gradient(record: DotParams, y: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """From the int8 output [n, ..., rows] to the int32 accumulator: float32 [n, ..., rows]."""
    low, high = record.activation
    inside = (y > low) & (y < high)
    return gradient * inside * record.requant.real.astype(np.float32)


def _to_inputs(record: Params, op: Op, values: Mapping[int, np.ndarray], gradient: np.ndarray) -> list[np.ndarray]:
    """Gradients of the activations that the operator reads, in their order."""
    x, y = values[op.inputs[0]], values[op.outputs[0]]
    return _LAYERS[type(record)](record, x, y, gradient)


def _conv(p: ConvParams, _: np.ndarray, __: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    oh, ow, rows = p.output_shape
    weights = p.weights.astype(np.float32).reshape(rows, p.kernel[0], p.kernel[1], -1)
    gradient = gradient.reshape(-1, oh, ow, rows)
    return [_scatter(p, len(gradient), lambda ky, kx: gradient @ weights[:, ky, kx])]


def _depthwise(p: DepthwiseParams, _: np.ndarray, __: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    oh, ow, rows = p.output_shape
    weights = p.weights.astype(np.float32).reshape(rows, *p.kernel)
    gradient = gradient.reshape(-1, oh, ow, rows)

    def tap(ky: int, kx: int) -> np.ndarray:
        parts = gradient * weights[:, ky, kx]
        return parts.reshape(*parts.shape[:3], -1, p.depth_multiplier).sum(axis=-1)

    return [_scatter(p, len(gradient), tap)]


def _scatter(
    p: ConvParams | DepthwiseParams | PoolParams, samples: int, tap: Callable[[int, int], np.ndarray]
) -> np.ndarray:
    """Sum tap(ky, kx), [n, oh, ow, c], into the inputs that the tap reads: float32 [n, h, w, c]."""
    (oh, ow, _), (h, w, c), (sy, sx) = p.output_shape, p.input_shape, p.stride
    dilation = getattr(p, "dilation", (1, 1))
    tall, wide = ((n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip((oh, ow), p.stride, p.kernel, dilation))
    image = np.zeros((samples, max(tall, h + p.pad[0]), max(wide, w + p.pad[1]), c), np.float32)
    for ky in range(p.kernel[0]):
        for kx in range(p.kernel[1]):
            y, x = ky * dilation[0], kx * dilation[1]
            image[:, y : y + (oh - 1) * sy + 1 : sy, x : x + (ow - 1) * sx + 1 : sx] += tap(ky, kx)
    return image[:, p.pad[0] : p.pad[0] + h, p.pad[1] : p.pad[1] + w]


def _fully_connected(p: FullyConnectedParams, _: np.ndarray, __: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    return [gradient.reshape(-1, p.units) @ p.weights.astype(np.float32)]


def _pool(p: PoolParams, x: np.ndarray, y: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    """The average spreads a gradient evenly; the maximum gives it to the inputs that equal it, evenly."""
    h, w, c = p.input_shape
    gradient = gradient.reshape(-1, *p.output_shape)
    if p.kind == "AVERAGE_POOL_2D":
        share = gradient / (p.kernel[0] * p.kernel[1])
        return [_scatter(p, len(share), lambda ky, kx: share)]
    (oh, ow, _), (sy, sx), (top, left) = p.output_shape, p.stride, p.pad
    tall, wide = ((n - 1) * s + k for n, s, k in zip((oh, ow), p.stride, p.kernel))
    edges = [(0, 0), (top, max(0, tall - h - top)), (left, max(0, wide - w - left)), (0, 0)]
    image = np.pad(x.reshape(-1, h, w, c).astype(np.int16), edges, constant_values=-129)
    y = y.reshape(gradient.shape)

    def is_maximum(ky: int, kx: int) -> np.ndarray:
        return image[:, ky : ky + (oh - 1) * sy + 1 : sy, kx : kx + (ow - 1) * sx + 1 : sx] == y

    ties = sum(is_maximum(ky, kx).astype(np.float32) for ky in range(p.kernel[0]) for kx in range(p.kernel[1]))
    share = gradient / np.maximum(ties, 1)
    return [_scatter(p, len(share), lambda ky, kx: share * is_maximum(ky, kx))]


def _add(p: AddParams, _: np.ndarray, y: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    inside = (y > p.activation[0]) & (y < p.activation[1])
    common = gradient * inside * np.float32(p.requant_out.real[0] * 2.0**p.left_shift)
    return [common * np.float32(by.real[0]) for by in (p.requant1, p.requant2)]


def _softmax(p: SoftmaxParams, _: np.ndarray, y: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    """The output is 256 * softmax - 128; a step of the input is `step` in the exponent."""
    step = p.multiplier * 2.0 ** (p.left_shift - 31 - 26)
    share = (y.astype(np.float32) + 128) / 256
    mean = (share * gradient).sum(axis=-1, keepdims=True)
    return [np.float32(256 * step) * share * (gradient - mean)]


def _pad(p: PadParams, _: np.ndarray, __: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    inner = tuple(slice(before, before + size) for before, size in zip(p.before, p.input_shape))
    return [gradient.reshape(-1, *p.output_shape)[(slice(None), *inner)]]


def _mean(p: MeanParams, _: np.ndarray, __: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    share = gradient.reshape(-1, p.outer, 1, p.inner) * np.float32(p.requant.real[0])
    return [np.repeat(share, p.count, axis=2)]


def _requantize(p: RequantizeParams, _: np.ndarray, __: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    return [gradient * np.float32(p.requant.real[0])]


def _reshape(_: ReshapeParams, __: np.ndarray, ___: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
    return [gradient]


_LAYERS = {
    ConvParams: _conv,
    DepthwiseParams: _depthwise,
    FullyConnectedParams: _fully_connected,
    PoolParams: _pool,
    AddParams: _add,
    SoftmaxParams: _softmax,
    PadParams: _pad,
    MeanParams: _mean,
    RequantizeParams: _requantize,
    ReshapeParams: _reshape,
}
