"""SUM, REDUCE_MAX, REDUCE_MIN and REDUCE_PROD over any axes: tensorflow/lite/kernels/reduce.cc, reference/reduce.h.

SUM versions 1 and 2, REDUCE_MAX and REDUCE_MIN 1 to 3, REDUCE_PROD 1 and 2; int8, constant axes, kept or not. MAX and
MIN need one quantisation of input and output, as the reference does. SUM follows TFLite Micro, which runs
`QuantizedMeanOrSum` on int8: BUILTIN_REF runs the same function on the bytes as uint8, so its sums mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import finish, finished_range
from edge_tr.operators.checks import (
    INT8,
    arity,
    axis_of,
    ends,
    integers,
    output_shape,
    requant,
    require,
    scale,
    summed,
    zero_point,
)
from edge_tr.record import Range, Record, Requant, full_range
from edge_tr.structs import FACTOR, Call, Field, Struct, Value
from edge_tr.tr.requant import Rounding

AXES = 4
MAX_WIDE_SHIFT = 7
MAX_COUNT = (2**31 - 1) // 255
"""Elements of x - zero point whose sum is an int32."""
EXTENT = Struct("tr_extent", "One axis: its length and the bytes between neighbours.", (
    Field("uint32_t", "count"),
    Field("uint32_t", "step"),
))  # fmt: skip
STRUCT = Struct(
    "tr_reduce",
    "SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD: axes that stay and axes that go, outermost first.",
    (
        Field(EXTENT, "kept", count=AXES),
        Field(EXTENT, "reduced", count=AXES),
        Field("int16_t", "input_zero_point"),
        Field("int16_t", "output_zero_point"),
        Field(FACTOR, "factor"),
    ),
)


@dataclass(frozen=True)
class ReduceParams(Record):
    """Of `shape` the axes `reduced` go; no two of these, and no two of the others, lie beside each other.

    SUM         requant(sum - count * input_zero_point) + output_zero_point; MEAN with the division inside `requant`
    REDUCE_PROD every product of two is scaled by `requant`, and so is the result (of one alone, too)
    """

    kind: str
    shape: tuple[int, ...]
    reduced: tuple[int, ...]
    input_zero_point: int
    output_zero_point: int
    requant: Requant

    @property
    def count(self) -> int:
        """Elements behind one of the output."""
        return math.prod(self.shape[axis] for axis in self.reduced)

    @property
    def _keeps_channels(self) -> bool:
        return len(self.shape) - 1 not in self.reduced

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, *self.shape)
        axes = tuple(axis + 1 for axis in self.reduced)
        if self.kind == "REDUCE_MAX":
            return (x.max(axis=axes),)
        if self.kind == "REDUCE_MIN":
            return (x.min(axis=axes),)
        if self.kind == "REDUCE_PROD":
            return (self._product(x, axes),)
        acc = x.sum(axis=axes, dtype=np.int32) - np.int32(self.count * self.input_zero_point)
        return (finish(acc[..., None], self.requant, self.output_zero_point, INT8, rounding),)

    def _product(self, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """In the order of the elements, each step rounded."""
        rows = np.moveaxis(x, axes, range(len(axes))).reshape(self.count, -1).astype(np.int64) - self.input_zero_point
        product = rows[0]
        for row in rows[1:]:
            product = self._wide(product * row)
        result = np.clip(self._wide(product) + self.output_zero_point, *INT8).astype(np.int8)
        return result.reshape(len(x), -1)

    def _wide(self, x: np.ndarray) -> np.ndarray:
        """`MultiplyByQuantizedMultiplier` of int64: by 15 bits of the multiplier, rounded once; int32 in int64."""
        multiplier, shift = int(self.requant.multiplier[0]), int(self.requant.shift[0])
        small = (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
        total = 15 - shift
        return ((x * small + (1 << (total - 1))) >> total).astype(np.int32).astype(np.int64)

    def golden_bytes(self, elements: int) -> int:
        return 48 * elements

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        x = inputs[0] if self._keeps_channels else inputs[0].over(1)
        if not self._keeps_channels:
            x = Range(inputs[0].low.min(keepdims=True), inputs[0].high.max(keepdims=True))
        if self.kind in ("REDUCE_MAX", "REDUCE_MIN"):
            return (x,)
        if self.kind == "REDUCE_PROD":
            return (full_range(1),)
        sums = ((end - self.input_zero_point) * self.count for end in (x.low, x.high))
        return (finished_range(*sums, self.requant, self.output_zero_point, INT8),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        return [np.arange(inputs[0])] * 2 if self._keeps_channels and inputs[0] == outputs[0] else None

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """The maximum gives it to the inputs that equal it, evenly; the product by its logarithm."""
        kept = tuple(1 if axis in self.reduced else d for axis, d in enumerate(self.shape))
        share, x = gradient.reshape(-1, *kept), inputs[0].reshape(-1, *self.shape)
        if self.kind == "SUM":
            return [np.broadcast_to(share * np.float32(self.requant.real[0]), x.shape)]
        y = output.reshape(share.shape)
        if self.kind == "REDUCE_PROD":
            inside = (y > INT8[0]) & (y < INT8[1])
            centred = x.astype(np.float32) - self.input_zero_point
            safe = np.where(centred == 0, np.float32(0.5), centred)
            return [inside * share * (y - np.float32(self.output_zero_point)) / safe]
        equal = (x == y).astype(np.float32)
        return [share * equal / equal.sum(axis=tuple(axis + 1 for axis in self.reduced), keepdims=True)]

    def call(self) -> Call:
        values = {
            **extents(self.shape, self.reduced),
            "input_zero_point": self.input_zero_point,
            "output_zero_point": self.output_zero_point,
            "factor": self.requant,
        }
        return Call(f"tr_reduce_{self.kind.removeprefix('REDUCE_').lower()}", STRUCT, values)


def extents(shape: Sequence[int], reduced: Sequence[int], item: int = 1) -> dict[str, Value]:
    """The axes that stay and those that go, as a struct has them; elements of so many bytes."""
    found = [(length, item * math.prod(shape[axis + 1 :])) for axis, length in enumerate(shape)]
    kept = [of for axis, of in enumerate(found) if axis not in reduced]
    return {"kept": _padded(kept), "reduced": _padded([found[axis] for axis in reduced])}


def _padded(extents: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return (*((1, 0),) * (AXES - len(extents)), *extents)


def prepare(graph: Graph, op: Op) -> Record:
    """`PrepareMeanOrSum` and `PrepareProd`: a product of n is scaled n times by input scale / output scale^(1/n)."""
    x, y, axes = read(graph, op)
    shape, reduced = merged(x.shape, axes)
    count = math.prod(shape[axis] for axis in reduced)
    factor = requant(scale(x) / scale(y))
    if op.kind == "REDUCE_PROD":
        factor = requant(scale(x) / scale(y) ** (1.0 / count))
        shift = int(factor.shift[0])
        require(shift <= MAX_WIDE_SHIFT, f"scales whose ratio needs a left shift of {shift}", f"up to {MAX_WIDE_SHIFT}")
    elif op.kind == "SUM":
        summed(count, "a sum", MAX_COUNT)
    else:
        same = scale(x) == scale(y) and zero_point(x) == zero_point(y)
        require(same, "another quantisation of the output", "the same")
    return ReduceParams(op.kind, shape, reduced, zero_point(x), zero_point(y), factor)


def read(graph: Graph, op: Op) -> tuple[Tensor, Tensor, list[int]]:
    """(input, output, axes that go) of a reduction."""
    arity(op, (2,))
    x, y = ends(graph, op)
    axes = sorted({axis_of(axis, len(x.shape)) for axis in integers(graph, op.inputs[1], "axes", ("int32",))})
    if op.options.get("keep_dims", False):
        output_shape(y, tuple(1 if i in axes else d for i, d in enumerate(x.shape)))
    else:
        output_shape(y, tuple(d for i, d in enumerate(x.shape) if i not in axes))
    return x, y, axes


def merged(shape: Sequence[int], axes: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape with axes of length 1 left out and neighbours of one fate as one axis; and which of those go."""
    lengths: list[int] = []
    fates: list[bool] = []
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        if fates and fates[-1] == (axis in axes):
            lengths[-1] *= length
        else:
            lengths.append(length)
            fates.append(axis in axes)
    return tuple(lengths), tuple(axis for axis, goes in enumerate(fates) if goes)


STRUCTS = (STRUCT,)
KINDS = {"SUM": (prepare, 2), "REDUCE_MAX": (prepare, 3), "REDUCE_MIN": (prepare, 3), "REDUCE_PROD": (prepare, 2)}
