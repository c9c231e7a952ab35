"""One frozen record of integers per operator: what its kernel needs and nothing else.

These are the results of TFLite's "Prepare": scales have become integer
multipliers, padding has become pixels. The golden model and the C generator
both read these records, so no fact about a layer is written down twice.

Shapes leave the batch out: activations are (h, w, c). Numpy fields are
read-only. Zero points are those of the tensors: kernels subtract the input's
and add the output's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Size = tuple[int, int]
Shape3 = tuple[int, int, int]


@dataclass(frozen=True)
class Requant:
    """Multiplication by reals, see `tr.requant`; n = channels or 1.

    `shift` > 0 is a left shift; range [-31, 30]. `real` is the quotient of
    scales before it became integers; only the golden model's FLOAT rounding
    looks at it.
    """

    multiplier: np.ndarray  # int32 [n]
    shift: np.ndarray  # int32 [n]
    real: np.ndarray  # float64 [n]


@dataclass(frozen=True)
class ConvParams:
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
    weights: np.ndarray  # int8 [c_out, kh * kw * c_in], (kh, kw, c_in) order
    bias: np.ndarray  # int32 [c_out]
    requant: Requant  # n = c_out


@dataclass(frozen=True)
class DepthwiseParams:
    """DEPTHWISE_CONV_2D: output channel o reads input channel o // depth_multiplier."""

    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    dilation: Size
    pad: Size
    depth_multiplier: int
    input_zero_point: int
    output_zero_point: int
    activation: Size
    weights: np.ndarray  # int8 [c_out, kh * kw]
    bias: np.ndarray  # int32 [c_out]
    requant: Requant  # n = c_out


@dataclass(frozen=True)
class FullyConnectedParams:
    """FULLY_CONNECTED on [rows, depth], giving [rows, units]."""

    rows: int
    depth: int
    units: int
    input_zero_point: int
    output_zero_point: int
    activation: Size
    weights: np.ndarray  # int8 [units, depth]
    bias: np.ndarray  # int32 [units]
    requant: Requant  # n = units


@dataclass(frozen=True)
class PoolParams:
    """AVERAGE_POOL_2D or MAX_POOL_2D over the part of the window inside the image.

    The average rounds half away from zero (of the quantised values).
    """

    kind: str  # "AVERAGE_POOL_2D" or "MAX_POOL_2D"
    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    pad: Size
    activation: Size


@dataclass(frozen=True)
class AddParams:
    """ADD of two tensors of `size` elements.

    out = requant_out(requant1((a - zp1) << left_shift) + requant2((b - zp2) << left_shift)) + zp
    """

    size: int
    input1_zero_point: int
    input2_zero_point: int
    output_zero_point: int
    left_shift: int
    requant1: Requant  # n = 1, shift <= 0
    requant2: Requant
    requant_out: Requant
    activation: Size


@dataclass(frozen=True)
class SoftmaxParams:
    """SOFTMAX over the last of [rows, depth], in fixed point.

    A difference to the row's maximum becomes Q5.26 by `multiplier` and
    `left_shift`; differences below `diff_min` give the smallest output.
    """

    rows: int
    depth: int
    multiplier: int
    left_shift: int
    diff_min: int


@dataclass(frozen=True)
class PadParams:
    """PAD or PADV2: `value` around the image, `before` and `after` each of (h, w, c)."""

    input_shape: Shape3
    output_shape: Shape3
    before: Shape3
    after: Shape3
    value: int


@dataclass(frozen=True)
class MeanParams:
    """MEAN over the middle of [outer, count, inner], giving [outer, inner].

    out = requant(sum - count * input_zero_point) + output_zero_point, saturated;
    the division by `count` is inside `requant` (n = 1).
    """

    outer: int
    count: int
    inner: int
    input_zero_point: int
    output_zero_point: int
    requant: Requant


@dataclass(frozen=True)
class RequantizeParams:
    """QUANTIZE from int8 to int8: out = requant(x - input_zero_point) + output_zero_point."""

    size: int
    input_zero_point: int
    output_zero_point: int
    requant: Requant  # n = 1


@dataclass(frozen=True)
class ReshapeParams:
    """RESHAPE: the same `size` bytes under another shape."""

    size: int


DotParams = ConvParams | DepthwiseParams | FullyConnectedParams
Params = DotParams | PoolParams | AddParams | SoftmaxParams | PadParams | MeanParams | RequantizeParams | ReshapeParams
