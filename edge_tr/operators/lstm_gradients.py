"""How errors go back through the integer LSTM and SVDF, for `tune`: the linearised model, in which rounding is the
identity and what saturates has no gradient.

Gradients are float32; those of a step have one row a sequence, [n, units].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.operators.lstm_gates import Gate, Norm
from edge_tr.operators.products import SumsParams
from edge_tr.tr.requant import Rounding

ONE = np.float32(1 << 15)
"""1 of values with 15 fraction bits."""
STEEPEST = np.float32(8)
"""A gate has 12 fraction bits before its sigmoid or tanh and 15 behind."""


Sums = dict[str, np.ndarray]
"""Gradients of the sums of an LSTM's parts in one step, by the part's name: float32 [n, units]."""


@dataclass(frozen=True)
class Step:
    """Integers of one step of an LSTM: what it read; by name, each gate before and behind its activation; the new cell
    state and its tanh; the hidden values and the output."""

    x: np.ndarray
    h: np.ndarray
    cell: np.ndarray
    before: Mapping[str, np.ndarray]
    gates: Mapping[str, np.ndarray]
    new_cell: np.ndarray
    squashed: np.ndarray
    hidden: np.ndarray
    output: np.ndarray


def inside(values: np.ndarray) -> np.ndarray:
    """bool: not at an end of its type, where it may have saturated."""
    limits = np.iinfo(values.dtype)
    return (values > limits.min) & (values < limits.max)


def real(part: SumsParams) -> np.float32:
    """What a sum of a dot product is multiplied with."""
    return np.float32(part.requant.real[0])


def through_tanh(squashed: np.ndarray) -> np.ndarray:
    """1 - tanh^2 of int16 with 15 fraction bits."""
    return 1 - np.square(squashed / ONE)


def through_gate(
    gate: Gate, step: Step, name: str, cell: np.ndarray, gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Sums]:
    """Of (input, output a step before, the cell state `cell` that the gate sees), and of the gate's sums, from that of
    the gate behind its activation."""
    value = step.gates[name] / ONE
    slope = through_tanh(step.gates[name]) if name == "cell" else value * (1 - value)
    summed = gradient * STEEPEST * slope * inside(step.before[name])
    if gate.norm is not None:
        summed = _through_norm(gate.norm, _unnormalised(gate, step, cell), summed)
    sums = {f"input_to_{name}": summed * real(gate.input), f"recurrent_to_{name}": summed * real(gate.recurrent)}
    parts = ((gate.input, step.x), (gate.recurrent, step.h))
    x, h = (part.input_gradient(of).reshape(read.shape) for of, (part, read) in zip(sums.values(), parts))
    seen = np.zeros(cell.shape, np.float32)
    if gate.peephole is not None:
        count = gate.peephole.count
        weights = gate.peephole.weights.astype(np.float32) * np.float32(gate.peephole.factor.real[0])
        seen[:, :count] = (summed * weights)[:, :count]
    return x, h, seen, sums


def _unnormalised(gate: Gate, step: Step, cell: np.ndarray) -> np.ndarray:
    return Gate(gate.input, gate.recurrent, gate.peephole).before_activation(step.x, step.h, cell, Rounding.DOUBLE)


def _through_norm(norm: Norm, values: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Layer normalisation: what is common to all cells of a row has no effect, nor has their spread."""
    values = values.astype(np.float32)
    spread = np.maximum(values.std(axis=1, keepdims=True), 1)
    normal = (values - values.mean(axis=1, keepdims=True)) / spread
    weighted = gradient * norm.weights.astype(np.float32) * np.float32(norm.factor.real[0])
    along = (weighted * normal).mean(axis=1, keepdims=True)
    return (weighted - weighted.mean(axis=1, keepdims=True) - normal * along) / spread
