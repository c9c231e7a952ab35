"""ADD: tensorflow/lite/kernels/add.cc, internal/reference/integer_ops/add.h."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators import sums
from edge_tr.operators.add_tables import AddTables, add_tables
from edge_tr.operators.arithmetic import INT8_VALUES, finish, finished_range, requant
from edge_tr.operators.checks import activation_range, operands, output_shape, require, scale, zero_point
from edge_tr.operators.checks import requant as requant_of
from edge_tr.record import Range, Record, Requant, Size
from edge_tr.structs import FACTOR, Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier

LEFT_SHIFT = 20
STRUCT = Struct(
    "tr_add",
    "ADD of two tensors of one shape.",
    (
        Field("uint32_t", "size"),
        Field("int16_t", "zero_point", count=2),
        Field("uint8_t", "left_shift"),
        Field(FACTOR, "input", count=2),
        Field(FACTOR, "output"),
        Field("int16_t", "output_zero_point"),
        Field("int8_t", "minimum"),
        Field("int8_t", "maximum"),
    ),
)
TABLES = Struct(
    "tr_add_tables",
    "The same by tables of each input's share of the result, [256] by x as an unsigned byte, with `fraction` fraction\n"
    "bits, rounding included. Results are 0 to `range` above `minimum`. The generator has made them for all pairs\n"
    "(edge_tr/operators/add_tables.py).",
    (
        Field("const int32_t *", "first"),
        Field("const int32_t *", "second"),
        Field("uint32_t", "fraction"),
        Field("uint32_t", "range"),
        Field("int32_t", "minimum"),
        Field("uint32_t", "size"),
    ),
)


@dataclass(frozen=True)
class AddParams(Record):
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

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """What each int8 value adds, int32 [256] by x + 128: of the first and of the second input."""
        return self._shares(Rounding.DOUBLE)

    def _shares(self, rounding: Rounding) -> tuple[np.ndarray, np.ndarray]:
        first = requant((INT8_VALUES - self.input1_zero_point) << self.left_shift, self.requant1, rounding)
        second = requant((INT8_VALUES - self.input2_zero_point) << self.left_shift, self.requant2, rounding)
        return first, second

    def exact(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of two int8 arrays, as `add_tables` asks."""
        return self.golden([a, b], Rounding.DOUBLE)[0]

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        (a, b), (first, second) = inputs, self._shares(rounding)
        acc = first[a.astype(np.int16) + 128]
        acc += second[b.reshape(a.shape).astype(np.int16) + 128]
        return (finish(acc, self.requant_out, self.output_zero_point, self.activation, rounding),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        a, b = inputs
        sums = (self._total(a.low, b.low), self._total(a.high, b.high))
        return (finished_range(*sums, self.requant_out, self.output_zero_point, self.activation),)

    def _total(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        parts = ((one, self.input1_zero_point, self.requant1), (other, self.input2_zero_point, self.requant2))
        scaled = [
            multiply_by_quantized_multiplier(
                ((x - zero_point) << self.left_shift).astype(np.int32), by.multiplier, by.shift
            )
            for x, zero_point, by in parts
        ]
        return scaled[0].astype(np.int64) + scaled[1]

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0])] * 3

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        inside = (output > self.activation[0]) & (output < self.activation[1])
        common = gradient * inside * np.float32(self.requant_out.real[0] * 2.0**self.left_shift)
        return [common * np.float32(by.real[0]) for by in (self.requant1, self.requant2)]

    def call(self) -> Call:
        """By tables where all pairs of inputs give the reference's result."""
        tables = add_tables(self)
        if tables is not None:
            return Call("tr_add_tables", TABLES, self._by_tables(tables), kernel="tables", in_place=True)
        values = {
            "size": self.size,
            "zero_point": (self.input1_zero_point, self.input2_zero_point),
            "left_shift": self.left_shift,
            "input": (self.requant1, self.requant2),
            "output": self.requant_out,
            "output_zero_point": self.output_zero_point,
            "minimum": self.activation[0],
            "maximum": self.activation[1],
        }
        return Call("tr_add", STRUCT, values, in_place=True)

    def _by_tables(self, tables: AddTables) -> dict[str, object]:
        low, high = self.activation
        return {
            "size": self.size,
            "first": Array("int32_t", "first", tables.first),
            "second": Array("int32_t", "second", tables.second),
            "fraction": tables.fraction,
            "range": high - low,
            "minimum": low,
        }


def prepare(graph: Graph, op: Op) -> Record:
    """Both inputs are brought to twice the larger scale with 20 bits of headroom. With a constant or with broadcast it
    is one of the `sums`."""
    a, b, y = operands(graph, op)
    if a.shape != b.shape or a.data is not None or b.data is not None:
        return sums.prepare(graph, op)
    output_shape(y, a.shape)
    twice = 2 * max(scale(a), scale(b))
    output = twice / ((1 << LEFT_SHIFT) * scale(y))
    require(output < 1, f"output scale {scale(y)} for inputs up to scale {twice / 2}", "a larger output scale")
    return AddParams(
        size=a.size,
        input1_zero_point=zero_point(a),
        input2_zero_point=zero_point(b),
        output_zero_point=zero_point(y),
        left_shift=LEFT_SHIFT,
        requant1=requant_of(scale(a) / twice),
        requant2=requant_of(scale(b) / twice),
        requant_out=requant_of(output),
        activation=activation_range(op, y),
    )


STRUCTS = (STRUCT, TABLES)
KINDS = {"ADD": (prepare, 5)}
