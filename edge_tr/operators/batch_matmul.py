"""BATCH_MATMUL: tensorflow/lite/kernels/batch_matmul.cc, reference/batch_matmul.h.

Versions 1 to 4; int8, two to five dimensions, either side transposed (`adj_x`, `adj_y`), batches broadcast. Both sides
are activations, or one is a constant: then too its values are multiplied as they are, budgets cut no term of them.
With `adj_x` and a right side of fewer batches tflite-runtime 2.14 leaves batches unwritten; TFLite Micro and LiteRT
compute all, and are followed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import finish
from edge_tr.operators.checks import (
    INT8,
    activation_tensor,
    arity,
    constant,
    output_shape,
    requant,
    require,
    scale,
    shape_text,
    summed,
    zero_point,
)
from edge_tr.record import Record, Requant, Size
from edge_tr.structs import FACTOR, Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

BATCH_AXES = 3
RANK = BATCH_AXES + 2
MAX_DEPTH = (2**31 - 1) // 255**2
SIDE = Struct(
    "tr_matrices",
    "One side of BATCH_MATMUL: bytes between neighbours along the batches, along what stays and along what is summed.\n"
    "It is the next input, or `constant`.",
    (
        Field("uint32_t", "batch", count=BATCH_AXES),
        Field("uint32_t", "outer"),
        Field("uint32_t", "inner"),
        Field("int16_t", "zero_point"),
        Field("const int8_t *", "constant"),
    ),
)
STRUCT = Struct(
    "tr_batch_matmul",
    "BATCH_MATMUL: `rows` of the left side by `columns` of the right one.",
    (
        Field("uint32_t", "batch", count=BATCH_AXES),
        Field("uint32_t", "rows"),
        Field("uint32_t", "columns"),
        Field("uint32_t", "depth"),
        Field(SIDE, "left"),
        Field(SIDE, "right"),
        Field(FACTOR, "factor"),
        Field("int16_t", "output_zero_point"),
    ),
)
P = TypeVar("P", bound="BatchMatmulParams")


@dataclass(frozen=True)
class BatchMatmulParams(Record):
    """requant(sum over k of (left[m, k] - zero) * (right[k, n] - zero)) + output zero point, for every batch.

    Shapes have five dimensions, as in the file: `turned` says which sides are transposed. `fixed`: which side is
    `constant`; -1: none.
    """

    limits: ClassVar[Size] = INT8
    function: ClassVar[str] = "tr_batch_matmul"
    struct: ClassVar[Struct] = STRUCT
    element: ClassVar[str] = "int8_t"

    left_shape: tuple[int, ...]
    right_shape: tuple[int, ...]
    turned: tuple[bool, bool]
    fixed: int
    constant: np.ndarray
    zero_points: tuple[int, int]
    output_zero_point: int
    requant: Requant  # n = 1

    def sides(self, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Both without zero points, as [n, batch, batch, batch, m, k] and [..., k, n], float64."""
        following = iter(inputs)
        sides = []
        shapes = (self.left_shape, self.right_shape)
        for side, (shape, turned, zero) in enumerate(zip(shapes, self.turned, self.zero_points)):
            values = self.constant if side == self.fixed else next(following)
            matrices = values.reshape(-1, *shape).astype(np.float64) - zero
            sides.append(matrices.swapaxes(-1, -2) if turned else matrices)
        return sides[0], sides[1]

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        left, right = self.sides(inputs)
        acc = (left @ right).astype(np.int64).astype(np.int32)[..., None]
        return (finish(acc, self.requant, self.output_zero_point, INT8, rounding),)

    def golden_bytes(self, elements: int) -> int:
        return 64 * (elements + math.prod(self.right_shape))

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        left, right = self.sides(inputs)
        batch = np.broadcast_shapes(left.shape[1:4], right.shape[1:4])
        inside = (output > self.limits[0]) & (output < self.limits[1])
        given = (gradient * inside * np.float32(self.requant.real[0])).reshape(
            len(output), *batch, left.shape[-2], right.shape[-1]
        )
        found = []
        for side, of in enumerate((given @ right.swapaxes(-1, -2), left.swapaxes(-1, -2) @ given)):
            shape = (self.left_shape, self.right_shape)[side]
            repeated = tuple(axis + 1 for axis in range(BATCH_AXES) if shape[axis] == 1)
            of = of.sum(axis=repeated, keepdims=True)
            of = of.swapaxes(-1, -2) if self.turned[side] else of
            found += [of.astype(np.float32)] if side != self.fixed else []
        return found

    def call(self) -> Call:
        left, right = self.left_shape, self.right_shape
        batch = tuple(max(pair) for pair in zip(left[:BATCH_AXES], right[:BATCH_AXES]))
        rows, depth = left[-2:][::-1] if self.turned[0] else left[-2:]
        values = {
            "batch": batch,
            "rows": rows,
            "columns": right[-2] if self.turned[1] else right[-1],
            "depth": depth,
            "left": self._side(0, left, outer_first=not self.turned[0]),
            "right": self._side(1, right, outer_first=self.turned[1]),
            "factor": self.requant,
            **({"output_zero_point": self.output_zero_point} if self.limits == INT8 else {}),
        }
        return Call(self.function, self.struct, values, gathered=True)

    def _side(self, number: int, shape: tuple[int, ...], outer_first: bool) -> tuple[object, ...]:
        """`outer_first`: what is summed is the last axis."""
        steps = [0 if shape[axis] == 1 else math.prod(shape[axis + 1 :]) for axis in range(BATCH_AXES)]
        outer, inner = (shape[-1], 1) if outer_first else (1, shape[-1])
        held = Array(self.element, "constant", self.constant.ravel()) if number == self.fixed else 0
        zero_points = (self.zero_points[number],) if self.limits == INT8 else ()
        return (tuple(steps), outer, inner, *zero_points, held)


def prepare(graph: Graph, op: Op) -> Record:
    """The product of the input scales is one of float32, as in `GetQuantizedConvolutionMultipler`."""
    sides = [_side(graph, index, what) for index, what in zip(op.inputs, ("left", "right"))]
    shapes, turned = matrices(op, sides, y := activation_tensor(graph, op.outputs[0], "output"))
    return multiplied(sides, shapes, turned, y)


def matrices(op: Op, sides: Sequence[Tensor], y: Tensor) -> tuple[list[tuple[int, ...]], tuple[bool, bool]]:
    """Five-dimensional shapes of both sides as they lie, and which are transposed; of any type."""
    arity(op, (2,))
    require(any(side.data is None for side in sides), "two constants", "at most one")
    for side in sides:
        rank = len(side.shape)
        require(2 <= rank <= RANK, f"matrices of shape {shape_text(side.shape)}", f"2 to {RANK} dimensions")
    turned = (bool(op.options.get("adj_x", False)), bool(op.options.get("adj_y", False)))
    shapes = [(1,) * (RANK - len(side.shape)) + side.shape for side in sides]
    a, b = (shape[:-2] + (shape[-2:][::-1] if turns else shape[-2:]) for shape, turns in zip(shapes, turned))
    fits = a[-1] == b[-2] and all(1 in pair or pair[0] == pair[1] for pair in zip(a[:-2], b[:-2]))
    require(fits, f"matrices {shape_text(sides[0].shape)} and {shape_text(sides[1].shape)}", "ones that multiply")
    expected = (*(max(pair) for pair in zip(a[:-2], b[:-2])), a[-2], b[-1])
    output_shape(y, expected[RANK - max(len(side.shape) for side in sides) :])
    return shapes, turned


def multiplied(
    sides: Sequence[Tensor], shapes: Sequence[tuple[int, ...]], turned: tuple[bool, bool], y: Tensor
) -> BatchMatmulParams:
    """The record of two int8 tensors as matrices of five-dimensional `shapes` each."""
    summed(shapes[0][-2 if turned[0] else -1], "products", MAX_DEPTH)
    return record_of(BatchMatmulParams, sides, shapes, turned, y)


def record_of(
    record: type[P], sides: Sequence[Tensor], shapes: Sequence[tuple[int, ...]], turned: tuple[bool, bool], y: Tensor
) -> P:
    """A record of this type, whose constant is of the sides' type."""
    fixed = next((number for number, side in enumerate(sides) if side.data is not None), -1)
    product = float(np.float32(scale(sides[0])) * np.float32(scale(sides[1])))
    return record(
        left_shape=tuple(shapes[0]),
        right_shape=tuple(shapes[1]),
        turned=turned,
        fixed=fixed,
        constant=sides[fixed].data if fixed >= 0 else np.zeros(0, sides[0].dtype),
        zero_points=(zero_point(sides[0]), zero_point(sides[1])),
        output_zero_point=zero_point(y),
        requant=requant(product / scale(y)),
    )


def _side(graph: Graph, index: int, what: str) -> Tensor:
    if index >= 0 and graph.tensor(index).data is not None:
        tensor = constant(graph, index, what, ("int8",))
        q = tensor.quantization
        require(q is not None and q.per_tensor, f"{what} without one scale and zero point", "per-tensor quantisation")
    else:
        tensor = activation_tensor(graph, index, what)
    return tensor


STRUCTS = (STRUCT,)
KINDS = {"BATCH_MATMUL": (prepare, 4)}
