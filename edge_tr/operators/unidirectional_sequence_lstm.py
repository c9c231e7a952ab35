"""UNIDIRECTIONAL_SEQUENCE_LSTM: tensorflow/lite/kernels/unidirectional_sequence_lstm.cc, lstm_eval.cc
(`EvalInteger8x8_16`, `LstmStepInteger8x8_16`).

Versions 1 to 4; int8 activations and weights, int16 cell state of a scale that is a power of two; with or without
coupled input and forget gates (CIFG), peepholes, layer normalisation, a projection, clipping. Sigmoids and tanh are
gemmlowp's of 16 bits. TFLite Micro looks them up in tables and knows neither of the options: where both differ, TFLite
is followed.

The operator is up to nine dot products a step and arithmetic on int16 gates. Each is a part of its own for budgets and
kernels: input_to_forget, recurrent_to_forget and so on, projection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from edge_tr.operators.arithmetic import finish, requant
from edge_tr.operators.checks import INT8
from edge_tr.operators.lstm_gates import Gate, Gates, added, multiplied
from edge_tr.operators.lstm_gradients import ONE, Step, Sums, inside, real, through_gate, through_tanh
from edge_tr.operators.products import PRODUCT, SumsParams, product, replaced
from edge_tr.record import Part, Record, Requant
from edge_tr.structs import FACTOR, Array, Call, Field, Struct, Value
from edge_tr.tr.fixed_point16 import INT16_MAX, logistic, tanh
from edge_tr.tr.requant import Rounding

GATES = ("input", "forget", "cell", "output")
"""In the order of the operator's inputs."""
INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, NORMS = 1, 5, 12, 20
"""Inputs of the operator: of the first gate, the others' follow."""
PEEPHOLES = {"input": 9, "forget": 10, "output": 11}
PROJECTION, PROJECTION_BIAS, OUTPUT_STATE, CELL_STATE = 16, 17, 18, 19
GATE_BITS = 3
"""Integer bits of a gate before its sigmoid or tanh."""

GATE_STRUCT = Struct(
    "tr_lstm_gate",
    "A gate: its dot products with the input and the output a step before (nulls: the input gate is coupled to the\n"
    "forget gate), peephole and layer normalisation, each null if there is none.",
    (
        Field(PRODUCT, "input"),
        Field(PRODUCT, "recurrent"),
        Field("const int16_t *", "peephole"),
        Field(FACTOR, "peephole_factor"),
        Field("const int16_t *", "norm"),
        Field("const int32_t *", "norm_bias"),
        Field(FACTOR, "norm_factor"),
        Field("int32_t", "guard", "in place of a variance below 1"),
    ),
)
STRUCT = Struct(
    "tr_lstm",
    "UNIDIRECTIONAL_SEQUENCE_LSTM. Gates: input, forget, cell, output.",
    (
        Field("uint32_t", "batch"),
        Field("uint32_t", "steps"),
        Field("uint32_t", "sequence", "steps from the first of one sequence to that of the next"),
        Field("uint32_t", "stride", "steps from one of a sequence to its next one"),
        Field("uint32_t", "inputs"),
        Field("uint32_t", "cells"),
        Field("uint32_t", "outputs"),
        Field("uint32_t", "peepholes", "cells that peepholes see"),
        Field(GATE_STRUCT, "gates", count=4),
        Field("uint32_t", "cell_bits", "integer bits of the cell state"),
        Field("int16_t", "cell_clip", "0: none"),
        Field(FACTOR, "hidden"),
        Field("int16_t", "hidden_zero_point"),
        Field(PRODUCT, "projection", "nulls: none"),
        Field("int16_t", "projection_zero_point"),
        Field("int8_t", "projection_clip", "0: none"),
        Field("uint32_t", "workspace", "bytes of scratch before a kernel's own"),
    ),
)


@dataclass(frozen=True)
class Projection:
    """From the hidden values to the outputs; `clip` 0: none."""

    sums: SumsParams
    zero_point: int
    clip: int


@dataclass(frozen=True)
class LstmParams(Record):
    """A sequence of `steps` for each of `batch`, the outer axis if not `time_major`.

    cell_bits  integer bits of the int16 cell state, 0 to 6; cell_clip 0: none
    hidden     of the product of output gate and tanh of the cell, n = 1
    """

    shows_parts: ClassVar[bool] = True

    batch: int
    steps: int
    time_major: bool
    gates: Gates
    cell_bits: int
    cell_clip: int
    hidden: Requant
    hidden_zero_point: int
    projection: Projection | None

    @property
    def cells(self) -> int:
        return self.gates.forget.input.units

    @property
    def outputs(self) -> int:
        return self.gates.forget.recurrent.depth

    def parts(self) -> tuple[Part, ...]:
        found = []
        for name, gate in self.gates.items():
            number = GATES.index(name)
            bias = BIASES + number if gate.norm is None else -1
            found.append(Part(f"input_to_{name}", gate.input, 0, INPUT_WEIGHTS + number, bias))
            found.append(Part(f"recurrent_to_{name}", gate.recurrent, Part.OUTPUT, RECURRENT_WEIGHTS + number))
        if self.projection is not None:
            found.append(Part("projection", self.projection.sums, Part.INSIDE, PROJECTION, PROJECTION_BIAS))
        return tuple(found)

    def with_parts(self, records: Mapping[str, Record]) -> LstmParams:
        own = replaced({part.name: part.record for part in self.parts()}, records)
        gates = {
            name: replace(gate, input=own[f"input_to_{name}"], recurrent=own[f"recurrent_to_{name}"])
            for name, gate in self.gates.items()
        }
        projection = self.projection and replace(self.projection, sums=own["projection"])
        return replace(self, gates=replace(self.gates, **gates), projection=projection)

    def part_inputs(self, inputs: Sequence[np.ndarray]) -> Mapping[str, np.ndarray]:
        steps = list(self._steps(inputs, Rounding.DOUBLE))
        read = {name: self._used([getattr(step, name) for step in steps]) for name in ("x", "h", "hidden")}
        source = {0: "x", Part.OUTPUT: "h", Part.INSIDE: "hidden"}
        return {part.name: read[source[part.activation]] for part in self.parts()}

    def _used(self, of_steps: Sequence[np.ndarray]) -> np.ndarray:
        """[n, uses, ...] of [n * batch, ...] in each step."""
        stacked = np.stack(of_steps, axis=1)
        return stacked.reshape(-1, self.batch * self.steps, *stacked.shape[2:])

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        """(outputs, output state, cell state)."""
        steps = list(self._steps(inputs, rounding))
        shape = (len(inputs[0]), self.batch, -1)
        outputs = np.stack([step.output.reshape(shape) for step in steps], axis=self._time)
        return outputs, steps[-1].output.reshape(shape), steps[-1].new_cell.reshape(shape)

    @property
    def _time(self) -> int:
        """The axis of an input [n, ...]."""
        return 1 if self.time_major else 2

    def _in_order(self, values: np.ndarray) -> np.ndarray:
        """A sequence of inputs or outputs, [n, batch and steps in the file's order, ...]."""
        order = (self.steps, self.batch) if self.time_major else (self.batch, self.steps)
        return values.reshape(len(values), *order, -1)

    def _steps(self, inputs: Sequence[np.ndarray], rounding: Rounding) -> Iterator[Step]:
        x, rows = self._in_order(inputs[0]), len(inputs[0]) * self.batch
        h, cell = inputs[1].reshape(rows, self.outputs), inputs[2].reshape(rows, self.cells)
        for number in range(self.steps):
            step = self._step(x.take(number, axis=self._time).reshape(rows, -1), h, cell, rounding)
            h, cell = step.output, step.new_cell
            yield step

    def _step(self, x: np.ndarray, h: np.ndarray, cell: np.ndarray, rounding: Rounding) -> Step:
        """Of each sequence the next one."""
        before, gates = {}, {}
        for name in ("forget", "cell", "input"):
            if (gate := getattr(self.gates, name)) is not None:
                before[name] = gate.before_activation(x, h, cell, rounding)
                gates[name] = (tanh if name == "cell" else logistic)(before[name], GATE_BITS)
        entering = gates["input"] if "input" in gates else (INT16_MAX - gates["forget"]).astype(np.int16)
        new = added(multiplied(gates["forget"], cell, 15), multiplied(entering, gates["cell"], 15 + self.cell_bits))
        if self.cell_clip > 0:
            new = np.clip(new, -self.cell_clip, self.cell_clip)
        before["output"] = self.gates.output.before_activation(x, h, new, rounding)
        gates["output"] = logistic(before["output"], GATE_BITS)
        squashed = tanh(new, self.cell_bits)
        product = gates["output"].astype(np.int32) * squashed
        hidden = finish(product[..., None], self.hidden, self.hidden_zero_point, INT8, rounding)[..., 0]
        output = hidden if self.projection is None else self._projected(hidden, rounding)
        return Step(x, h, cell, before, gates, new, squashed, hidden, output)

    def _projected(self, hidden: np.ndarray, rounding: Rounding) -> np.ndarray:
        part, zero, clip = self.projection.sums, self.projection.zero_point, self.projection.clip
        scaled = requant(part.of(hidden), part.requant, rounding).astype(np.int64)
        output = np.clip((scaled + zero).astype(np.int32), *INT8)
        return (np.clip(output, -clip, clip) if clip > 0 else output).astype(np.int8)

    def all_gradients(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Of the inputs, the output state and the cell state."""
        return self.backward(inputs, outputs, gradients)[0]

    def backward(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], Mapping[str, np.ndarray]]:
        """Gates are computed again. One inference's states are the next one's inputs, so that `inputs` must hold what
        they were."""
        steps, rows = list(self._steps(inputs, Rounding.DOUBLE)), len(inputs[0]) * self.batch
        of_outputs, of_x, of_sums = self._in_order(gradients[0]), [None] * self.steps, [None] * self.steps
        h, cell = (gradients[n].reshape(rows, -1) for n in (1, 2))
        for number in reversed(range(self.steps)):
            h = h + of_outputs.take(number, axis=self._time).reshape(rows, -1)
            of_x[number], h, cell, of_sums[number] = self._back(steps[number], h, cell)
        shaped = [x.reshape(len(inputs[0]), self.batch, -1) for x in of_x]
        sums = {name: self._used([of[name] for of in of_sums]) for name in of_sums[0]}
        return [np.stack(shaped, axis=self._time), h, cell], sums

    def _back(
        self, step: Step, output: np.ndarray, cell: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Sums]:
        """Of (x, h, cell) of a step and of its sums, from those of its output and of its new cell state."""
        sums: Sums = {}
        if self.projection is not None:
            part = self.projection.sums
            sums["projection"] = output * inside(step.output) * real(part)
            output = part.input_gradient(sums["projection"])
        product = output * inside(step.hidden) * np.float32(self.hidden.real[0])
        found = [self._through("output", step, product * step.squashed, step.new_cell)]
        bent = product * step.gates["output"] * through_tanh(step.squashed) * (1 << self.cell_bits)
        new = (cell + found[0][2] + bent) * inside(step.new_cell)
        entering = step.gates["input"] if "input" in step.gates else INT16_MAX - step.gates["forget"].astype(np.int32)
        scale = ONE * (1 << self.cell_bits)
        forget, kept = new * step.cell / ONE, new * step.gates["forget"] / ONE
        candidate, let_in = new * entering / scale, new * step.gates["cell"] / scale
        if "input" in step.gates:
            found.append(self._through("input", step, let_in, step.cell))
        else:
            forget = forget - let_in
        found.append(self._through("forget", step, forget, step.cell))
        found.append(self._through("cell", step, candidate, step.cell))
        for of in found:
            sums |= of[3]
        return sum(of[0] for of in found), sum(of[1] for of in found), kept + sum(of[2] for of in found[1:]), sums

    def _through(
        self, name: str, step: Step, gradient: np.ndarray, cell: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Sums]:
        return through_gate(getattr(self.gates, name), step, name, cell, gradient)

    def golden_bytes(self, elements: int) -> int:
        return 24 * elements + 256 * self.batch * (self.cells + self.outputs)

    def call(self) -> Call:
        apart, following = (1, self.batch) if self.time_major else (self.steps, 1)
        projection = self.projection
        values = {
            "batch": self.batch,
            "steps": self.steps,
            "sequence": apart,
            "stride": following,
            "inputs": self.gates.forget.input.depth,
            "cells": self.cells,
            "outputs": self.outputs,
            "peepholes": min(self.cells, self.outputs),
            "gates": tuple(_gate(name, getattr(self.gates, name)) for name in GATES),
            "cell_bits": self.cell_bits,
            "cell_clip": self.cell_clip,
            "hidden": self.hidden,
            "hidden_zero_point": self.hidden_zero_point,
            "projection": product("projection", projection and projection.sums),
            "projection_zero_point": projection.zero_point if projection else 0,
            "projection_clip": projection.clip if projection else 0,
            "workspace": self.workspace,
        }
        return Call("tr_lstm", STRUCT, values, scratch_bytes=self.workspace)

    @property
    def workspace(self) -> int:
        """Bytes: sums of one product, four gates, and of a projection the hidden values."""
        hidden = self.cells if self.projection else 0
        return 4 * max(self.cells, self.outputs) + 8 * self.cells + -(-hidden // 4) * 4


def _gate(name: str, gate: Gate | None) -> Value:
    """struct tr_lstm_gate; nulls without a gate."""
    peephole, norm = (gate.peephole, gate.norm) if gate else (None, None)
    return {
        "input": product(f"input_to_{name}", gate and gate.input),
        "recurrent": product(f"recurrent_to_{name}", gate and gate.recurrent),
        "peephole": Array("int16_t", f"cell_to_{name}", peephole.weights) if peephole else 0,
        "peephole_factor": peephole.factor if peephole else (0, 0),
        "norm": Array("int16_t", f"{name}_norm", norm.weights) if norm else 0,
        "norm_bias": Array("int32_t", f"{name}_norm_bias", norm.bias) if norm else 0,
        "norm_factor": norm.factor if norm else (0, 0),
        "guard": norm.guard if norm else 0,
    }
