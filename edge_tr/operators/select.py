"""SELECT and SELECT_V2, x where the condition holds, else y: tensorflow/lite/kernels/select.cc,
internal/reference/select.h.

The condition is bool; x and y are of one type, int8, int16, int32, int64 or bool, and their bytes are copied whatever
the scales say. SELECT_V2 broadcasts
all three; SELECT takes a condition of x's shape, of one element, or one for each index of x's first axis. Any of the
three may be a constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import arity, computed, flags, output_shape, read_only, require, shape_text, typed
from edge_tr.operators.walk import Walk, broadcast_shape, by_channel, padded, summed, tied, walk_struct, whole
from edge_tr.record import Range, Record
from edge_tr.structs import Array, Call, Field, Struct, Value
from edge_tr.tr.requant import Rounding

WALK = walk_struct(3, "tr_walk_three")
STRUCT = Struct(
    "tr_select",
    "SELECT of condition, x and y; `constants` of those that are in flash.",
    (
        Field(WALK, "walk"),
        Field("const int8_t *", "condition"),
        Field("const int8_t *", "x"),
        Field("const int8_t *", "y"),
        Field("uint8_t", "bytes", "of an element of x and y"),
    ),
)
TYPES = ("int8", "int16", "int32", "int64")
MEMBERS = ("condition", "x", "y")
FUNCTIONS = ("", "tr_select_one", "tr_select_two", "tr_select")  # by the number of computed operands
Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SelectParams(Record):
    """out = condition ? x : y of operands of `shapes`, of the output's rank each. Of constants the condition is int8, x
    and y are of `dtype`."""

    shape: tuple[int, ...]
    shapes: Shapes
    condition: np.ndarray | None
    x: np.ndarray | None
    y: np.ndarray | None
    dtype: str = "int8"  # of x and y

    @property
    def constants(self) -> tuple[np.ndarray | None, ...]:
        return self.condition, self.x, self.y

    def _operands(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [of.reshape(-1, *shape) for of, shape in zip(whole(inputs, self.constants), self.shapes)]

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        condition, x, y = self._operands(inputs)
        return (np.where(condition != 0, x, y).astype(self.dtype),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """Of either."""
        found = (of if isinstance(of, Range) else _ends(of) for of in whole(inputs, self.constants)[1:])
        x, y = (of.over(outputs[0]) for of in found)
        return (Range(np.minimum(x.low, y.low), np.maximum(x.high, y.high)),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        return tied(self.shape, self.shapes, self.constants)

    def constants_by_channel(self) -> tuple[int, ...]:
        return by_channel(self.shape, self.shapes, self.constants)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """To the one that was taken; none to the condition."""
        condition = self._operands(inputs)[0] != 0
        gradient = gradient.reshape(-1, *self.shape)
        shares = (np.zeros_like(gradient), gradient * condition, gradient * ~condition)
        return [
            summed(share, shape).astype(np.float32)
            for share, shape, constant in zip(shares, self.shapes, self.constants)
            if constant is None
        ]

    def call(self) -> Call:
        values: dict[str, Value] = {"walk": Walk.of(self.shape, self.shapes).values()}
        for member, constant in zip(MEMBERS, self.constants):
            held = None if constant is None else np.ascontiguousarray(constant).view(np.int8)
            values[member] = "0" if held is None else Array("int8_t", member, held)
        item = np.dtype(self.dtype).itemsize
        values["bytes"] = item
        computed = sum(constant is None for constant in self.constants)
        return Call(FUNCTIONS[computed], STRUCT, values, in_place=item == 1)


def _ends(constant: np.ndarray) -> Range:
    return Range(np.array([int(constant.min())]), np.array([int(constant.max())]))


def prepare(graph: Graph, op: Op) -> SelectParams:
    """Shapes as `SelectPrepare` has them."""
    arity(op, (3,))
    condition = flags(graph, op.inputs[0], "condition")
    x, y, out = _values(graph, op)
    shapes = _shapes(op, condition, x, y)
    shape = broadcast_shape(shapes)
    if out.size != math.prod(shape) or out.size > 1 or len(out.shape) > len(shape):
        output_shape(out, shape)
    tensors = (condition, x, y)
    require(any(of.data is None for of in tensors), "three constant inputs", "at least one computed input")
    dtype = "int8" if out.dtype == "bool" else out.dtype
    types = ("int8", dtype, dtype)
    constants = (None if t.data is None else read_only(t.data.astype(of)) for t, of in zip(tensors, types))
    shapes = tuple(padded(of, len(shape)) for of in shapes)
    Walk.of(shape, shapes)
    return SelectParams(shape, shapes, *constants, dtype)


def _values(graph: Graph, op: Op) -> tuple[Tensor, Tensor, Tensor]:
    """x, y and the output, of one type."""
    kind = graph.tensor(op.inputs[1]).dtype if op.inputs[1] >= 0 else ""
    what = ("second input", "third input")
    if kind == "bool":
        x, y = (flags(graph, index, of) for index, of in zip(op.inputs[1:], what))
        return x, y, flags(graph, op.outputs[0], "output")
    x = typed(graph, op.inputs[1], what[0], TYPES)
    return x, typed(graph, op.inputs[2], what[1], (x.dtype,)), computed(graph, op.outputs[0], "output", (x.dtype,))


def _shapes(op: Op, condition: Tensor, x: Tensor, y: Tensor) -> Shapes:
    """That broadcast; a condition of SELECT for each index of the first axis has ones behind it."""
    if op.kind == "SELECT_V2":
        return condition.shape, x.shape, y.shape
    require(x.shape == y.shape, f"inputs of shapes {shape_text(x.shape)} and {shape_text(y.shape)}", "equal shapes")
    rows = len(condition.shape) == 1 and condition.shape[:1] == x.shape[:1]
    known = condition.shape in (x.shape, ()) or rows
    require(known, f"a condition of shape {shape_text(condition.shape)}", "the inputs' shape, or their first axis")
    if rows:
        return condition.shape + (1,) * (len(x.shape) - 1), x.shape, y.shape
    return condition.shape, x.shape, y.shape


STRUCTS = (STRUCT,)
KINDS = {"SELECT": (prepare, 4), "SELECT_V2": (prepare, 2)}
