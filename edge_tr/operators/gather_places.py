"""GATHER_ND with computed indices: tensorflow/lite/kernels/gather_nd.cc.

Values of any type that can be moved, constant or computed; int32 or int64 indices. Where an index lies outside the
reference stops; here it is taken as the nearest one inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import MOVABLE, computed, limits_of, output_shape, require, shape_text, typed
from edge_tr.operators.moves import strides
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

INDEX_TYPES = ("int32", "int64")
STRUCT = Struct(
    "tr_gather_places",
    "`count` runs of `run` bytes, each where `depth` indices of `index_bytes` say: along axes of `sizes` [depth],\n"
    "whose neighbours lie `steps` [depth] bytes apart. The values are the first input, or `constant`.",
    (
        Field("uint32_t", "count"),
        Field("uint32_t", "depth"),
        Field("uint32_t", "run"),
        Field("uint32_t", "index_bytes"),
        Field("const uint32_t *", "sizes"),
        Field("const uint32_t *", "steps"),
        Field("const int8_t *", "constant"),
    ),
)


@dataclass(frozen=True)
class GatherPlacesParams(Record):
    """Of values of `shape` and `dtype` what lies at `count` places along the first `depth` axes; `constant`: the
    values, or none."""

    shape: tuple[int, ...]
    depth: int
    count: int
    index_bytes: int
    dtype: str
    constant: np.ndarray

    @property
    def _inner(self) -> int:
        return math.prod(self.shape[self.depth :])

    def _flat(self, indices: np.ndarray) -> np.ndarray:
        """int64 [n, count]: which run of all of them."""
        most = np.array(self.shape[: self.depth]) - 1
        inside = np.clip(indices.reshape(-1, self.count, self.depth).astype(np.int64), 0, most)
        return inside @ np.array(strides(self.shape[: self.depth]))

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        places = self._flat(inputs[-1])
        values = (self.constant if self.constant.size else inputs[0]).reshape(-1, math.prod(self.shape))
        runs = np.broadcast_to(values, (len(places), values.shape[1])).reshape(len(places), -1, self._inner)
        return (np.take_along_axis(runs, places[:, :, None], axis=1),)

    def golden_bytes(self, elements: int) -> int:
        return 32 * (elements + self.count * self._inner)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], limits_of(self.dtype)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """To the values that were taken; none to the indices."""
        none = np.zeros(inputs[-1].shape, np.float32)
        if self.constant.size:
            return [none]
        places = self._flat(inputs[-1])
        found = np.zeros((len(places), math.prod(self.shape[: self.depth]), self._inner), np.float32)
        for sample, at in enumerate(places):
            np.add.at(found[sample], at, gradient.reshape(len(places), self.count, -1)[sample])
        return [found, none]

    def call(self) -> Call:
        item = np.dtype(self.dtype).itemsize
        steps = item * np.array(strides(self.shape)[: self.depth], np.uint32)
        values = {
            "count": self.count,
            "depth": self.depth,
            "run": self._inner * item,
            "index_bytes": self.index_bytes,
            "sizes": Array("uint32_t", "sizes", np.array(self.shape[: self.depth], np.uint32)),
            "steps": Array("uint32_t", "steps", steps),
            "constant": Array("int8_t", "values", self.constant.ravel().view(np.int8)) if self.constant.size else 0,
        }
        return Call("tr_gather_places", STRUCT, values, gathered=True)


def prepare_places(graph: Graph, op: Op) -> GatherPlacesParams:
    """The last axis of the indices holds the places along the first axes of the input."""
    x = typed(graph, op.inputs[0], "input", MOVABLE)
    indices = computed(graph, op.inputs[1], "indices", INDEX_TYPES)
    y = computed(graph, op.outputs[0], "output", (x.dtype,))
    depth = indices.shape[-1] if indices.shape else 0
    require(1 <= depth <= len(x.shape), f"indices of shape {shape_text(indices.shape)}", "1 to all axes of the input")
    output_shape(y, (*indices.shape[:-1], *x.shape[depth:]))
    held = np.zeros(0, np.int8) if x.data is None else x.data
    return GatherPlacesParams(x.shape, depth, indices.size // depth, indices.item_bytes, x.dtype, held)


STRUCTS = (STRUCT,)
