"""TOPK_V2: tensorflow/lite/kernels/topk_v2.cc.

Versions 1 to 3; int8, int16, int32 and int64 along the last axis, a constant k, int32 places. The largest comes first;
of equal values the one that lies in front. Each of the two outputs is a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import computed, integers, limits_of, output_shape, require
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Call, Field, Struct
from edge_tr.tr.requant import Rounding

TYPES = ("int8", "int16", "int32", "int64")
STRUCT = Struct(
    "tr_top_k",
    "TOPK_V2 of rows of `length` elements of `bytes`: their `count` largest, or the `places` of these.",
    (
        Field("uint32_t", "rows"),
        Field("uint32_t", "length"),
        Field("uint32_t", "count"),
        Field("uint8_t", "bytes"),
        Field("bool", "places"),
    ),
)


@dataclass(frozen=True)
class TopKParams(Record):
    """The `count` largest of each of `rows` of `length`, of type `dtype`, and where they lie."""

    rows: int
    length: int
    count: int
    dtype: str

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, self.rows, self.length)
        places = self._places(x)
        return np.take_along_axis(x, places, axis=2), places.astype(np.int32)

    def _places(self, x: np.ndarray) -> np.ndarray:
        """~x falls as x grows, and no value overflows."""
        return np.argsort(~x, axis=2, kind="stable")[..., : self.count]

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return full_range(outputs[0], limits_of(self.dtype)), full_range(outputs[1], (0, self.length - 1))

    def all_gradients(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """To the values that are among the largest; none from the places."""
        x = inputs[0].reshape(-1, self.rows, self.length)
        found = np.zeros(x.shape, np.float32)
        given = gradients[0].reshape(-1, self.rows, self.count)
        np.put_along_axis(found, self._places(x), given.astype(np.float32), axis=2)
        return [found]

    def calls(self) -> tuple[Call, ...]:
        values = {"rows": self.rows, "length": self.length, "count": self.count}
        values |= {"bytes": np.dtype(self.dtype).itemsize}
        return tuple(Call("tr_top_k", STRUCT, {**values, "places": places}) for places in (False, True))


def prepare(graph: Graph, op: Op) -> TopKParams:
    """Along the last axis."""
    require(len(op.inputs) == len(op.outputs) == 2, f"{len(op.inputs)} inputs, {len(op.outputs)} outputs", "2 and 2")
    x = computed(graph, op.inputs[0], "input", TYPES)
    k = integers(graph, op.inputs[1], "k", ("int32",))
    require(len(k) == 1 and x.shape and 0 < k[0] <= x.shape[-1], f"k {k}", "one number up to the last axis's length")
    values = computed(graph, op.outputs[0], "values", (x.dtype,))
    places = computed(graph, op.outputs[1], "places", ("int32",))
    for y in (values, places):
        output_shape(y, (*x.shape[:-1], k[0]))
    return TopKParams(x.size // x.shape[-1], x.shape[-1], k[0], x.dtype)


STRUCTS = (STRUCT,)
KINDS = {"TOPK_V2": (prepare, 3)}
