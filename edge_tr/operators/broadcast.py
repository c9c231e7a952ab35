"""Element-wise operators of two operands: one record, one walk over both with strides, 0 where one is broadcast.

The modules of these operators say what they make of two values, each in a record below `BroadcastParams`. A constant
operand of one element makes a table of 256 bytes of the other (`operators.lookup`); a larger one lies in flash and is
walked like an activation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Tensor
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.checks import INT8, output_shape, read_only, require
from edge_tr.operators.lookup import LookupParams, looked_up
from edge_tr.operators.walk import Walk, broadcast_shape, by_channel, padded, summed, tied, walk_struct, whole
from edge_tr.record import Range, Record, Size, full_range
from edge_tr.structs import FACTOR, Array, Call, Field, Struct, Value
from edge_tr.tr.requant import Rounding

WALK = walk_struct(2, "tr_walk")
STRUCT = Struct(
    "tr_arithmetic",
    "An element-wise operator of two operands, and of its arithmetic what its row of elements reads: zero points and\n"
    "factors of both operands and of the result, or tables by operand as an unsigned byte.",
    (
        Field(WALK, "walk"),
        Field("const int8_t *", "constant", "operand `constant_side`, where that is 0 or 1"),
        Field("uint8_t", "constant_side"),
        Field("uint8_t", "left_shift"),
        Field("uint8_t", "subtracts", "whether the second share is taken away"),
        Field("int16_t", "zero_points", count=3),
        Field(FACTOR, "factors", count=3),
        Field("int8_t", "minimum"),
        Field("int8_t", "maximum"),
        Field("const int32_t *", "first"),
        Field("const int32_t *", "second"),
        Field("uint32_t", "fraction", "see tr_add_tables"),
    ),
)


@dataclass(frozen=True)
class BroadcastParams(Record):
    """An operator of two operands of `shapes`, of the output's rank each; its integers are fields of a class below.
    `first` and `second` are int8 where an operand is a constant.

    function  the C function, with `_constant` behind it where an operand is one
    monotone  whether it never turns back along one operand, the other one fixed: the ends of intervals suffice
    limits    of the result
    """

    function: ClassVar[str]
    monotone: ClassVar[bool] = True
    limits: ClassVar[Size] = INT8
    shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    first: np.ndarray | None
    second: np.ndarray | None

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        """int8 of two int32 arrays that broadcast: the reference kernel."""
        raise NotImplementedError

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the real result, in its steps, along each operand's steps; float64."""
        raise NotImplementedError

    def values(self) -> Mapping[str, Value]:
        """Of the members of `STRUCT` that its function reads."""
        return {}

    @property
    def constants(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        return self.first, self.second

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return (self.apply(*self._operands(inputs), rounding),)

    def _operands(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """int32 [samples or 1, ...] each."""
        found = whole(inputs, self.constants)
        return [of.reshape(-1, *shape).astype(np.int32) for of, shape in zip(found, self.shapes)]

    def golden_bytes(self, elements: int) -> int:
        return 40 * int(np.prod(self.shape))

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """Of what never turns back, the least and the most at the four ends."""
        if not self.monotone:
            return (full_range(outputs[0], self.limits),)
        a, b = (of if isinstance(of, Range) else _ends(of, self.shape) for of in whole(inputs, self.constants))
        corners = [
            self.apply(x.astype(np.int32), y.astype(np.int32), Rounding.DOUBLE).astype(np.int64)
            for x in (a.low, a.high)
            for y in (b.low, b.high)
        ]
        return (Range(np.minimum.reduce(corners), np.maximum.reduce(corners)),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        return tied(self.shape, self.shapes, self.constants)

    def constants_by_channel(self) -> tuple[int, ...]:
        return by_channel(self.shape, self.shapes, self.constants)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """Summed over what an operand was broadcast to."""
        inside = gradient.reshape(-1, *self.shape) * self.inside(output.reshape(-1, *self.shape))
        slopes = self.slopes(*self._operands(inputs))
        computed = zip(slopes, self.shapes, self.constants)
        return [summed(inside * slope, shape).astype(np.float32) for slope, shape, kept in computed if kept is None]

    def inside(self, output: np.ndarray) -> np.ndarray:
        """bool: where the result is not at one of its limits, at which the gradient ends."""
        return (output > self.limits[0]) & (output < self.limits[1])

    def call(self) -> Call:
        kept = [side for side, constant in enumerate(self.constants) if constant is not None]
        values: dict[str, Value] = {"walk": Walk.of(self.shape, self.shapes).values(), **self.values()}
        for side in kept:
            values |= {"constant": Array("int8_t", "constant", self.constants[side]), "constant_side": side}
        kernel = "tables" if "first" in values else "reference"
        return Call(f"{self.function}{'_constant' if kept else ''}", STRUCT, values, kernel, in_place=True)


def _ends(constant: np.ndarray, shape: tuple[int, ...]) -> Range:
    """By channel of the output, where the constant has as many."""
    rows = constant.reshape(-1, constant.shape[-1] if constant.shape[-1:] == shape[-1:] else 1).astype(np.int64)
    return Range(rows.min(axis=0), rows.max(axis=0))


def broadcast(operands: Sequence[Tensor], output: Tensor, kind: type[BroadcastParams], /, **integers: object) -> Record:
    """The record of an operator of two operands, of which one may be a constant; of one element, it makes a table."""
    shape = broadcast_shape([of.shape for of in operands])
    output_shape(output, shape)
    require(any(of.data is None for of in operands), "two constant inputs", "at least one computed input")
    shapes = tuple(padded(of.shape, len(shape)) for of in operands)
    Walk.of(shape, shapes)
    constants = (None if of.data is None else read_only(of.data.astype(np.int8)) for of in operands)
    record = kind(shape, shapes, *constants, **integers)
    scalar = [of for of in operands if of.data is not None and of.size == 1]
    return _table(record) if scalar and shape in [of.shape for of in operands if of.data is None] else record


def _table(record: BroadcastParams) -> LookupParams:
    """Of the computed operand, the other one a constant of one element."""
    pair = [INT8_VALUES if constant is None else constant.reshape(1).astype(np.int32) for constant in record.constants]
    side = record.constants.index(None)
    slope = np.broadcast_to(record.slopes(*(of.astype(np.float64) for of in pair))[side], INT8_VALUES.shape)
    slope = slope * record.inside(record.apply(*pair, Rounding.DOUBLE))
    return looked_up(int(np.prod(record.shape)), lambda rounding: record.apply(*pair, rounding), slope)


STRUCTS = (STRUCT,)
