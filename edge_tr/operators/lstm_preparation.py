"""Prepare of UNIDIRECTIONAL_SEQUENCE_LSTM: `PopulateQuantizedLstmParams8x8_16` and
`PopulatePrecomputedZPTimesWeightsWithBias` in tensorflow/lite/kernels/unidirectional_sequence_lstm.cc.

Scales are multiplied and divided in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import (
    INT8,
    INT16_MAX,
    activation_tensor,
    output_shape,
    requant,
    require,
    require_options,
    scale,
    shape_text,
    updates,
    zero_point,
)
from edge_tr.operators.lstm_gates import Gate, Gates, Norm, Peephole
from edge_tr.operators.products import matrix, one_scale, sums, vector
from edge_tr.operators.unidirectional_sequence_lstm import (
    BIASES,
    CELL_STATE,
    GATES,
    INPUT_WEIGHTS,
    NORMS,
    OUTPUT_STATE,
    PEEPHOLES,
    PROJECTION,
    PROJECTION_BIAS,
    RECURRENT_WEIGHTS,
    STRUCT,
    LstmParams,
    Projection,
)
from edge_tr.record import Requant
from edge_tr.tr.requant import MAX_LEFT_SHIFT

GATE_SCALE = np.float32(2.0**-12)
"""Of a gate before its sigmoid or tanh; with layer normalisation of what comes out of that."""
HIDDEN = 4
"""Of the intermediate tensors; those before it are the gates'."""
CELL_POWERS = (-15, -9)
"""Of the cell state's scale, 2^power: tanh takes 0 to 6 integer bits."""
NORM_SHIFT = 12
MAX_NORM_CELLS = 1 << 12
"""Of a layer normalisation: more might not fit the 32 bits that TFLite has for a weighted value."""


def prepare(graph: Graph, op: Op) -> LstmParams:
    """int8 activations, int16 cell state; the options of the module's docstring."""
    require_options(op)
    require(len(op.inputs) in (20, 24), f"{len(op.inputs)} inputs", "20 or 24")
    require(len(op.outputs) == 1, f"{len(op.outputs)} outputs", "1")
    activation = op.options["fused_activation_function"]
    require(activation == "TANH", f"activation {activation}", "TANH")
    x = activation_tensor(graph, op.inputs[0], "input")
    require(len(x.shape) == 3, f"input of shape {shape_text(x.shape)}", "three dimensions")
    weights = [_matrix_shape(graph, op, first + 3, "output gate") for first in (INPUT_WEIGHTS, RECURRENT_WEIGHTS)]
    return _Preparation(graph, op, x, weights[0][0], weights[1][1]).record()


def _matrix_shape(graph: Graph, op: Op, position: int, what: str) -> tuple[int, ...]:
    require(op.inputs[position] >= 0, f"no weights of the {what}", "weights")
    shape = graph.tensor(op.inputs[position]).shape
    require(len(shape) == 2, f"weights of the {what} of shape {shape_text(shape)}", "two dimensions")
    return shape


@dataclass(frozen=True)
class _Preparation:
    """`cells` and `outputs`: their numbers."""

    graph: Graph
    op: Op
    x: Tensor
    cells: int
    outputs: int

    def record(self) -> LstmParams:
        y = activation_tensor(self.graph, self.op.outputs[0], "output")
        output_shape(y, (*self.x.shape[:2], self.outputs))
        major = bool(self.op.options["time_major"])
        steps, batch = self.x.shape[:2] if major else self.x.shape[1::-1]
        state = self._state(OUTPUT_STATE, "output state", "int8", batch * self.outputs)
        cell = self._state(CELL_STATE, "cell state", "int16", batch * self.cells)
        updates(self.op, (OUTPUT_STATE, CELL_STATE))
        power = math.log2(scale(cell))
        low, high = CELL_POWERS
        supported = f"a power of two from 2^{low} to 2^{high}"
        require(power.is_integer() and low <= power <= high, f"cell state scale {scale(cell)}", supported)
        require(zero_point(cell) == 0, f"cell state zero point {zero_point(cell)}", "0")
        require(INT8[0] <= zero_point(state) <= INT8[1], f"output state zero point {zero_point(state)}", "-128 to 127")
        hidden = self._quantised(self._intermediate(HIDDEN), "hidden")
        coupled = [not self._has(first) for first in (INPUT_WEIGHTS, RECURRENT_WEIGHTS)]
        require(coupled[0] == coupled[1], "one matrix of weights of the input gate", "both or none")
        projects = self._has(PROJECTION)
        low = -127 if projects else -128
        require(low <= zero_point(hidden) <= 127, f"hidden zero point {zero_point(hidden)}", f"{low} to 127")
        require(
            projects or self.cells == self.outputs, f"{self.cells} cells for {self.outputs} outputs", "a projection"
        )
        gates = [self._gate(number, state, int(power), batch * steps) for number in range(int(coupled[0]), len(GATES))]
        return LstmParams(
            batch=batch,
            steps=steps,
            time_major=major,
            gates=Gates(*([None] if coupled[0] else []), *gates),
            cell_bits=15 + int(power),
            cell_clip=self._clip("cell_clip", cell, INT16_MAX),
            hidden=requant(float(np.float32(2.0**-15 / scale(hidden) * 2.0**-15))),
            hidden_zero_point=-zero_point(hidden) if projects else zero_point(hidden),
            projection=self._projection(hidden, state, y, batch * steps) if projects else None,
        )

    def _gate(self, number: int, state: Tensor, power: int, uses: int) -> Gate:
        name = GATES[number]
        weights = self._weights(INPUT_WEIGHTS + number, f"input to {name} weights", (self.cells, self.x.shape[2]))
        recurrent = self._weights(
            RECURRENT_WEIGHTS + number, f"recurrent to {name} weights", (self.cells, self.outputs)
        )
        bias = self._vector(BIASES + number, f"{name} bias", self.cells, "int32").data
        normed = self._has(NORMS + 1)
        to = _scale(self._quantised(self._intermediate(number), f"{name} gate")) if normed else GATE_SCALE
        factors = [requant(float(_scale(w) * _scale(a) / to)) for w, a in ((weights, self.x), (recurrent, state))]
        return Gate(
            sums(weights, zero_point(self.x), None if normed else bias, factors[0], uses),
            sums(recurrent, zero_point(state), None, factors[1], uses),
            self._peephole(name, power, to),
            self._norm(number, bias) if normed else None,
        )

    def _peephole(self, name: str, power: int, to: np.float32) -> Peephole | None:
        wanted = [self._has(PEEPHOLES[gate]) for gate in ("forget", "output")]
        require(wanted[0] == wanted[1], "a peephole of one of the forget and output gates", "of both or none")
        if not wanted[0] or name not in PEEPHOLES:
            return None
        weights = self._vector(PEEPHOLES[name], f"cell to {name} weights", self.cells, "int16")
        self._check_peepholes()
        return Peephole(
            weights.data,
            min(self.cells, self.outputs),
            requant(float(np.float32(2.0**power * scale(one_scale(weights, "peephole")) / float(to)))),
        )

    def _check_peepholes(self) -> None:
        """TFLite takes the number of outputs for that of the cells."""
        require(self.outputs <= self.cells, f"peepholes on {self.cells} cells, {self.outputs} outputs", "fewer outputs")

    def _norm(self, number: int, bias: np.ndarray) -> Norm:
        name = GATES[number]
        weights = self._vector(NORMS + number, f"{name} layer norm coefficients", self.cells, "int16")
        require(self.cells <= MAX_NORM_CELLS, f"layer normalisation over {self.cells}", f"up to {MAX_NORM_CELLS:,}")
        real = _scale(one_scale(weights, "layer norm coefficients"))
        factor = requant(float(real))
        shift = factor.shift + NORM_SHIFT
        require(shift.max() <= MAX_LEFT_SHIFT, f"layer norm scale {float(real)}", "a smaller scale")
        guard = max(1, int(np.float32(10000) * real))
        return Norm(weights.data, bias, Requant(factor.multiplier, shift, factor.real * 2.0**NORM_SHIFT), guard)

    def _projection(self, hidden: Tensor, state: Tensor, y: Tensor, uses: int) -> Projection:
        """In front of a projection the interpreter takes the hidden zero point for its negative."""
        weights = self._weights(PROJECTION, "projection weights", (self.outputs, self.cells))
        biased = self._has(PROJECTION_BIAS)
        bias = self._vector(PROJECTION_BIAS, "projection bias", self.outputs, "int32").data if biased else None
        factor = requant(float(_scale(weights) * _scale(hidden) / _scale(state)))
        return Projection(
            sums(weights, -zero_point(hidden), bias, factor, uses),
            zero_point(state),
            self._clip("proj_clip", y, INT8[1]),
        )

    def _clip(self, option: str, tensor: Tensor, most: int) -> int:
        """0 without one."""
        limit = np.float32(self.op.options[option])
        require(np.isfinite(limit) and limit >= 0, f"{option} {limit}", "0 and more")
        return int(min(limit / _scale(tensor), np.float32(most)))

    def _has(self, position: int) -> bool:
        return position < len(self.op.inputs) and self.op.inputs[position] >= 0

    def _weights(self, position: int, what: str, shape: tuple[int, int]) -> Tensor:
        return matrix(self.graph, self.op.inputs[position], what, shape)

    def _vector(self, position: int, what: str, size: int, dtype: str) -> Tensor:
        index = self.op.inputs[position] if self._has(position) else -1
        return vector(self.graph, index, what, size, dtype)

    def _state(self, position: int, what: str, dtype: str, size: int) -> Tensor:
        require(self._has(position), f"no {what}", f"an {dtype} variable")
        tensor = self.graph.tensor(self.op.inputs[position])
        known = tensor.index in self.graph.states and tensor.dtype == dtype and tensor.size == size
        found = f"{what} of type {tensor.dtype}, {tensor.size} elements"
        require(known, found, f"an {dtype} variable of {size}")
        return self._quantised(tensor, what)

    def _intermediate(self, number: int) -> Tensor:
        """Which says how a value inside is quantised."""
        count = len(self.op.intermediates)
        require(count == HIDDEN + 1, f"{count} intermediate tensors", f"{HIDDEN + 1}")
        return self.graph.tensor(self.op.intermediates[number])

    def _quantised(self, tensor: Tensor, what: str) -> Tensor:
        q = tensor.quantization
        good = q is not None and q.per_tensor and scale(tensor) > 0
        require(good, f"{what} without one scale and zero point", "per-tensor quantisation")
        return tensor


def _scale(tensor: Tensor) -> np.float32:
    return np.float32(tensor.quantization.scale[0])


STRUCTS = (STRUCT,)
KINDS = {"UNIDIRECTIONAL_SEQUENCE_LSTM": (prepare, 4)}
