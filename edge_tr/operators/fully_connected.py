"""FULLY_CONNECTED: tensorflow/lite/kernels/fully_connected.cc, internal/reference/integer_ops/fully_connected.h.

tflite-runtime 2.14 takes the second dimension of the output for the units of per-channel weights, which is wrong where
`keep_num_dims` leaves more than two; TFLite Micro and LiteRT take the last one, and are followed.

Weights that are computed make it a BATCH_MATMUL of two activations: without terms, and here without a bias too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.batch_matmul import BatchMatmulParams, multiplied
from edge_tr.operators.checks import (
    activation_range,
    activation_tensor,
    arity,
    output_shape,
    require,
    shape_text,
    zero_point,
)
from edge_tr.operators.dot import (
    MixingParams,
    bias,
    centred,
    common_requant,
    matmul,
    per_channel_requant,
    products,
    weights_tensor,
    zero_points,
)
from edge_tr.record import Range, Requant, Size


@dataclass(frozen=True)
class FullyConnectedParams(MixingParams):
    """FULLY_CONNECTED on [rows, depth], giving [rows, units]."""

    rows: int
    depth: int
    units: int
    input_zero_point: int
    output_zero_point: int
    activation: Size
    weights: np.ndarray  # int8 or int16 [units, depth]
    bias: np.ndarray  # int32 [units]
    requant: Requant  # n = units
    weights_zero_point: int = 0

    @property
    def uses(self) -> int:
        """How often one inference uses each weight."""
        return self.rows

    def accumulated(self, x: np.ndarray) -> np.ndarray:
        acc = matmul(x.reshape(-1, self.depth), self.weights)
        acc += self.bias
        return acc.reshape(-1, self.rows, self.units)

    def sums(self, x: Range) -> tuple[np.ndarray, np.ndarray]:
        low, high = products(self.weights.astype(np.int64), x.over(self.depth))
        return low[None], high[None]

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        return gradient.reshape(-1, self.units) @ self.weights.astype(np.float32)

    def laid_out(self, weights: np.ndarray) -> np.ndarray:
        return weights


def prepare(graph: Graph, op: Op) -> FullyConnectedParams | BatchMatmulParams:
    """Weights OI; the input is read as [rows, depth] whatever its shape."""
    arity(op, (2, 3))
    layout = op.options.get("weights_format", 0)
    require(layout == 0, f"weights format {layout}", "the default format")
    x = activation_tensor(graph, op.inputs[0], "input")
    y = activation_tensor(graph, op.outputs[0], "output")
    computed = op.inputs[1] >= 0 and graph.tensor(op.inputs[1]).data is None
    w = _computed_weights(graph, op) if computed else weights_tensor(graph, op, rank=2, channel_axis=0)
    units, depth = w.shape
    keep = op.options.get("keep_num_dims", False)
    fits = x.shape[-1:] == (depth,) if keep else x.size % depth == 0
    require(fits, f"an input of shape {shape_text(x.shape)} for weights of depth {depth}", "rows of that depth")
    rows = x.size // depth
    output_shape(y, (*x.shape[:-1], units) if keep else (rows, units))
    if computed:
        return multiplied((x, w), ((1, 1, 1, rows, depth), (1, 1, 1, units, depth)), (False, True), y)
    return FullyConnectedParams(
        rows=rows,
        depth=depth,
        units=units,
        input_zero_point=zero_point(x),
        output_zero_point=zero_point(y),
        activation=activation_range(op, y),
        weights=centred(w),
        bias=bias(graph, op, units, optional=True),
        requant=requant_of_rows(graph, op, x, w, y, units),
        weights_zero_point=zero_points(w),
    )


def _computed_weights(graph: Graph, op: Op) -> Tensor:
    w = activation_tensor(graph, op.inputs[1], "computed weights")
    require(len(w.shape) == 2, f"weights of shape {shape_text(w.shape)}", "2 dimensions")
    require(len(op.inputs) < 3 or op.inputs[2] < 0, "a bias beside computed weights", "weights without one")
    activation = op.options.get("fused_activation_function", "NONE")
    require(activation == "NONE", f"{activation} behind computed weights", "weights without a fused activation")
    return w


def requant_of_rows(graph: Graph, op: Op, x: Tensor, w: Tensor, y: Tensor, units: int) -> Requant:
    """Per tensor it is that of uint8 layers."""
    if w.quantization.per_tensor:
        return common_requant(graph, op, x, w, y, units)
    return per_channel_requant(x, w, y, units)


KINDS = {"FULLY_CONNECTED": (prepare, 14)}
