"""GATHER with computed indices, and EMBEDDING_LOOKUP: tensorflow/lite/kernels/gather.cc, embedding_lookup.cc.

GATHER along any axis without batch dimensions, EMBEDDING_LOOKUP versions 1 to 4 with one quantisation of table and
output; values of any type that can be moved, constant or computed, int32 or int64 indices. Where an index lies outside
the reference stops; here it is taken as the nearest one inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import (
    MOVABLE,
    arity,
    axis_of,
    computed,
    limits_of,
    output_shape,
    require,
    scale,
    typed,
    zero_point,
)
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

INDEX_TYPES = ("int32", "int64")
STRUCT = Struct(
    "tr_gather_rows",
    "Of `outer` blocks with `length` runs of `run` bytes those that `count` indices say, of `index_bytes` each. The\n"
    "values are the first input, or `constant`.",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "length"),
        Field("uint32_t", "count"),
        Field("uint32_t", "run"),
        Field("uint32_t", "index_bytes"),
        Field("const int8_t *", "constant"),
    ),
)


@dataclass(frozen=True)
class GatherParams(Record):
    """[outer, length, inner] values of `dtype` to [outer, count, inner]; `constant`: the values, of one block or more,
    or none. `index_bytes`: of an index."""

    outer: int
    length: int
    count: int
    inner: int
    index_bytes: int
    dtype: str
    constant: np.ndarray

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        indices = np.clip(inputs[-1].reshape(-1, self.count).astype(np.int64), 0, self.length - 1)
        values = self.constant if self.constant.size else inputs[0]
        blocks = values.reshape(-1, self.outer, self.length, self.inner)
        blocks = np.broadcast_to(blocks, (len(indices), *blocks.shape[1:]))
        return (np.take_along_axis(blocks, indices[:, None, :, None], axis=2),)

    def golden_bytes(self, elements: int) -> int:
        return 32 * (elements + self.outer * self.count * self.inner)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], limits_of(self.dtype)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """To the values that were taken; none to the indices."""
        flat = np.zeros(inputs[-1].shape, np.float32)
        if self.constant.size:
            return [flat]
        shape = (-1, self.outer, self.length, self.inner)
        found = np.zeros(inputs[0].shape, np.float32).reshape(shape)
        indices = np.clip(inputs[-1].reshape(-1, self.count).astype(np.int64), 0, self.length - 1)
        given = gradient.reshape(-1, self.outer, self.count, self.inner)
        for sample, rows in enumerate(indices):
            np.add.at(found[sample], (slice(None), rows), given[sample])
        return [found.reshape(inputs[0].shape), flat]

    def call(self) -> Call:
        held = Array("int8_t", "values", self.constant.ravel().view(np.int8)) if self.constant.size else 0
        values = {
            "outer": self.outer,
            "length": self.length,
            "count": self.count,
            "run": self.inner * np.dtype(self.dtype).itemsize,
            "index_bytes": self.index_bytes,
            "constant": held,
        }
        return Call("tr_gather_rows", STRUCT, values, gathered=True)


def prepare_rows(graph: Graph, op: Op) -> GatherParams:
    """GATHER whose second input is computed."""
    x = typed(graph, op.inputs[0], "input", MOVABLE)
    indices, y = _indices(graph, op.inputs[1]), computed(graph, op.outputs[0], "output", (x.dtype,))
    axis, batched = axis_of(int(op.options["axis"]), len(x.shape)), int(op.options["batch_dims"])
    require(batched == 0, f"{batched} batch dimensions of computed indices", "0")
    output_shape(y, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    return _record(x, indices, math.prod(x.shape[:axis]), x.shape[axis])


def prepare_embedding(graph: Graph, op: Op) -> GatherParams:
    """Rows of the second input, by the first."""
    arity(op, (2,))
    indices = computed(graph, op.inputs[0], "ids", ("int32",))
    table = typed(graph, op.inputs[1], "table", MOVABLE)
    require(table.data is not None, f"a computed table '{table.name}'", "a constant one")
    y = computed(graph, op.outputs[0], "output", (table.dtype,))
    if table.dtype == "int8":
        same = (scale(table), zero_point(table)) == (scale(y), zero_point(y))
        require(same, "a table in another quantisation than the output", "the same")
    require(len(indices.shape) == 1 and len(table.shape) > 1, "ids of more than one dimension", "one")
    output_shape(y, (*indices.shape, *table.shape[1:]))
    return _record(table, indices, 1, table.shape[0])


def _indices(graph: Graph, index: int) -> Tensor:
    return computed(graph, index, "indices", INDEX_TYPES)


def _record(x: Tensor, indices: Tensor, outer: int, length: int) -> GatherParams:
    held = np.zeros(0, np.int8) if x.data is None else x.data
    inner = x.size // outer // length
    return GatherParams(outer, length, indices.size, inner, indices.item_bytes, x.dtype, held)


STRUCTS = (STRUCT,)
KINDS = {"EMBEDDING_LOOKUP": (prepare_embedding, 4)}
