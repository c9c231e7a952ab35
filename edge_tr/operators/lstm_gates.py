"""A step of TFLite's integer LSTM on int16 gates: kernels/internal/reference/portable_tensor_utils.cc.

Arrays are [n, cells]: one row a sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from edge_tr.operators.arithmetic import requant
from edge_tr.operators.products import SumsParams
from edge_tr.record import Requant
from edge_tr.tr.fixed_point import inverse_square_root
from edge_tr.tr.fixed_point16 import INT16_MAX, INT16_MIN
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier, rounding_divide_by_pot


@dataclass(frozen=True)
class Peephole:
    """int16 `weights` [cells] that the cell state is multiplied with; those of its first `count` cells, all but in a
    projection to fewer outputs: TFLite takes their number for that of the cells."""

    weights: np.ndarray
    count: int
    factor: Requant  # n = 1

    def add(self, gate: np.ndarray, cell: np.ndarray, rounding: Rounding) -> np.ndarray:
        """`VectorBatchVectorCwiseProductAccumulate`."""
        product = (self.weights.astype(np.int32) * cell)[:, : self.count]
        gate = gate.copy()
        gate[:, : self.count] = _saturated(requant(product, self.factor, rounding), gate[:, : self.count])
        return gate


@dataclass(frozen=True)
class Norm:
    """Layer normalisation: int16 `weights` and int32 `bias` [cells], then `factor`. `guard` takes the place of a
    variance below 1."""

    weights: np.ndarray
    bias: np.ndarray
    factor: Requant  # n = 1
    guard: int

    def apply(self, gate: np.ndarray, rounding: Rounding) -> np.ndarray:
        """`ApplyLayerNorm`."""
        count, values = gate.shape[1], gate.astype(np.int64)
        mean = _towards_zero(values.sum(axis=1) * 1024, count)
        variance = (values * values).sum(axis=1) * ((1 << 20) // count) - mean * mean
        variance = _towards_zero(variance, 1 << 20)
        variance = np.where(variance < 1, self.guard, variance)
        multiplier, shift = inverse_square_root(variance)
        shifted = (1024 * values - mean[:, None]).astype(np.int32)
        rescaled = multiply_by_quantized_multiplier(shifted, multiplier[:, None], shift[:, None], rounding)
        weighted = (rescaled.astype(np.int64) * self.weights + self.bias).astype(np.int32).astype(np.int64)
        scaled = _towards_zero(np.where(weighted > 0, weighted + 512, weighted - 512), 1024)
        return np.clip(requant(scaled.astype(np.int32), self.factor, rounding), INT16_MIN, INT16_MAX).astype(np.int16)


@dataclass(frozen=True)
class Gate:
    """One gate: what it adds up of the input, of the output a step before, and of the cell state if it sees that."""

    input: SumsParams
    recurrent: SumsParams
    peephole: Peephole | None = None
    norm: Norm | None = None

    def before_activation(self, x: np.ndarray, h: np.ndarray, cell: np.ndarray, rounding: Rounding) -> np.ndarray:
        """int16; x int8 [n, inputs], h int8 [n, outputs], cell int16."""
        gate = np.zeros((len(x), self.input.units), np.int16)
        for part, values in ((self.input, x), (self.recurrent, h)):
            gate = _saturated(requant(part.of(values), part.requant, rounding), gate)
        if self.peephole is not None:
            gate = self.peephole.add(gate, cell, rounding)
        return gate if self.norm is None else self.norm.apply(gate, rounding)


@dataclass(frozen=True)
class Gates:
    """All of a cell; without an input gate it is coupled to the forget gate."""

    input: Gate | None
    forget: Gate
    cell: Gate
    output: Gate

    def items(self) -> list[tuple[str, Gate]]:
        """Those that there are, by name, in the order of the operator's inputs."""
        named = {item.name: getattr(self, item.name) for item in fields(self)}
        return [(name, gate) for name, gate in named.items() if gate is not None]


def _saturated(scaled: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """int16 sums of int32 and int16."""
    return np.clip((scaled.astype(np.int64) + gate).astype(np.int32), INT16_MIN, INT16_MAX).astype(np.int16)


def _towards_zero(values: np.ndarray, divisor: int) -> np.ndarray:
    """int64 quotients, as C divides."""
    return np.sign(values) * (np.abs(values) // divisor)


def multiplied(a: np.ndarray, b: np.ndarray, shift: int) -> np.ndarray:
    """`CwiseMul` to int16: a * b / 2^shift."""
    return rounding_divide_by_pot(a.astype(np.int32) * b.astype(np.int32), shift).astype(np.int16)


def added(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`CwiseAdd`."""
    return np.clip(a.astype(np.int32) + b, INT16_MIN, INT16_MAX).astype(np.int16)
