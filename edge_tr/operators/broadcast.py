"""Element-wise operators of two operands: one record, one walk over both with strides, 0 where one is broadcast.

The modules of these operators say what they make of two values (`Arithmetic`). A constant operand of one element makes
a table of 256 bytes of the other (`operators.lookup`); a larger one lies in flash and is walked like an activation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Tensor
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.checks import INT8, output_shape, read_only, require
from edge_tr.operators.lookup import LookupParams
from edge_tr.operators.walk import Walk, broadcast_shape, padded, summed, walk_struct
from edge_tr.record import Range, Record, Size, full_range
from edge_tr.structs import FACTOR, Array, Call, Field, Struct, Value
from edge_tr.tr.requant import Rounding

WALK = walk_struct(2, "tr_walk")
ARITHMETIC = Struct(
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
        Field("int32_t", "threshold"),
        Field("int32_t", "nudge"),
    ),
)


class Arithmetic:
    """What an operator makes of two values; frozen dataclasses of integers below it.

    function  the C function, with `_constant` behind it where an operand is one
    monotone  whether it never turns back along one operand, the other one fixed: the ends of intervals suffice
    """

    function: ClassVar[str]
    monotone: ClassVar[bool] = True
    limits: ClassVar[Size] = INT8

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        """int8 of two int32 arrays that broadcast: the reference kernel."""
        raise NotImplementedError

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the real result, in its steps, along each operand's steps; float64."""
        raise NotImplementedError

    def values(self) -> Mapping[str, Value]:
        """Of the members of `ARITHMETIC` that its function reads."""
        return {}

    def clipped(self, output: np.ndarray) -> np.ndarray:
        """bool: where the result is at one of its limits, so that the gradient ends."""
        low, high = getattr(self, "activation", self.limits)
        return (output <= low) | (output >= high)


@dataclass(frozen=True)
class BroadcastParams(Record):
    """out = arithmetic(a, b) of operands of `shapes`, of the output's rank each. `constants`: int8, of those in
    the file."""

    shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    constants: tuple[np.ndarray | None, np.ndarray | None]
    arithmetic: Arithmetic

    def _operands(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """int32 [samples or 1, ...] each."""
        given = iter(inputs)
        found = [next(given) if constant is None else constant for constant in self.constants]
        return [of.reshape(-1, *shape).astype(np.int32) for of, shape in zip(found, self.shapes)]

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return (self.arithmetic.apply(*self._operands(inputs), rounding),)

    def golden_bytes(self, elements: int) -> int:
        return 40 * int(np.prod(self.shape))

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """Of what never turns back, the least and the most at the four ends."""
        if not self.arithmetic.monotone:
            return (full_range(outputs[0], getattr(self.arithmetic, "activation", self.arithmetic.limits)),)
        given = iter(inputs)
        a, b = (_ends(next(given) if c is None else c, shape) for c, shape in zip(self.constants, self.shapes))
        corners = [
            self.arithmetic.apply(x.astype(np.int32), y.astype(np.int32), Rounding.DOUBLE).astype(np.int64)
            for x in (a.low, a.high)
            for y in (b.low, b.high)
        ]
        return (Range(np.minimum.reduce(corners), np.maximum.reduce(corners)),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        """Where every operand has the output's channels, or is a constant of one."""
        whole = all(
            shape[-1:] == self.shape[-1:] if constant is None else shape[-1:] == (1,)
            for constant, shape in zip(self.constants, self.shapes)
        )
        return [np.arange(outputs[0])] * (len(inputs) + 1) if whole and self.shape else None

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """Summed over what an operand was broadcast to."""
        operands = self._operands(inputs)
        inside = gradient.reshape(-1, *self.shape) * ~self.arithmetic.clipped(output.reshape(-1, *self.shape))
        slopes = self.arithmetic.slopes(*operands)
        return [
            summed(inside * slope, shape).astype(np.float32)
            for slope, shape, constant in zip(slopes, self.shapes, self.constants)
            if constant is None
        ]

    def call(self) -> Call:
        kept = [side for side, constant in enumerate(self.constants) if constant is not None]
        values: dict[str, Value] = {"walk": Walk.of(self.shape, self.shapes).values(), **self.arithmetic.values()}
        for side in kept:
            values |= {"constant": Array("int8_t", "constant", self.constants[side]), "constant_side": side}
        name = f"{self.arithmetic.function}{'_constant' if kept else ''}"
        return Call(name, ARITHMETIC, values, in_place=True)


def _ends(of: Range | np.ndarray, shape: tuple[int, ...]) -> Range:
    """Of an operand, by channel."""
    if isinstance(of, Range):
        return of
    rows = of.reshape(-1, (1, *shape)[-1]).astype(np.int64)
    return Range(rows.min(axis=0), rows.max(axis=0))


def broadcast(operands: Sequence[Tensor], output: Tensor, arithmetic: Arithmetic) -> Record:
    """The record of an operator of two operands, of which one may be a constant."""
    shape = broadcast_shape([of.shape for of in operands])
    output_shape(output, shape)
    computed = [side for side, of in enumerate(operands) if of.data is None]
    require(computed, "two constant inputs", "at least one computed input")
    Walk.of(shape, shapes := tuple(padded(of.shape, len(shape)) for of in operands))
    if len(computed) == 1 and operands[1 - computed[0]].size == 1 and operands[computed[0]].shape == shape:
        return _of_one(operands, output, arithmetic, computed[0])
    constants = tuple(None if of.data is None else read_only(of.data.astype(np.int8)) for of in operands)
    return BroadcastParams(shape, shapes, constants, arithmetic)


def _of_one(operands: Sequence[Tensor], output: Tensor, arithmetic: Arithmetic, side: int) -> LookupParams:
    """A table of the computed operand, the other one a constant of one element."""
    pair = [INT8_VALUES, INT8_VALUES]
    pair[1 - side] = operands[1 - side].data.astype(np.int32).reshape(1)
    tables = {rounding: read_only(arithmetic.apply(*pair, rounding)) for rounding in Rounding}
    slope = arithmetic.slopes(*(of.astype(np.float64) for of in pair))[side] * ~arithmetic.clipped(
        tables[Rounding.DOUBLE]
    )
    return LookupParams(output.size, tables, read_only(slope.astype(np.float32)))


STRUCTS = (ARITHMETIC,)
KINDS: dict[str, tuple] = {}
