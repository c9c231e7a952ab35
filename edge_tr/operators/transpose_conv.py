"""TRANSPOSE_CONV: tensorflow/lite/kernels/transpose_conv.cc, reference/integer_ops/transpose_conv.h.

Versions 1 to 5; int8 with int8 weights, per tensor or per output channel, any batch, with or without a bias, with a
fused activation. The output's shape is a constant; where it is an input of the model it is taken to be the output
tensor's (`ir.folding`), as TFLite Micro does.

The products of one input pixel with the weights of all taps are a part for budgets and kernels (`products`): they are
added to the output rows that the pixel's row reaches, of which scratch holds as many as there are rows of weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import DATA_RANGE, finish
from edge_tr.operators.checks import (
    activation_range,
    activation_tensor,
    arity,
    integers,
    output_shape,
    read_only,
    require,
    require_options,
    shape_text,
    zero_point,
)
from edge_tr.operators.checks import requant as factor_of
from edge_tr.operators.dot import bias, centred, matmul, requant_of, weights_tensor, zero_points
from edge_tr.operators.products import PRODUCT, SumsParams, product, replaced
from edge_tr.record import Part, Range, Record, Requant, Shape3, Size, full_range
from edge_tr.structs import SHAPE, WINDOW, Array, Call, Field, Struct
from edge_tr.structs import window as window_members
from edge_tr.tr.requant import Rounding

WEIGHTS, INPUT = 1, 2
"""Inputs of the operator."""
NAME = "taps"
STRUCT = Struct(
    "tr_transpose_conv",
    "TRANSPOSE_CONV: `taps` are sums of one pixel with weights [output channel][height][width][input channel].",
    (
        Field("uint32_t", "batches"),
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        Field(PRODUCT, "taps", "whose factor is 1"),
        Field("int16_t", "output_zero_point"),
        Field("const int32_t *", "bias"),
        Field("const int32_t *", "multiplier"),
        Field("const int8_t *", "shift"),
        Field("int8_t", "minimum"),
        Field("int8_t", "maximum"),
        Field("uint32_t", "workspace", "bytes of scratch before a kernel's own"),
    ),
)


@dataclass(frozen=True)
class Transposed(Record):
    """Each input pixel, times weights [c_out, kernel, c_in], is added to the output from stride * place - pad on."""

    batches: int
    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    pad: Size

    def meetings(self, weights: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[slice, ...], tuple[slice, ...]]]:
        """(weights [c_out, c_in], which inputs it meets, which outputs they go to) of every tap, indices [n, h, w]."""
        by_tap = weights.reshape(self.output_shape[2], *self.kernel, self.input_shape[2])
        for ky in range(self.kernel[0]):
            for kx in range(self.kernel[1]):
                sides = [self._meets(axis, k) for axis, k in enumerate((ky, kx))]
                if all(sides):
                    whole = slice(None)
                    yield by_tap[:, ky, kx], (whole, *(s[0] for s in sides)), (whole, *(s[1] for s in sides))

    def _meets(self, axis: int, tap: int) -> tuple[slice, slice] | None:
        """The inputs along one axis that the tap takes into the output, and where; None: none."""
        step, offset = self.stride[axis], tap - self.pad[axis]
        first = max(0, -(offset // step))
        last = min(self.input_shape[axis] - 1, (self.output_shape[axis] - 1 - offset) // step)
        if first > last:
            return None
        start = first * step + offset
        return slice(first, last + 1), slice(start, start + (last - first) * step + 1, step)

    def spread(self, given: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The gradient [n, h, w, c_in] from that of the sums [n, h, w, c_out]."""
        result = np.zeros((len(given), *self.input_shape), np.float32)
        for by_tap, sources, targets in self.meetings(weights):
            result[sources] += given[targets] @ by_tap.astype(np.float32)
        return result


@dataclass(frozen=True)
class TransposeConvParams(Transposed):
    """`taps` has weights int8 or int16 [c_out * kh * kw, c_in]."""

    taps: SumsParams
    output_zero_point: int
    activation: Size
    bias: np.ndarray  # int32 [c_out]
    requant: Requant  # n = c_out

    def parts(self) -> tuple[Part, ...]:
        return (Part(NAME, self.taps, INPUT, WEIGHTS),)

    def with_parts(self, records: Mapping[str, Record]) -> TransposeConvParams:
        return replace(self, taps=replaced({NAME: self.taps}, records)[NAME])

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, *self.input_shape).astype(np.int16) - np.int16(self.taps.input_zero_point)
        if self.taps.cut is not None:
            x = self.taps.cut[x + DATA_RANGE]
        acc = np.zeros((len(x), *self.output_shape), np.int32)
        for weights, sources, targets in self.meetings(self.taps.weights):
            part = x[sources]
            acc[targets] += matmul(part.reshape(-1, part.shape[-1]), weights).reshape(*part.shape[:-1], -1)
        acc += self.bias
        return (finish(acc, self.requant, self.output_zero_point, self.activation, rounding),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], self.activation),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        low, high = self.activation
        inside = (output > low) & (output < high)
        given = (gradient * inside).reshape(-1, *self.output_shape) * self.requant.real.astype(np.float32)
        return [self.spread(given, self.taps.weights)]

    def call(self) -> Call:
        _, width, channels = self.output_shape
        workspace = 4 * (self.taps.units + self.kernel[0] * width * channels)
        values = {
            "batches": self.batches,
            "input": self.input_shape,
            "output": self.output_shape,
            "window": window_members(self.kernel, self.stride, pad=self.pad),
            "taps": product(NAME, self.taps),
            "output_zero_point": self.output_zero_point,
            "bias": Array("int32_t", "bias", self.bias),
            "multiplier": Array("int32_t", "multiplier", self.requant.multiplier),
            "shift": Array("int8_t", "shift", self.requant.shift),
            "minimum": self.activation[0],
            "maximum": self.activation[1],
            "workspace": workspace,
        }
        return Call("tr_transpose_conv", STRUCT, values, scratch_bytes=workspace)


def prepare(graph: Graph, op: Op) -> Record:
    """The padding is that of a convolution from the output back to the input."""
    arity(op, (3, 4))
    x, y = activation_tensor(graph, op.inputs[2], "input"), activation_tensor(graph, op.outputs[0], "output")
    w, stride, pad = geometry(graph, op, x, y)
    as_convolution = replace(op, inputs=(op.inputs[2], op.inputs[1], *op.inputs[3:]))
    return TransposeConvParams(
        batches=x.shape[0],
        input_shape=x.shape[1:],
        output_shape=y.shape[1:],
        kernel=w.shape[1:3],
        stride=stride,
        pad=pad,
        taps=_taps_of(x, w),
        output_zero_point=zero_point(y),
        activation=activation_range(op, y),
        bias=bias(graph, as_convolution, w.shape[0], optional=True),
        requant=requant_of(graph, as_convolution, x, w, y, w.shape[0]),
    )


def _taps_of(x: Tensor, w: Tensor) -> SumsParams:
    """One pixel's products."""
    units, depth = w.size // w.shape[3], w.shape[3]
    return SumsParams(
        rows=1,
        depth=depth,
        units=units,
        input_zero_point=zero_point(x),
        output_zero_point=0,
        activation=(0, 0),
        weights=centred(w).reshape(units, depth),
        bias=read_only(np.zeros(units, np.int32)),
        requant=factor_of(1.0),
        weights_zero_point=zero_points(w),
        uses=x.size // depth,
    )


def geometry(graph: Graph, op: Op, x: Tensor, y: Tensor) -> tuple[Tensor, Size, Size]:
    """(weights, stride, pad) of the convolution that leads from the output back to the input."""
    require_options(op)
    w = weights_tensor(graph, op, rank=4, channel_axis=0)
    shape = tuple(integers(graph, op.inputs[0], "output shape", ("int32",)))
    require(len(x.shape) == len(shape) == 4, f"input of shape {shape_text(x.shape)}", "four dimensions")
    require(w.shape[3] == x.shape[3], f"weights for {w.shape[3]} channels on an input of {x.shape[3]}", "as many")
    require(
        shape[::3] == (x.shape[0], w.shape[0]), f"output shape {shape}", f"batch {x.shape[0]}, {w.shape[0]} channels"
    )
    output_shape(y, shape)
    return w, *_back(op, x, w, shape)


def _back(op: Op, x: Tensor, w: Tensor, shape: tuple[int, ...]) -> tuple[Size, Size]:
    """(stride, pad) of the convolution that leads from `shape` to the input."""
    stride = (int(op.options["stride_h"]), int(op.options["stride_w"]))
    padding = op.options["padding"]
    require(min(stride) > 0 and padding in ("SAME", "VALID"), f"stride {stride}, padding {padding}", "SAME or VALID")
    pads = []
    for length, wanted, step, taps in zip(shape[1:3], x.shape[1:3], stride, w.shape[1:3]):
        found = math.ceil(length / step) if padding == "SAME" else (length - taps + step) // step
        require(found == wanted, f"{length} pixels from {wanted} by stride {step}", f"as many as give {wanted} again")
        pads.append(max((found - 1) * step + taps - length, 0) // 2)
    return stride, (pads[0], pads[1])


STRUCTS = (STRUCT,)
KINDS = {"TRANSPOSE_CONV": (prepare, 5)}
