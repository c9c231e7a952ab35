"""RESIZE_BILINEAR: `ResizeBilinearInteger` in reference/resize_bilinear.h. Versions 1 to 4, int8 and int16,
constant size.

Places are Q.10, as there. uint8 is resized in float32 by `ResizeBilinear`: the parts of each row and column are made
here; the sum of four products in the same order is the device's, by software where the core has no floats. Refused are
both options together, as there, and sizes at which the rounded scale leads beyond the last pixel, which may be from
out^2 > 2048 * in on: the reference reads outside the tensor then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import read_only, require
from edge_tr.operators.resize_nearest_neighbor import read
from edge_tr.operators.unsigned import OFFSET
from edge_tr.record import Range, Record, Shape3
from edge_tr.structs import SHAPE, Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

BITS = 10
ONE = 1 << BITS
STRUCT = Struct(
    "tr_resize_bilinear",
    "RESIZE_BILINEAR. Of each row and column of the output the two of the input that it lies between, and how far\n"
    "behind the first, in 1/1024: [height][3], [width][3].",
    (
        Field("uint32_t", "batches"),
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field("const int32_t *", "rows"),
        Field("const int32_t *", "columns"),
    ),
)


UNSIGNED_STRUCT = Struct(
    "tr_resize_bilinear_unsigned",
    "RESIZE_BILINEAR of uint8 values, less 128. Of each row and column the two of the input that it lies between, and\n"
    "how much of each, the bits of a float: [height][4], [width][4].",
    (
        Field("uint32_t", "batches"),
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field("const uint32_t *", "rows"),
        Field("const uint32_t *", "columns"),
    ),
)


@dataclass(frozen=True)
class _Bilinear(Record):
    """`rows` and `columns`, int32: of each row and column of the output, between which two of the input."""

    batches: int
    input_shape: Shape3
    output_shape: Shape3
    rows: np.ndarray
    columns: np.ndarray

    def weighted(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(rows, columns, weights float32 [height, width, 1]) of the four pixels around each."""
        raise NotImplementedError

    def golden_bytes(self, elements: int) -> int:
        return 48 * elements

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """Weights below 0 are of one pixel taken twice: every result lies between pixels of its channel."""
        return (inputs[0],)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0])] * 2

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        share = gradient.reshape(-1, *self.output_shape).astype(np.float32)
        result = np.zeros((len(share), *self.input_shape), np.float32)
        for y, x, weights in self.weighted():
            at = np.broadcast_arrays(y[:, None], x[None])
            np.add.at(result, (slice(None), *at), share * weights)
        return [result]


@dataclass(frozen=True)
class BilinearParams(_Bilinear):
    """`rows` [height, 3] and `columns` [width, 3]: the third says how far behind the first, Q.10. int8, or int16 where
    `wide`."""

    wide: bool = False

    def _corners(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(rows, columns, weights int64 [height, width, 1]) of the four pixels around each."""
        sides = []
        for first, second, part in (self.rows.T.astype(np.int64), self.columns.T.astype(np.int64)):
            sides.append(((first, ONE - part), (second, part)))
        return [(y, x, (a[:, None] * b)[..., None]) for y, a in sides[0] for x, b in sides[1]]

    def weighted(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return ((y, x, (weights / ONE / ONE).astype(np.float32)) for y, x, weights in self._corners())

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        image = inputs[0].reshape(-1, *self.input_shape)
        total = sum(image[:, y][:, :, x] * weights for y, x, weights in self._corners())
        half = 1 << (2 * BITS - 1)
        rounded = np.where(total > 0, (total + half) >> (2 * BITS), -((half - total) >> (2 * BITS)))
        dtype = np.int16 if self.wide else np.int8
        return (rounded.astype(dtype).reshape(-1, self.batches, *self.output_shape),)

    def call(self) -> Call:
        values = {
            "batches": self.batches,
            "input": self.input_shape,
            "output": self.output_shape,
            "rows": Array("int32_t", "rows", self.rows.ravel()),
            "columns": Array("int32_t", "columns", self.columns.ravel()),
        }
        return Call("tr_wide_resize_bilinear" if self.wide else "tr_resize_bilinear", STRUCT, values)


@dataclass(frozen=True)
class UnsignedBilinearParams(_Bilinear):
    """`rows` [height, 2] and `columns` [width, 2]; `row_parts` and `column_parts`, float32 of the same shapes: how much
    of each."""

    row_parts: np.ndarray
    column_parts: np.ndarray

    def _corners(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """(rows, columns, parts [height, 1, 1], parts [width, 1]) of the four pixels around each, in the order in
        which they are added."""
        sides = [
            (self.rows[:, a], self.columns[:, b], self.row_parts[:, a], self.column_parts[:, b])
            for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))
        ]
        return [(y, x, of_row[:, None, None], of_column[:, None]) for y, x, of_row, of_column in sides]

    def weighted(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return ((y, x, of_row * of_column) for y, x, of_row, of_column in self._corners())

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        image = (inputs[0].reshape(-1, *self.input_shape).astype(np.int16) + OFFSET).astype(np.float32)
        total = np.float32(0)
        for y, x, of_row, of_column in self._corners():
            total = total + image[:, y][:, :, x] * of_row * of_column
        values = (total + np.float32(0.5)).astype(np.int16) - OFFSET
        return (values.astype(np.int8).reshape(-1, self.batches, *self.output_shape),)

    def call(self) -> Call:
        values = {
            "batches": self.batches,
            "input": self.input_shape,
            "output": self.output_shape,
            "rows": Array("uint32_t", "rows", _with_bits(self.rows, self.row_parts)),
            "columns": Array("uint32_t", "columns", _with_bits(self.columns, self.column_parts)),
        }
        return Call("tr_resize_bilinear_unsigned", UNSIGNED_STRUCT, values)


def _with_bits(places: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """uint32 [4 * n]: two places, and two parts as the bits of float32."""
    bits = np.ascontiguousarray(parts).view(np.uint32)
    return np.concatenate([places.astype(np.uint32), bits], axis=1).ravel()


def prepare(graph: Graph, op: Op) -> Record:
    """Both axes by themselves."""
    x, y, size = read(graph, op)
    aligned, centred = (bool(op.options[name]) for name in ("align_corners", "half_pixel_centers"))
    require(not (aligned and centred), "align_corners with half_pixel_centers", "one of them")
    if x.unsigned:
        sides = [_parts(*lengths, aligned, centred) for lengths in zip(x.shape[1:3], size)]
        (rows, row_parts), (columns, column_parts) = sides
        shapes = (x.shape[0], x.shape[1:], y.shape[1:])
        return UnsignedBilinearParams(*shapes, rows, columns, row_parts, column_parts)
    rows, columns = (_between(*lengths, aligned, centred) for lengths in zip(x.shape[1:3], size))
    return BilinearParams(x.shape[0], x.shape[1:], y.shape[1:], rows, columns, x.dtype == "int16")


def _between(length: int, out: int, aligned: bool, centred: bool) -> np.ndarray:
    """`ComputeInterpolationValuesInteger` of every place."""
    span, steps = (length - 1, out - 1) if aligned and out > 1 else (length, out)
    scale = (ONE * span + steps // 2) // steps
    at = np.arange(out, dtype=np.int64) * scale + (scale // 2 - ONE // 2 if centred else 0)
    first = np.maximum(at, 0) // ONE
    second = np.minimum(np.maximum(at + ONE - 1, 0) // ONE, length - 1)
    require(first.max() < length, f"{length} pixels resized to {out}", "fewer: the reference reads outside the input")
    return read_only(np.stack([first, second, at - ONE * first], axis=1).astype(np.int32))


def _parts(length: int, out: int, aligned: bool, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    """`ComputeInterpolationValues` of every place: between which two [out, 2], and how much of each, float32."""
    one, half = np.float32(1), np.float32(0.5)
    span, steps = (length - 1, out - 1) if aligned and out > 1 else (length, out)
    scale, at = np.float32(span) / np.float32(steps), np.arange(out, dtype=np.float32)
    at = (at + half) * scale - half if centred else at * scale
    first = np.maximum(np.floor(at).astype(np.int32), 0)
    second = np.minimum(np.ceil(at).astype(np.int32), length - 1)
    require(first.max() < length, f"{length} pixels resized to {out}", "fewer: the reference reads outside the input")
    part = at - first.astype(np.float32)
    return read_only(np.stack([first, second], axis=1)), read_only(np.stack([one - part, part], axis=1))


STRUCTS = (STRUCT, UNSIGNED_STRUCT)
KINDS = {"RESIZE_BILINEAR": (prepare, 4)}
INT16_KINDS = {"RESIZE_BILINEAR": prepare}
