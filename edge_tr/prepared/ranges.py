"""Which values each channel of a tensor can take: interval arithmetic from int8 inputs to clamped outputs.

Every operator's reference arithmetic never decreases as a sum grows, so the ends of an interval of sums give the
ends of the outputs. Padding is taken apart: every set of taps that lies inside the image at some output pixel is
summed by itself, so a constant that meets a border is bounded by what it really becomes there. Where arithmetic
could wrap, the whole clamped range is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

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
    Requant,
    RequantizeParams,
    ReshapeParams,
    SoftmaxParams,
)
from edge_tr.tr.requant import multiply_by_quantized_multiplier

INT32_MAX = (1 << 31) - 1
DATA_RANGE = 255  # |x - zero_point|


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of each channel (last axis) of an int8 tensor, int64 [channels]."""

    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """bool [channels]: one value at every pixel, for every input."""
        return self.low == self.high

    def over(self, channels: int) -> Range:
        """Of the same bytes read as rows of another number of channels."""
        own = len(self.low)
        if channels % own == 0:
            return Range(np.tile(self.low, channels // own), np.tile(self.high, channels // own))
        return Range(np.full(channels, self.low.min()), np.full(channels, self.high.max()))


def full_range(channels: int, limits: tuple[int, int] = (-128, 127)) -> Range:
    """Every channel anywhere in `limits`."""
    return Range(np.full(channels, limits[0], np.int64), np.full(channels, limits[1], np.int64))


def channel_ranges(
    graph: Graph, records: Mapping[int, Params], data_terms: Mapping[int, np.ndarray]
) -> dict[int, Range]:
    """Of every activation by tensor index. `records` and `data_terms` (int16 [511], see golden) by operator index."""
    ranges = {i: full_range(channels_of(graph, i)) for i in graph.inputs}
    for op in graph.ops:
        record, output = records[op.index], op.outputs[0]
        found = _RULES[type(record)](record, *(ranges[i] for i in activations(op, record)), data_terms.get(op.index))
        ranges[output] = found.over(channels_of(graph, output))
    return ranges


def channels_of(graph: Graph, tensor: int) -> int:
    """Length of a tensor's last axis."""
    return (1, *graph.tensor(tensor).shape)[-1]


def activations(op: Op, record: Params) -> tuple[int, ...]:
    """Tensor indices of the operator's inputs that are computed."""
    return op.inputs[: 2 if isinstance(record, AddParams) else 1]


def seen(x: Range, zero_point: int, data_terms: np.ndarray | None) -> Range:
    """x - zero_point as a dot product takes it, truncated to s terms or whole."""
    low, high = x.low - zero_point, x.high - zero_point
    if data_terms is None:
        return Range(low, high)
    parts = [data_terms[a + DATA_RANGE : b + DATA_RANGE + 1].astype(np.int64) for a, b in zip(low, high)]
    return Range(np.array([p.min() for p in parts]), np.array([p.max() for p in parts]))


def taps_inside(record: ConvParams | DepthwiseParams) -> np.ndarray:
    """bool [patterns, taps]: every set of a window's taps that lies inside the image at some output pixel."""
    axes = zip(
        record.input_shape, record.output_shape, record.kernel, record.stride, record.dilation, record.pad, strict=False
    )
    rows, columns = (_axis_patterns(*axis) for axis in axes)
    return (rows[:, None, :, None] & columns[None, :, None, :]).reshape(len(rows) * len(columns), -1)


def _axis_patterns(size: int, out: int, kernel: int, stride: int, dilation: int, pad: int) -> np.ndarray:
    at = np.arange(out)[:, None] * stride + np.arange(kernel) * dilation - pad
    return np.unique((at >= 0) & (at < size), axis=0)


def _dot(record: DotParams, x: Range, data_terms: np.ndarray | None) -> Range:
    low, high = _SUMS[type(record)](record, x, data_terms)  # [patterns, rows]
    bias = record.bias.astype(np.int64)
    ends = (low.min(axis=0) + bias, high.max(axis=0) + bias)
    return _finished(*ends, record.requant, record.output_zero_point, record.activation)


def _conv_sums(record: ConvParams, x: Range, data_terms: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    centred = seen(x, record.input_zero_point, data_terms)
    weights = record.weights.reshape(len(record.weights), -1, record.input_shape[2]).astype(np.int64)
    low, high = _products(weights, centred)  # [rows, taps]
    inside = taps_inside(record).astype(np.int64)
    return inside @ low.T, inside @ high.T


def _products(weights: np.ndarray, x: Range) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of sum(weights * x) over the last axis."""
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    return up @ x.low + down @ x.high, up @ x.high + down @ x.low


def _depthwise_sums(record: DepthwiseParams, x: Range, data_terms: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    centred = seen(x, record.input_zero_point, data_terms)
    low, high = (np.repeat(end, record.depth_multiplier)[:, None] for end in (centred.low, centred.high))
    weights = record.weights.astype(np.int64)  # [rows, taps]
    inside = taps_inside(record).astype(np.int64)
    ends = weights * low, weights * high
    return inside @ np.minimum(*ends).T, inside @ np.maximum(*ends).T


def _fully_connected_sums(
    record: FullyConnectedParams, x: Range, data_terms: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    centred = seen(x, record.input_zero_point, data_terms).over(record.depth)
    low, high = _products(record.weights.astype(np.int64), centred)
    return low[None], high[None]


def _finished(low: np.ndarray, high: np.ndarray, by: Requant, zero_point: int, limits: tuple[int, int]) -> Range:
    """Outputs of sums between `low` and `high`; all of `limits` where 32 bits would not hold them."""
    left = np.maximum(by.shift.astype(np.int64), 0)
    wraps = (np.maximum(np.abs(low), np.abs(high)) << left) > INT32_MAX - 128
    ends = []
    for end in (low, high):
        scaled = multiply_by_quantized_multiplier(np.where(wraps, 0, end).astype(np.int32), by.multiplier, by.shift)
        ends.append(np.clip(scaled.astype(np.int64) + zero_point, *limits))
    return Range(np.where(wraps, limits[0], ends[0]), np.where(wraps, limits[1], ends[1]))


def _clipped(x: Range, limits: tuple[int, int]) -> Range:
    return Range(np.clip(x.low, *limits), np.clip(x.high, *limits))


def _add(record: AddParams, a: Range, b: Range, _: object) -> Range:
    def total(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        parts = ((one, record.input1_zero_point, record.requant1), (other, record.input2_zero_point, record.requant2))
        scaled = [
            multiply_by_quantized_multiplier(
                ((x - zero_point) << record.left_shift).astype(np.int32), by.multiplier, by.shift
            )
            for x, zero_point, by in parts
        ]
        return scaled[0].astype(np.int64) + scaled[1]

    ends = total(a.low, b.low), total(a.high, b.high)
    return _finished(*ends, record.requant_out, record.output_zero_point, record.activation)


def _mean(record: MeanParams, x: Range, _: object) -> Range:
    inner = x.over(record.inner)
    ends = ((end - record.input_zero_point) * record.count for end in (inner.low, inner.high))
    return _finished(*ends, record.requant, record.output_zero_point, (-128, 127))


def _requantize(record: RequantizeParams, x: Range, _: object) -> Range:
    ends = (x.low - record.input_zero_point, x.high - record.input_zero_point)
    return _finished(*ends, record.requant, record.output_zero_point, (-128, 127))


def _pad(record: PadParams, x: Range, _: object) -> Range:
    """The value of the padding may appear in every channel."""
    values = x if record.before[2] == record.after[2] == 0 else x.over(1)
    padded = Range(np.minimum(values.low, record.value), np.maximum(values.high, record.value))
    return padded if any((*record.before, *record.after)) else x


_SUMS: dict[type, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    ConvParams: _conv_sums,
    DepthwiseParams: _depthwise_sums,
    FullyConnectedParams: _fully_connected_sums,
}
_RULES: dict[type, Callable[..., Range]] = {
    ConvParams: _dot,
    DepthwiseParams: _dot,
    FullyConnectedParams: _dot,
    AddParams: _add,
    PoolParams: lambda record, x, _: _clipped(x, record.activation),
    MeanParams: _mean,
    RequantizeParams: _requantize,
    ReshapeParams: lambda record, x, _: x,
    PadParams: _pad,
    SoftmaxParams: lambda record, x, _: full_range(len(x.low)),
}
