"""REDUCE_MAX, REDUCE_MIN, REDUCE_PROD and SUM of other types than int8, REDUCE_ANY and REDUCE_ALL, and MEAN of int16
over axes apart: tensorflow/lite/kernels/reduce.cc, internal/reference/reduce.h.

MAX, MIN and PROD of int16 (of one scale; products are scaled), int32 and int64; SUM of int32 and int64; ANY and ALL of
bool. Sums and products of integers keep their lower bits. SUM of int16 is refused: TFLite adds it up in 16 bits
whatever the scales are, TFLite Micro scales it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import requant
from edge_tr.operators.checks import (
    arity,
    axis_of,
    computed,
    integers,
    limits_of,
    output_shape,
    require,
    scale,
)
from edge_tr.operators.checks import requant as requant_of
from edge_tr.operators.reduce import AXES, EXTENT, extents, merged
from edge_tr.operators.wide import INT16, MOST_SHIFT, clamped, multiply, wide_ends
from edge_tr.record import Range, Record, Requant, full_range
from edge_tr.structs import FACTOR, Call, Field, Struct
from edge_tr.tr.requant import Rounding

INTEGERS = ("int32", "int64")
STRUCT = Struct(
    "tr_typed_reduce",
    "A reduction of integers of `bytes`: axes that stay and axes that go, outermost first, steps in bytes. Of int16,\n"
    "sums and products are scaled.",
    (
        Field(EXTENT, "kept", count=AXES),
        Field(EXTENT, "reduced", count=AXES),
        Field("uint8_t", "bytes"),
        Field(FACTOR, "factor"),
    ),
)
FOLDS = {"REDUCE_MAX": np.max, "REDUCE_MIN": np.min, "REDUCE_ANY": np.max, "REDUCE_ALL": np.min}


@dataclass(frozen=True)
class TypedReduceParams(Record):
    """Of `shape` the axes `reduced` go; `requant` (n = 1) scales int16: a product and its result, or a mean's sum."""

    kind: str
    dtype: str
    shape: tuple[int, ...]
    reduced: tuple[int, ...]
    requant: Requant

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, *self.shape)
        axes = tuple(axis + 1 for axis in self.reduced)
        if self.kind in FOLDS:
            return (FOLDS[self.kind](x, axis=axes),)
        if self.kind == "MEAN":
            return (clamped(requant(x.sum(axis=axes, dtype=np.int32)[..., None], self.requant, rounding), INT16),)
        if self.dtype == "int16":
            return (self._product(x, axes),)
        with np.errstate(over="ignore"):
            return ((np.sum if self.kind == "SUM" else np.prod)(x, axis=axes, dtype=x.dtype),)

    def _product(self, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """In the order of the elements, each step rounded."""
        count = math.prod(self.shape[axis] for axis in self.reduced)
        product, *rows = np.moveaxis(x, axes, range(len(axes))).reshape(count, -1).astype(np.int64)
        for row in rows:
            product = multiply((product * row)[..., None], self.requant)[..., 0].astype(np.int64)
        return clamped(multiply(product[..., None], self.requant), INT16).reshape(len(x), -1)

    def golden_bytes(self, elements: int) -> int:
        return 48 * elements

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], limits_of(self.dtype)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """A mean's is shared; extremes give it to the inputs that equal them. Others have none."""
        kept = tuple(1 if axis in self.reduced else d for axis, d in enumerate(self.shape))
        share, x = gradient.reshape(-1, *kept), inputs[0].reshape(-1, *self.shape)
        if self.kind == "MEAN":
            return [np.broadcast_to(share * np.float32(self.requant.real[0]), x.shape)]
        if self.kind not in FOLDS:
            return [np.zeros(x.shape, np.float32)]
        equal = (x == output.reshape(share.shape)).astype(np.float32)
        return [share * equal / equal.sum(axis=tuple(axis + 1 for axis in self.reduced), keepdims=True)]

    def call(self) -> Call:
        item = np.dtype(self.dtype).itemsize
        values = {**extents(self.shape, self.reduced, item), "bytes": item, "factor": self.requant}
        scaled = self.dtype == "int16" and self.kind not in FOLDS
        name = {"REDUCE_ANY": "max", "REDUCE_ALL": "min"}.get(self.kind, self.kind.removeprefix("REDUCE_").lower())
        return Call(f"tr_typed_{'scaled_' if scaled else ''}{name}", STRUCT, values)


def axes_of(graph: Graph, op: Op, x: Tensor, y: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The merged shape of the input, and which of its axes go."""
    axes = sorted({axis_of(axis, len(x.shape)) for axis in integers(graph, op.inputs[1], "axes", ("int32",))})
    keep = bool(op.options.get("keep_dims", False))
    output_shape(y, tuple(1 if i in axes else d for i, d in enumerate(x.shape) if keep or i not in axes))
    return merged(x.shape, axes)


def _record(graph: Graph, op: Op, x: Tensor, y: Tensor, factor: Requant | None = None) -> TypedReduceParams:
    shape, reduced = axes_of(graph, op, x, y)
    return TypedReduceParams(op.kind, x.dtype, shape, reduced, factor or requant_of(1.0))


def prepare_wide(graph: Graph, op: Op) -> TypedReduceParams:
    """`PrepareProd`: a product of n is scaled n times by input scale / output scale^(1/n)."""
    arity(op, (2,))
    x, y = wide_ends(graph, op)
    if op.kind != "REDUCE_PROD":
        require(scale(x) == scale(y), "another scale of the output", "the same")
        return _record(graph, op, x, y)
    shape, reduced = axes_of(graph, op, x, y)
    factor = requant_of(scale(x) / scale(y) ** (1.0 / math.prod(shape[axis] for axis in reduced)))
    shift = int(factor.shift[0])
    require(shift <= MOST_SHIFT, f"scales whose ratio needs a left shift of {shift}", f"up to {MOST_SHIFT}")
    return _record(graph, op, x, y, factor)


def prepare_integers(graph: Graph, op: Op) -> TypedReduceParams:
    """Of integers without a scale."""
    arity(op, (2,))
    x = computed(graph, op.inputs[0], "input", INTEGERS)
    return _record(graph, op, x, computed(graph, op.outputs[0], "output", (x.dtype,)))


def prepare_flags(graph: Graph, op: Op) -> TypedReduceParams:
    """Of bool, whose bytes are 0 and 1."""
    arity(op, (2,))
    x = computed(graph, op.inputs[0], "input", ("bool",))
    return _record(graph, op, x, computed(graph, op.outputs[0], "output", ("bool",)))


STRUCTS = (STRUCT,)
KINDS = {"REDUCE_ANY": (prepare_flags, 2), "REDUCE_ALL": (prepare_flags, 1)}
INT16_KINDS = dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), prepare_wide)
PLAIN_KINDS = dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"), prepare_integers)
