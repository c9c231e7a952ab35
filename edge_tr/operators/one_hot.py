"""ONE_HOT: tensorflow/lite/kernels/one_hot.cc.

Version 1; computed int32 or int64 indices, a constant depth and constant values of the output's type: int8 (whatever
the scales say), int16, int32, int64 or bool. An index outside gives the off value everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import (
    arity,
    axis_of,
    computed,
    constant,
    integers,
    output_shape,
    read_only,
    require,
)
from edge_tr.record import Range, Record
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

TYPES = ("int8", "int16", "int32", "int64", "bool")
STRUCT = Struct(
    "tr_one_hot",
    "ONE_HOT of indices [outer][inner] to [outer][depth][inner]: `values` are the off and the on value, `bytes` each.",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "depth"),
        Field("uint32_t", "inner"),
        Field("uint8_t", "index_bytes"),
        Field("uint8_t", "bytes"),
        Field("const int8_t *", "values"),
    ),
)


@dataclass(frozen=True)
class OneHotParams(Record):
    """values[index == place] of every place: `values` [2] of the output's type, off and on."""

    outer: int
    depth: int
    inner: int
    index_bytes: int
    values: np.ndarray

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        indices = inputs[0].reshape(-1, self.outer, 1, self.inner)
        return (self.values[(indices == np.arange(self.depth)[:, None]).astype(np.intp)],)

    def golden_bytes(self, elements: int) -> int:
        return 24 * elements * self.depth

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        low, high = int(self.values.min()), int(self.values.max())
        return (Range(np.full(outputs[0], low), np.full(outputs[0], high)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """None: places do not move."""
        return [np.zeros(inputs[0].shape, np.float32)]

    def call(self) -> Call:
        values = {
            "outer": self.outer,
            "depth": self.depth,
            "inner": self.inner,
            "index_bytes": self.index_bytes,
            "bytes": self.values.itemsize,
            "values": Array("int8_t", "values", np.ascontiguousarray(self.values).view(np.int8)),
        }
        return Call("tr_one_hot", STRUCT, values)


def prepare(graph: Graph, op: Op) -> OneHotParams:
    """The new axis is the last one (-1), or the one that the option says."""
    arity(op, (4,))
    indices = computed(graph, op.inputs[0], "indices", ("int32", "int64"))
    y = computed(graph, op.outputs[0], "output", TYPES)
    depth = integers(graph, op.inputs[1], "depth", ("int32",))
    require(len(depth) == 1 and depth[0] > 0, f"depth {depth}", "one number above 0")
    on, off = (constant(graph, i, what, (y.dtype,)) for i, what in zip(op.inputs[2:], ("on value", "off value")))
    require(on.size == off.size == 1, "on and off values of several elements", "one each")
    axis = axis_of(int(op.options.get("axis", -1)), len(indices.shape) + 1)
    output_shape(y, (*indices.shape[:axis], depth[0], *indices.shape[axis:]))
    outer, inner = math.prod(indices.shape[:axis]), math.prod(indices.shape[axis:])
    values = np.array([off.data.reshape(()), on.data.reshape(())], y.dtype)
    return OneHotParams(outer, depth[0], inner, indices.item_bytes, read_only(values))


STRUCTS = (STRUCT,)
KINDS = {"ONE_HOT": (prepare, 1)}
