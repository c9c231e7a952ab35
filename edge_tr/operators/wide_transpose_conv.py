"""TRANSPOSE_CONV of int16 with int8 weights: tensorflow/lite/kernels/transpose_conv.cc,
reference/integer_ops/transpose_conv.h. Sums have 64 bits with a bias of int64; with one of int32, and without one,
they have 32, and wrap (TFLite Micro's have 64 without a bias too)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity
from edge_tr.operators.dot import per_channel_requant
from edge_tr.operators.transpose_conv import Transposed, geometry
from edge_tr.operators.wide import fused_limits, wide
from edge_tr.operators.wide_sums import SUMMED, WideSums, bias_of, fitting
from edge_tr.record import Requant, Size
from edge_tr.structs import SHAPE, WINDOW, Call, Field, Struct
from edge_tr.structs import window as window_members
from edge_tr.tr.requant import Rounding

STRUCT = Struct(
    "tr_wide_transpose_conv",
    "TRANSPOSE_CONV of int16: weights [output channel][height][width][input channel].",
    (
        Field("uint32_t", "batches"),
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        *SUMMED,
    ),
)


@dataclass(frozen=True)
class WideTransposeConvParams(WideSums, Transposed):
    """Of int16."""

    activation: Size
    weights: np.ndarray  # int8 [c_out, kh, kw, c_in]
    bias: np.ndarray  # int64 [c_out]
    requant: Requant  # n = c_out
    narrow: bool

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, *self.input_shape).astype(np.float64)
        acc = np.zeros((len(x), *self.output_shape))
        for weights, sources, targets in self.meetings(self.weights):
            acc[targets] += x[sources] @ weights.T.astype(np.float64)
        return (self.finished(acc, rounding),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        return [self.spread(self.gradient_of_sums(output, gradient), self.weights)]

    def call(self) -> Call:
        values = {
            "batches": self.batches,
            "input": self.input_shape,
            "output": self.output_shape,
            "window": window_members(self.kernel, self.stride, pad=self.pad),
            **self.members(),
        }
        return Call("tr_wide_transpose_conv", STRUCT, values)


def prepare(graph: Graph, op: Op) -> WideTransposeConvParams:
    """The padding is that of a convolution from the output back to the input."""
    arity(op, (3, 4))
    x, y = wide(graph, op.inputs[2], "input"), wide(graph, op.outputs[0], "output")
    w, stride, pad = geometry(graph, op, x, y)
    as_convolution = replace(op, inputs=(op.inputs[2], op.inputs[1], *op.inputs[3:]))
    bias, narrow = bias_of(graph, as_convolution, w.shape[0], ("int32", "int64"))
    narrow = narrow or len(op.inputs) == 3 or op.inputs[3] < 0
    return WideTransposeConvParams(
        batches=x.shape[0],
        input_shape=x.shape[1:],
        output_shape=y.shape[1:],
        kernel=w.shape[1:3],
        stride=stride,
        pad=pad,
        activation=fused_limits(op, y),
        weights=w.data,
        bias=bias,
        requant=fitting(per_channel_requant(x, w, y, w.shape[0]), narrow),
        narrow=narrow,
    )


STRUCTS = (STRUCT,)
INT16_KINDS = {"TRANSPOSE_CONV": prepare}
