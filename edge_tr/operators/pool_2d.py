"""AVERAGE_POOL_2D and MAX_POOL_2D: tensorflow/lite/kernels/pooling.cc, reference/integer_ops/pooling.h; the average of
uint8 is that of reference/pooling.h."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import taps
from edge_tr.operators.checks import (
    activation_range,
    arity,
    ends,
    image_shape,
    output_shape,
    require,
    require_options,
    shape_text,
    summed,
    window,
)
from edge_tr.operators.unsigned import OFFSET
from edge_tr.operators.windows import scatter
from edge_tr.record import Range, Record, Shape3, Size
from edge_tr.structs import SHAPE, WINDOW, Call, Field, Struct
from edge_tr.structs import window as window_members
from edge_tr.tr.requant import Rounding

MAX_WINDOW = 4096
MAX_COUNT = (2**32 - 2) // 257
"""Elements of -128 whose sum, and the half of their count that rounds it, are an int32."""
STRUCT = Struct(
    "tr_pool",
    "AVERAGE_POOL_2D and MAX_POOL_2D.",
    (
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        Field("int8_t", "minimum"),
        Field("int8_t", "maximum"),
    ),
)


@dataclass(frozen=True)
class Pool(Record):
    """AVERAGE_POOL_2D or MAX_POOL_2D over the part of the window inside the image.

    The average rounds half away from zero: of the quantised values as the file has them, `offset` higher than here.
    """

    dtype: ClassVar[type]
    struct: ClassVar[Struct]
    prefix: ClassVar[str]  # of its C functions
    kind: str  # "AVERAGE_POOL_2D" or "MAX_POOL_2D"
    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    pad: Size
    activation: Size
    offset: int = 0  # 128 of uint8

    @property
    def averages(self) -> bool:
        return self.kind == "AVERAGE_POOL_2D"

    @property
    def least(self) -> int:
        """Of all values, which a window begins with that takes its maximum."""
        return int(np.iinfo(self.dtype).min)

    def outside(self) -> int | None:
        """An average is of what is inside."""
        return None if self.averages else self.least

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        """Windows are separable: along h, then along w."""
        image = inputs[0].reshape(-1, *self.input_shape).astype(np.int32)
        combine, empty = (np.add, 0) if self.averages else (np.maximum, self.least)
        count = np.ones((1, *self.input_shape[:2], 1), dtype=np.int32)
        for axis in (0, 1):
            image = self._along(image, axis, combine, empty)
            count = self._along(count, axis, np.add, 0)
        if self.averages:
            image += self.offset * count
            magnitude = (np.abs(image) + count // 2) // count
            image = np.where(image > 0, magnitude, -magnitude) - self.offset
        return (np.clip(image, *self.activation).astype(self.dtype),)

    def _along(self, image: np.ndarray, axis: int, combine: Callable, empty: int) -> np.ndarray:
        """`combine` the window along h (axis 0) or w (axis 1) of [n, h, w, c]."""
        rows = np.moveaxis(image, axis + 1, 0)
        result = np.full((self.output_shape[axis], *rows.shape[1:]), empty, dtype=np.int32)
        size, out = self.input_shape[axis], self.output_shape[axis]
        for _, outputs, inputs in taps(size, out, self.kernel[axis], self.stride[axis], 1, self.pad[axis]):
            result[outputs] = combine(result[outputs], rows[inputs])
        return np.moveaxis(result, 0, axis + 1)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (inputs[0].clipped(self.activation),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0])] * 2

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """The average spreads a gradient evenly; the maximum gives it to the inputs that equal it, evenly."""
        gradient = gradient.reshape(-1, *self.output_shape)
        if self.averages:
            share = gradient / (self.kernel[0] * self.kernel[1])
            return [scatter(self, len(share), lambda ky, kx: share)]
        is_maximum = self._maxima(inputs[0], output.reshape(gradient.shape))
        taps = [(ky, kx) for ky in range(self.kernel[0]) for kx in range(self.kernel[1])]
        ties = sum(is_maximum(*tap).astype(np.float32) for tap in taps)
        share = gradient / np.maximum(ties, 1)
        return [scatter(self, len(share), lambda ky, kx: share * is_maximum(ky, kx))]

    def _maxima(self, x: np.ndarray, y: np.ndarray) -> Callable[[int, int], np.ndarray]:
        """By tap, bool [n, oh, ow, c]: whether it is the window's maximum."""
        (h, w, c), (oh, ow, _) = self.input_shape, self.output_shape
        (sy, sx), (top, left) = self.stride, self.pad
        tall, wide = ((n - 1) * s + k for n, s, k in zip((oh, ow), self.stride, self.kernel))
        edges = [(0, 0), (top, max(0, tall - h - top)), (left, max(0, wide - w - left)), (0, 0)]
        image = np.pad(x.reshape(-1, h, w, c).astype(np.int32), edges, constant_values=self.least - 1)
        return lambda ky, kx: image[:, ky : ky + (oh - 1) * sy + 1 : sy, kx : kx + (ow - 1) * sx + 1 : sx] == y

    def call(self) -> Call:
        values = {
            "input": self.input_shape,
            "output": self.output_shape,
            "window": window_members(self.kernel, self.stride, pad=self.pad),
            "minimum": self.activation[0],
            "maximum": self.activation[1],
        }
        of = "_unsigned" if self.averages and self.offset else ""
        return Call(f"{self.prefix}{self.kind.lower()}{of}", self.struct, values)


@dataclass(frozen=True)
class PoolParams(Pool):
    """Of int8."""

    dtype: ClassVar[type] = np.int8
    struct: ClassVar[Struct] = STRUCT
    prefix: ClassVar[str] = "tr_"


Made = TypeVar("Made", bound=Pool)


def prepare(graph: Graph, op: Op) -> PoolParams:
    """Of int8, or of uint8 values."""
    arity(op, (1,))
    x, y = ends(graph, op)
    pool = pool_of(PoolParams, op, x, y, activation_range(op, y), MAX_COUNT)
    return replace(pool, offset=OFFSET) if x.unsigned else pool


def pool_of(made: type[Made], op: Op, x: Tensor, y: Tensor, activation: Size, most: int) -> Made:
    """The window as pixels, see `checks.window`; an average is of at most `most` elements."""
    require_options(op)
    image = image_shape(x, "input")
    kernel = (int(op.options["filter_height"]), int(op.options["filter_width"]))
    require(max(kernel) <= MAX_WINDOW, f"a window of {shape_text(kernel)}", f"up to {MAX_WINDOW}")
    out, stride, pad = window(op, image, kernel, (1, 1))
    output_shape(y, (1, *out, image[2]))
    if op.kind == "AVERAGE_POOL_2D":
        summed(math.prod(map(min, kernel, image[:2])), "a window", most)
    return made(op.kind, image, (*out, image[2]), kernel, stride, pad, activation)


STRUCTS = (STRUCT,)
KINDS = {"AVERAGE_POOL_2D": (prepare, 3), "MAX_POOL_2D": (prepare, 3)}
