"""CAST between integers and bool: tensorflow/lite/kernels/cast.cc.

Versions 1 to 7; int8, uint8, int16, int32, int64 and bool, any shape. The values themselves are cast as C does, what
does not fit loses its upper bits; quantisation is not looked at. To bool: whether it is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, limits_of, output_shape, require, shape_text
from edge_tr.operators.unsigned import OFFSET
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Call, Field, Struct
from edge_tr.tr.requant import Rounding

TYPES = ("int8", "uint8", "int16", "int32", "int64", "bool")
STRUCT = Struct(
    "tr_cast",
    "CAST of `size` integers of `from_bytes`, signed or not, to `to_bytes`, or to bool.",
    (
        Field("uint32_t", "size"),
        Field("uint8_t", "from_bytes"),
        Field("uint8_t", "to_bytes"),
        Field("bool", "is_signed"),
        Field("bool", "to_bool"),
        Field("int16_t", "offset", "added before"),
        Field("int16_t", "less", "and taken away behind"),
    ),
)


@dataclass(frozen=True)
class CastParams(Record):
    """`size` elements from one type to another, by their numpy names. `offset` and `less`: by how much a value in the
    file, where it is uint8, is more than the one here."""

    size: int
    given: str
    asked: str
    offset: int = 0
    less: int = 0

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        values = inputs[0].astype(np.int64) + self.offset
        return ((values != 0) if self.asked == "bool" else (values - self.less).astype(self.asked),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """The same where it fits."""
        limits, change = limits_of(self.asked), self.offset - self.less
        low, high = inputs[0].low + change, inputs[0].high + change
        fits = self.asked != "bool" and low.min() >= limits[0] and high.max() <= limits[1]
        return (Range(low, high) if fits else full_range(outputs[0], limits),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        return [gradient * np.float32(self.asked != "bool")]

    def call(self) -> Call:
        given, asked = np.dtype(self.given), np.dtype(self.asked)
        values = {
            "size": self.size,
            "from_bytes": given.itemsize,
            "to_bytes": asked.itemsize,
            "is_signed": given.kind == "i",
            "to_bool": asked.kind == "b",
            "offset": self.offset,
            "less": self.less,
        }
        return Call("tr_cast", STRUCT, values)


def prepare(graph: Graph, op: Op) -> CastParams:
    """The types are the tensors'."""
    arity(op, (1,))
    require(op.inputs[0] >= 0, "no input", "an input")
    x, y = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    for tensor, what in ((x, "input"), (y, "output")):
        require(tensor.dtype in TYPES, f"{what} of type {tensor.dtype}", " or ".join(TYPES))
        require(tensor.data is None, f"a constant {what} '{tensor.name}'", f"a computed {what}")
    require(x.size > 0, f"an empty input of shape {shape_text(x.shape)}", "at least one element")
    output_shape(y, x.shape)
    return CastParams(x.size, x.dtype, y.dtype, OFFSET * x.unsigned, OFFSET * y.unsigned)


STRUCTS = (STRUCT,)
KINDS = {"CAST": (prepare, 7)}
