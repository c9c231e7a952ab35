"""SVDF: tensorflow/lite/kernels/svdf.cc, internal/reference/svdf.h (`EvalIntegerSVDF`).

Versions 1 to 4; int8 activations and feature weights. Time weights and state are int16, or int8 with a zero point of
the state: that only TFLite Micro has (micro/kernels/svdf_common.cc), which is followed. The fused activation is ignored
by both, though TFLite wants it to be RELU.

Products with the feature weights are a part of its own for budgets and kernels; those with the time weights, of one
filter's memory each, are computed as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import finish, requant
from edge_tr.operators.checks import (
    INT8,
    activation_tensor,
    constant,
    output_shape,
    require,
    require_options,
    scale,
    shape_text,
    updates,
    zero_point,
)
from edge_tr.operators.checks import requant as factor_of
from edge_tr.operators.lstm_gradients import inside
from edge_tr.operators.products import PRODUCT, SumsParams, matrix, one_scale, product, replaced, sums, vector
from edge_tr.record import Part, Record, Requant
from edge_tr.structs import FACTOR, Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

FEATURE, TIME, BIAS, STATE = 1, 2, 3, 4
"""Inputs of the operator."""
NAME = "feature"
STRUCT = Struct(
    "tr_svdf",
    "SVDF: each of `units` sums `rank` filters, and a filter its last `memory` products with the input, weighted.",
    (
        Field("uint32_t", "batch"),
        Field("uint32_t", "inputs"),
        Field("uint32_t", "units"),
        Field("uint32_t", "rank"),
        Field("uint32_t", "memory"),
        Field(PRODUCT, "feature"),
        Field("const int8_t *", "time", "[units * rank][memory]; int16 of a state that is"),
        Field("const int16_t *", "time16"),
        Field("int16_t", "state_zero_point"),
        Field("const int32_t *", "bias"),
        Field(FACTOR, "factor"),
        Field("int16_t", "output_zero_point"),
        Field("uint32_t", "workspace", "bytes of scratch before a kernel's own"),
    ),
)


@dataclass(frozen=True)
class SvdfParams(Record):
    """For each of `batch` rows: `feature` products enter the state, int8 or int16 [filters, memory], from which the
    oldest leave; then requant(sum over rank and memory of (state - zero point) * time + bias) + output zero point."""

    batch: int
    rank: int
    feature: SumsParams
    time: np.ndarray  # of the state's type [filters, memory]
    state_zero_point: int
    bias: np.ndarray  # int32 [units]
    requant: Requant  # n = 1
    output_zero_point: int

    def parts(self) -> tuple[Part, ...]:
        return (Part(NAME, self.feature, 0, FEATURE),)

    def with_parts(self, records: Mapping[str, Record]) -> SvdfParams:
        return replace(self, feature=replaced({NAME: self.feature}, records)[NAME])

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        """(outputs, state)."""
        filters, memory = self.time.shape
        x = inputs[0].reshape(-1, self.feature.depth)
        limits = np.iinfo(self.time.dtype)
        entering = np.clip(requant(self.feature.of(x), self.feature.requant, rounding), limits.min, limits.max)
        state = np.empty((len(x), filters, memory), self.time.dtype)
        state[:, :, :-1] = inputs[1].reshape(state.shape)[:, :, 1:]
        state[:, :, -1] = (entering + self.state_zero_point).astype(self.time.dtype)  # wraps
        remembered = ((state.astype(np.int64) - self.state_zero_point) * self.time).sum(axis=2)
        acc = remembered.reshape(len(x), -1, self.rank).sum(axis=2) + self.bias
        acc = (acc & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
        output = finish(acc[..., None], self.requant, self.output_zero_point, INT8, rounding)
        return output.reshape(-1, self.batch, len(self.bias)), state.reshape(-1, self.batch, filters * memory)

    def all_gradients(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Of the inputs and of the state before."""
        filters, memory = self.time.shape
        summed = gradients[0].reshape(-1, len(self.bias)) * inside(outputs[0]).reshape(-1, len(self.bias))
        each = np.repeat(summed * np.float32(self.requant.real[0]), self.rank, axis=1)
        state = gradients[1].reshape(-1, filters, memory) + each[:, :, None] * self.time.astype(np.float32)
        entering = state[:, :, -1] * np.float32(self.feature.requant.real[0])
        before = np.zeros_like(state)
        before[:, :, 1:] = state[:, :, :-1]
        return [self.feature.input_gradient(entering), before]

    def golden_bytes(self, elements: int) -> int:
        return 24 * elements + 32 * self.batch * self.time.size

    def call(self) -> Call:
        filters, memory = self.time.shape
        wide = self.time.dtype == np.int16
        time = Array("int16_t" if wide else "int8_t", "time", self.time.ravel())
        workspace = 4 * filters
        values = {
            "batch": self.batch,
            "inputs": self.feature.depth,
            "units": len(self.bias),
            "rank": self.rank,
            "memory": memory,
            "feature": product(NAME, self.feature),
            "time16" if wide else "time": time,
            "state_zero_point": self.state_zero_point,
            "bias": Array("int32_t", "bias", self.bias),
            "factor": self.requant,
            "output_zero_point": self.output_zero_point,
            "workspace": workspace,
        }
        return Call("tr_svdf16" if wide else "tr_svdf", STRUCT, values, scratch_bytes=workspace)


def prepare(graph: Graph, op: Op) -> SvdfParams:
    """Scales are multiplied and divided in float32."""
    require_options(op)
    require(len(op.inputs) == 5 and len(op.outputs) == 1, f"{len(op.inputs)} inputs", "5, and one output")
    x, y = activation_tensor(graph, op.inputs[0], "input"), activation_tensor(graph, op.outputs[0], "output")
    require(len(x.shape) == 2, f"input of shape {shape_text(x.shape)}", "two dimensions")
    batch, inputs = x.shape
    time = constant(graph, op.inputs[TIME], "time weights", ("int8", "int16"))
    require(len(time.shape) == 2, f"time weights of shape {shape_text(time.shape)}", "two dimensions")
    filters, rank = time.shape[0], int(op.options["rank"])
    require(rank > 0 and filters % rank == 0, f"rank {rank} of {filters} filters", "a rank that divides them")
    units = filters // rank
    output_shape(y, (batch, units))
    feature = matrix(graph, op.inputs[FEATURE], "feature weights", (filters, inputs))
    state = _state(graph, op, batch * time.size, one_scale(time, "time weights").dtype)
    updates(op, (STATE,))
    biased = op.inputs[BIAS] >= 0
    bias = vector(graph, op.inputs[BIAS], "bias", units, "int32").data if biased else np.zeros(units, np.int32)
    entering, leaving = (_scale(a) * _scale(b) / _scale(c) for a, b, c in ((x, feature, state), (state, time, y)))
    return SvdfParams(
        batch=batch,
        rank=rank,
        feature=sums(feature, zero_point(x), None, factor_of(float(entering)), batch),
        time=time.data,
        state_zero_point=zero_point(state),
        bias=bias,
        requant=factor_of(float(leaving)),
        output_zero_point=zero_point(y),
    )


def _state(graph: Graph, op: Op, size: int, dtype: str) -> Tensor:
    tensor = graph.tensor(op.inputs[STATE])
    known = tensor.index in graph.states and tensor.dtype == dtype and tensor.size == size
    require(known, f"state of type {tensor.dtype}, {tensor.size} elements", f"an {dtype} variable of {size}")
    q = tensor.quantization
    good = q is not None and q.per_tensor and scale(tensor) > 0
    require(good, "state without one scale and zero point", "per-tensor quantisation")
    low, high = INT8 if dtype == "int8" else (0, 0)
    require(low <= zero_point(tensor) <= high, f"state zero point {zero_point(tensor)}", f"{low} to {high}")
    return tensor


def _scale(tensor: Tensor) -> np.float32:
    return np.float32(tensor.quantization.scale[0])


STRUCTS = (STRUCT,)
KINDS = {"SVDF": (prepare, 4)}
