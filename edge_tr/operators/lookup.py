"""Operators of one input whose every output value depends on one input value: a table of 256 bytes, one kernel.

The modules of these operators say what the table holds; this one is the record they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import INT8_VALUES, by_unsigned_byte
from edge_tr.operators.checks import INT8, arity, ends, output_shape, read_only
from edge_tr.record import Range, Record
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

STRUCT = Struct(
    "tr_lookup",
    "A function of one value: `table` [256] by x as an unsigned byte.",
    (Field("uint32_t", "size"), Field("const int8_t *", "table")),
)

CHANNELS = Struct(
    "tr_lookup_channels",
    "The same with `tables` [channels][256], by channel.",
    (Field("uint32_t", "size"), Field("uint32_t", "channels"), Field("const int8_t *", "tables")),
)


@dataclass(frozen=True)
class LookupParams(Record):
    """out = table[x] of `size` elements.

    double, single, floating  int8 [256] by x + 128, for each way to round
    slope                     float32 [256] by x + 128: of the real function, in steps of the output by steps of the
                              input; 0 where it leaves int8 or is not defined. Only the gradient looks at it.
    """

    size: int
    double: np.ndarray
    single: np.ndarray
    floating: np.ndarray
    slope: np.ndarray

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        table = {Rounding.DOUBLE: self.double, Rounding.SINGLE: self.single, Rounding.FLOAT: self.floating}[rounding]
        return (table[inputs[0].astype(np.int16) + 128],)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """The least and the most between each channel's ends: tables need not be monotonic."""
        table, x = self.double.astype(np.int64), inputs[0]
        parts = [table[low + 128 : high + 129] for low, high in zip(x.low, x.high)]
        return (Range(np.array([part.min() for part in parts]), np.array([part.max() for part in parts])),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray]:
        return [np.arange(inputs[0])] * 2

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        return [gradient.reshape(inputs[0].shape) * self.slope[inputs[0].astype(np.int16) + 128]]

    def call(self) -> Call:
        table = by_unsigned_byte(self.double)
        return Call("tr_lookup", STRUCT, {"size": self.size, "table": Array("int8_t", "values", table)}, "table", True)


@dataclass(frozen=True)
class ChannelLookupParams(Record):
    """out[..., c] = table[x[..., c] + 128, c] of `size` elements: `table` int8 and `slope` float32 [256, channels], see
    `LookupParams`."""

    size: int
    table: np.ndarray
    slope: np.ndarray

    def _of(self, values: np.ndarray, x: np.ndarray) -> np.ndarray:
        channels = self.table.shape[1]
        return values[x.reshape(-1, channels).astype(np.int16) + 128, np.arange(channels)].reshape(x.shape)

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return (self._of(self.table, inputs[0]),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        return [gradient.reshape(inputs[0].shape) * self._of(self.slope, inputs[0])]

    def call(self) -> Call:
        tables = Array("int8_t", "values", by_unsigned_byte(self.table).T.ravel())
        values = {"size": self.size, "channels": self.table.shape[1], "tables": tables}
        return Call("tr_lookup_channels", CHANNELS, values, "table", True)


def looked_up(size: int, table: Callable[[Rounding], np.ndarray], slope: np.ndarray) -> LookupParams:
    """The record of a table for each way to round."""
    tables = (read_only(table(rounding)) for rounding in (Rounding.DOUBLE, Rounding.SINGLE, Rounding.FLOAT))
    return LookupParams(size, *tables, read_only(slope.astype(np.float32)))


def lookup(
    graph: Graph, op: Op, table: Callable[[Rounding], np.ndarray], real: Callable[[np.ndarray], np.ndarray]
) -> LookupParams:
    """The record of an operator of one input. `table`: int8 [256] by x + 128; `real`: the function that it is made
    of, float64 to float64."""
    arity(op, (1,))
    x, y = ends(graph, op)
    output_shape(y, x.shape)
    given, asked = x.quantization, y.quantization
    with np.errstate(all="ignore"):
        results = real((INT8_VALUES - int(given.zero_point[0])) * float(given.scale[0]))
        steps = results / float(asked.scale[0]) + int(asked.zero_point[0])
    inside = (steps >= INT8[0]) & (steps <= INT8[1])
    return looked_up(x.size, table, np.where(inside, np.gradient(np.where(inside, steps, 0.0)), 0.0))


STRUCTS = (STRUCT, CHANNELS)
