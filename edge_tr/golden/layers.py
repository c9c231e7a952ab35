"""Every operator in integer numpy, equal to TFLite's reference kernels bit for bit.

A function takes a layer's record and a batch of samples, int8 [n, ...] of any
shape with the right number of elements, and returns int8 [n, ...] in the
record's shape. Sources: tensorflow/lite/kernels/internal/reference/
integer_ops/{conv,depthwise_conv,fully_connected,pooling,add}.h and
reference/{softmax,reduce,requantize,pad}.h.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from edge_tr.ir.layers import (
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
from edge_tr.tr.requant import (
    Rounding,
    multiply_by_quantized_multiplier,
)
from edge_tr.tr.softmax import exponentials, softmax

DATA_RANGE = 255  # |x - zero_point| of int8 x and zero point
INT8_VALUES = np.arange(-128, 128, dtype=np.int32)


def apply(
    record: Params, inputs: list[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
) -> np.ndarray:
    """Run one layer; `data_table` is int16 [511], what x - zero_point = -255..255 is truncated to."""
    if isinstance(record, DotParams):
        return _DOTS[type(record)](record, _centred(record, inputs[0], data_table), rounding)
    return _LAYERS[type(record)](record, *inputs, rounding)


def requant(x: np.ndarray, by: Requant, rounding: Rounding) -> np.ndarray:
    """int32 [..., channels] times `by`; int32, wrapping where C would overflow."""
    if rounding is not Rounding.FLOAT:
        return multiply_by_quantized_multiplier(x, by.multiplier, by.shift, rounding)
    product = x * by.real
    rounded = np.copysign(np.floor(np.abs(product) + 0.5), product)
    return np.clip(rounded, -(2.0**31), 2.0**31 - 1).astype(np.int32)


def _finish(acc: np.ndarray, by: Requant, zero_point: int, limits: tuple[int, int], rounding: Rounding) -> np.ndarray:
    """Accumulators int32 [..., channels] to int8: scale, add the zero point, clamp."""
    scaled = requant(acc, by, rounding)
    scaled += np.int32(zero_point)
    return np.clip(scaled, *limits).astype(np.int8)


def _centred(record: DotParams, x: np.ndarray, data_table: np.ndarray | None) -> np.ndarray:
    """x - zero_point, int16, passed through the table if there is one."""
    centred = x.astype(np.int16) - np.int16(record.input_zero_point)
    return centred if data_table is None else data_table[centred + DATA_RANGE]


def _taps(size: int, out: int, kernel: int, stride: int, dilation: int, pad: int) -> Iterator[tuple[int, slice, slice]]:
    """Along one axis: (tap, the outputs whose tap lies inside the image, the inputs there)."""
    for tap in range(kernel):
        offset = tap * dilation - pad
        first, last = max(0, -(offset // stride)), min(out - 1, (size - 1 - offset) // stride)
        if first <= last:
            start = first * stride + offset
            yield tap, slice(first, last + 1), slice(start, (last - first) * stride + start + 1, stride)


def _window_taps(p: ConvParams | DepthwiseParams) -> Iterator[tuple[int, int, tuple, tuple]]:
    """(tap y, tap x, index of outputs [n, oh, ow], index of inputs [n, h, w])."""
    (h, w, _), (oh, ow, _) = p.input_shape, p.output_shape
    columns = list(_taps(w, ow, p.kernel[1], p.stride[1], p.dilation[1], p.pad[1]))
    for ky, oy, iy in _taps(h, oh, p.kernel[0], p.stride[0], p.dilation[0], p.pad[0]):
        for kx, ox, ix in columns:
            yield ky, kx, (slice(None), oy, ox), (slice(None), iy, ix)


def _matmul(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
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


def _conv(p: ConvParams, x: np.ndarray, rounding: Rounding) -> np.ndarray:
    (h, w, c), (oh, ow, c_out), (kh, kw) = p.input_shape, p.output_shape, p.kernel
    image = x.reshape(-1, h, w, c)
    patches = np.zeros((len(image), oh, ow, kh, kw, c), dtype=np.int16)
    for ky, kx, outputs, inputs in _window_taps(p):
        patches[(*outputs, ky, kx)] = image[inputs]
    acc = _matmul(patches.reshape(-1, kh * kw * c), p.weights)
    acc += p.bias
    return _finish(acc, p.requant, p.output_zero_point, p.activation, rounding).reshape(-1, oh, ow, c_out)


def _depthwise(p: DepthwiseParams, x: np.ndarray, rounding: Rounding) -> np.ndarray:
    (h, w, c), (oh, ow, c_out), (_, kw) = p.input_shape, p.output_shape, p.kernel
    image = x.reshape(-1, h, w, c, 1).astype(np.int32)
    taps = p.weights.astype(np.int32).reshape(c, p.depth_multiplier, -1)
    acc = np.zeros((len(image), oh, ow, c, p.depth_multiplier), dtype=np.int32)
    for ky, kx, outputs, inputs in _window_taps(p):
        acc[outputs] += image[inputs] * taps[:, :, ky * kw + kx]
    acc = acc.reshape(-1, oh, ow, c_out)
    acc += p.bias
    return _finish(acc, p.requant, p.output_zero_point, p.activation, rounding)


def _fully_connected(p: FullyConnectedParams, x: np.ndarray, rounding: Rounding) -> np.ndarray:
    acc = _matmul(x.reshape(-1, p.depth), p.weights)
    acc += p.bias
    result = _finish(acc, p.requant, p.output_zero_point, p.activation, rounding)
    return result.reshape(-1, p.rows, p.units)


def _pool(p: PoolParams, x: np.ndarray, _: Rounding) -> np.ndarray:
    """Windows are separable: along h, then along w."""
    image = x.reshape(-1, *p.input_shape).astype(np.int32)
    average = p.kind == "AVERAGE_POOL_2D"
    combine, empty = (np.add, 0) if average else (np.maximum, -128)
    count = np.ones((1, *p.input_shape[:2], 1), dtype=np.int32)
    for axis in (0, 1):
        image = _pool_axis(p, image, axis, combine, empty)
        count = _pool_axis(p, count, axis, np.add, 0)
    if average:
        magnitude = (np.abs(image) + count // 2) // count
        image = np.where(image > 0, magnitude, -magnitude)
    return np.clip(image, *p.activation).astype(np.int8)


def _pool_axis(p: PoolParams, image: np.ndarray, axis: int, combine: Callable, empty: int) -> np.ndarray:
    """`combine` the window along h (axis 0) or w (axis 1) of [n, h, w, c]."""
    rows = np.moveaxis(image, axis + 1, 0)
    result = np.full((p.output_shape[axis], *rows.shape[1:]), empty, dtype=np.int32)
    size, out = p.input_shape[axis], p.output_shape[axis]
    for _, outputs, inputs in _taps(size, out, p.kernel[axis], p.stride[axis], 1, p.pad[axis]):
        result[outputs] = combine(result[outputs], rows[inputs])
    return np.moveaxis(result, 0, axis + 1)


def _add(p: AddParams, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
    scaled1 = requant((INT8_VALUES - p.input1_zero_point) << p.left_shift, p.requant1, rounding)
    scaled2 = requant((INT8_VALUES - p.input2_zero_point) << p.left_shift, p.requant2, rounding)
    acc = scaled1[a.astype(np.int16) + 128]
    acc += scaled2[b.reshape(a.shape).astype(np.int16) + 128]
    return _finish(acc, p.requant_out, p.output_zero_point, p.activation, rounding)


def _softmax(p: SoftmaxParams, x: np.ndarray, rounding: Rounding) -> np.ndarray:
    return softmax(x.reshape(-1, p.rows, p.depth), softmax_exponentials(p, rounding))


@functools.cache
def softmax_exponentials(p: SoftmaxParams, rounding: Rounding = Rounding.DOUBLE) -> np.ndarray:
    """The layer's table of exponentials, see `tr.softmax`; read-only."""
    table = exponentials(p.multiplier, p.left_shift, p.diff_min, rounding)
    table.flags.writeable = False
    return table


def _pad(p: PadParams, x: np.ndarray, _: Rounding) -> np.ndarray:
    widths = [(0, 0), *zip(p.before, p.after)]
    return np.pad(x.reshape(-1, *p.input_shape), widths, constant_values=p.value)


def _mean(p: MeanParams, x: np.ndarray, rounding: Rounding) -> np.ndarray:
    acc = x.reshape(-1, p.outer, p.count, p.inner).sum(axis=2, dtype=np.int32)
    acc -= np.int32(p.count * p.input_zero_point)
    return _finish(acc, p.requant, p.output_zero_point, (-128, 127), rounding)


def _requantize(p: RequantizeParams, x: np.ndarray, rounding: Rounding) -> np.ndarray:
    centred = INT8_VALUES - np.int32(p.input_zero_point)
    table = _finish(centred, p.requant, p.output_zero_point, (-128, 127), rounding)
    return table[x.astype(np.int16) + 128]


def _reshape(_: ReshapeParams, x: np.ndarray, __: Rounding) -> np.ndarray:
    return x


_DOTS = {ConvParams: _conv, DepthwiseParams: _depthwise, FullyConnectedParams: _fully_connected}
_LAYERS = {
    PoolParams: _pool,
    AddParams: _add,
    SoftmaxParams: _softmax,
    PadParams: _pad,
    MeanParams: _mean,
    RequantizeParams: _requantize,
    ReshapeParams: _reshape,
}
