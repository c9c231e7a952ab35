"""What the operators with weights share: their constants in the file, sums as intervals, gradients.

Sources: tensorflow/lite/kernels/kernel_util.cc and internal/quantization_util.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import DATA_RANGE, finish, finished_range
from edge_tr.operators.checks import INT8, constant, read_only, requant, require, scale, shape_text, zero_point
from edge_tr.record import Range, Record, Requant, Size
from edge_tr.tr.requant import Rounding


class DotParams(Record):
    """An operator whose outputs are dot products with constant weights: planned by kernels, revealed by budgets."""

    channel_axis: ClassVar[int] = 0  # of the weights in the file
    input_zero_point: int
    output_zero_point: int
    activation: Size  # (min, max) of the int8 result
    weights: np.ndarray  # int8 or int16 [rows, K]: rows = output channels, K = the reduction axis
    weights_zero_point: int  # weights are the graph's int8 ones less this: 0 but of uint8 models
    bias: np.ndarray  # int32 [rows]
    requant: Requant  # n = rows

    def accumulated(self, x: np.ndarray) -> np.ndarray:
        """int32 [..., rows], the sums with their bias, in the output's shape; x int16 [n, ...] without zero point."""
        raise NotImplementedError

    def sums(self, x: Range) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the sums without bias, int64 [patterns, rows]: for each set of taps that a border leaves. x as
        dot products take it, see `seen`."""
        raise NotImplementedError

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """Of x, from that of the accumulators [n, ..., rows]."""
        raise NotImplementedError

    def laid_out(self, weights: np.ndarray) -> np.ndarray:
        """int8 [rows, K] in the order of TFLite's tensor, its shape included."""
        raise NotImplementedError

    def dense(self, weights: np.ndarray) -> np.ndarray:
        """The same of an operator of some of its channels, which need not fall into groups any more."""
        return self.laid_out(weights)

    @property
    def weight_range(self) -> Size:
        """(least, most) of the weights that a file can hold with this zero point."""
        return INT8[0] - self.weights_zero_point, INT8[1] - self.weights_zero_point

    def stored(self, weights: np.ndarray) -> np.ndarray:
        """Weights as int8 with their zero point."""
        return (weights.astype(np.int16) + np.int16(self.weights_zero_point)).astype(np.int8)

    def in_file(self, weights: np.ndarray) -> np.ndarray:
        """Weights [rows, K] as the graph's int8 tensor, its shape and zero point included."""
        return self.laid_out(self.stored(weights))

    def reading(self, channels: int, kept: np.ndarray) -> np.ndarray:
        """int [K']: columns of the weights that read the input's channels `kept`, int [n], of all its `channels`."""
        return np.arange(self.weights.shape[1])

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        centred = inputs[0].astype(np.int16) - np.int16(self.input_zero_point)
        acc = self.accumulated(centred if data_table is None else data_table[centred + DATA_RANGE])
        return (finish(acc, self.requant, self.output_zero_point, self.activation, rounding),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        low, high = self.sums(seen(inputs[0], self.input_zero_point, data_terms))
        bias = self.bias.astype(np.int64)
        ends = (low.min(axis=0) + bias, high.max(axis=0) + bias)
        return (finished_range(*ends, self.requant, self.output_zero_point, self.activation),)

    def accumulator_gradient(self, output: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """From the int8 output [n, ..., rows] to the int32 accumulator: float32 [n, ..., rows]."""
        low, high = self.activation
        inside = (output > low) & (output < high)
        return gradient * inside * self.requant.real.astype(np.float32)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        return [self.input_gradient(self.accumulator_gradient(output, gradient))]


class MixingParams(DotParams):
    """A dot product that mixes the channels of its input: a channel that it does not read may go."""

    def by_channel(self, channels: int) -> bool:
        """Whether each weight belongs to one of the input's `channels`."""
        return self.weights.shape[1] % channels == 0

    def leaves_image(self) -> bool:
        """Whether some taps of some window lie outside."""
        return False

    def reads(self, inputs: Sequence[Range], alive: np.ndarray, data_terms: np.ndarray | None = None) -> np.ndarray:
        x, count = inputs[0], len(inputs[0].low)
        if not self.by_channel(count):
            return np.full(count, alive.any())
        used = (self.weights.reshape(len(self.weights), -1, count) != 0)[alive].any(axis=(0, 1))
        return used & ~self._foldable(x, data_terms)

    def _foldable(self, x: Range, data_terms: np.ndarray | None) -> np.ndarray:
        """bool [channels]: constants that add the same to every sum."""
        adds_nothing = seen(x, self.input_zero_point, data_terms).low == 0
        return x.constant & (adds_nothing | (not self.leaves_image()))

    def reading(self, channels: int, kept: np.ndarray) -> np.ndarray:
        columns = np.arange(self.weights.shape[1])
        return columns.reshape(-1, channels)[:, kept].ravel() if self.by_channel(channels) else columns


def with_weights(record: DotParams, weights: np.ndarray) -> DotParams:
    """The same layer with other weights [rows, K] of its type."""
    return replace(record, weights=fitting(record, weights))


def fitting(record: DotParams, weights: np.ndarray) -> np.ndarray:
    """`weights`; ValueError unless they are of the layer's shape, of its type or a shorter one, and what its file can
    hold."""
    weights, own, (low, high) = np.asarray(weights), record.weights, record.weight_range
    if weights.dtype.kind != "i" or not np.can_cast(weights.dtype, own.dtype) or weights.shape != own.shape:
        raise ValueError(f"weights must be {own.dtype} {own.shape}, got {weights.dtype} {weights.shape}")
    if weights.size and not low <= int(weights.min()) <= int(weights.max()) <= high:
        raise ValueError(f"weights must be {low} to {high}")
    return weights


def seen(x: Range, zero_point: int, data_terms: np.ndarray | None) -> Range:
    """x - zero_point as a dot product takes it, truncated to s terms or whole."""
    low, high = x.low - zero_point, x.high - zero_point
    if data_terms is None:
        return Range(low, high)
    parts = [data_terms[a + DATA_RANGE : b + DATA_RANGE + 1].astype(np.int64) for a, b in zip(low, high)]
    return Range(np.array([p.min() for p in parts]), np.array([p.max() for p in parts]))


def products(weights: np.ndarray, x: Range) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of sum(weights * x) over the last axis."""
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    return up @ x.low + down @ x.high, up @ x.high + down @ x.low


def matmul(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """int32 [m, rows] = x [m, K] @ weights [rows, K].T, exact, through floating-point BLAS.

    Every partial sum is an integer of at most sum|w| * max|x|; below 2**24 float32
    holds them all, and below 2**53, which an int8 model cannot reach, float64.
    """
    kind = _float_for(np.abs(weights.astype(np.int64)).sum(axis=1).max(), x)
    exact = x.astype(kind, copy=False) @ weights.T.astype(kind)
    return exact.astype(np.int64).astype(np.int32)


def _float_for(weight_sum: int, x: np.ndarray) -> type:
    largest = max(abs(int(x.min(initial=0))), abs(int(x.max(initial=0))))
    return np.float32 if weight_sum * largest < 1 << 24 else np.float64


# --- the constants in the file ---------------------------------------------------------------------


def weights_tensor(graph: Graph, op: Op, rank: int, channel_axis: int) -> Tensor:
    """int8 weights in the file with zero point 0, per-channel only along the output channels; uint8 ones per tensor
    with any zero point."""
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
    if w.unsigned:
        require(q.per_tensor, "uint8 weights with several scales", "one scale and zero point")
        require(INT8[0] <= zero_point(w) <= INT8[1], f"weights' zero point {zero_point(w) + 128}", "0 to 255")
    else:
        require(not q.zero_point.any(), "weights with a zero point other than 0", "0")
    return w


def centred(w: Tensor) -> np.ndarray:
    """The weights less their zero point: int8 where that holds them, else int16."""
    values = w.data.astype(np.int16) - np.int16(zero_points(w))
    short = values.astype(np.int8)
    return w.data if not zero_points(w) else read_only(short if (short == values).all() else values)


def zero_points(w: Tensor) -> int:
    """Of all of the weights, whose scales may differ."""
    return int(w.quantization.zero_point[0])


def bias(graph: Graph, op: Op, channels: int, optional: bool = False) -> np.ndarray:
    """int32 [channels], zeros without a bias; `optional`: one that is named may be absent."""
    if len(op.inputs) < 3 or (op.inputs[2] < 0 and optional):
        return read_only(np.zeros(channels, dtype=np.int32))
    b = constant(graph, op.inputs[2], "bias", ("int32",))
    require(b.size == channels, f"{b.size} biases for {channels} output channels", "one each")
    q = b.quantization
    require(q is None or not q.zero_point.any(), "a bias with a zero point other than 0", "0")
    return b.data.reshape(channels)


def requant_of(graph: Graph, op: Op, x: Tensor, w: Tensor, y: Tensor, channels: int) -> Requant:
    """`PopulateConvolutionQuantizationParams` in kernel_util.cc: per channel, or of a uint8 layer for all of them."""
    return common_requant(graph, op, x, w, y, channels) if x.unsigned else per_channel_requant(x, w, y, channels)


def common_requant(graph: Graph, op: Op, x: Tensor, w: Tensor, y: Tensor, channels: int) -> Requant:
    """`GetQuantizedConvolutionMultipler`: the scales are multiplied in float32, and the bias's scale is checked."""
    with np.errstate(over="ignore", under="ignore"):
        product = float(x.quantization.scale[0] * w.quantization.scale[0])
    if len(op.inputs) == 3 and op.inputs[2] >= 0:
        quantization = graph.tensor(op.inputs[2]).quantization
        bias_scale = 0.0 if quantization is None else float(quantization.scale[0])
        require(
            abs(scale(x) * scale(w) - bias_scale) / scale(y) <= 0.02,
            f"bias scale {bias_scale}",
            f"about input scale times weight scale, {product}",
        )
    real = per_channel_requant(x, w, y, channels).real
    return replace(requant(np.full(channels, product / scale(y))), real=real)


def per_channel_requant(x: Tensor, w: Tensor, y: Tensor, channels: int) -> Requant:
    """Products and quotients of doubles."""
    scales = np.broadcast_to(w.quantization.scale.astype(np.float64), (channels,))
    return requant(scale(x) * scales / scale(y))
