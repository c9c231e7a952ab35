"""SPLIT, SPLIT_V and UNPACK: tensorflow/lite/kernels/split.cc, split_v.cc, unpack.cc.

SPLIT versions 1 to 5, SPLIT_V 1 to 3, UNPACK 1 to 6; any type, constant axis and sizes. Every output is a layer of its
own, a strided copy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import MOVABLE, axis_of, computed, integers, output_shape, require, require_options
from edge_tr.operators.moves import Loop, move
from edge_tr.operators.reshape import ReshapeParams
from edge_tr.record import Range, Record
from edge_tr.structs import Call
from edge_tr.tr.requant import Rounding


@dataclass(frozen=True)
class SplitParams(Record):
    """`outer` rows, each cut into `runs` elements of `item` bytes for one output after the other. `last`: along the
    last axis, where runs are channels."""

    outer: int
    runs: tuple[int, ...]
    last: bool
    item: int = 1

    def _parts(self, array: np.ndarray, axis: int = 0) -> list[np.ndarray]:
        return np.split(array, np.cumsum(self.runs)[:-1], axis=axis)

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return tuple(self._parts(inputs[0].reshape(-1, self.outer, sum(self.runs)), axis=2))

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        x = inputs[0]
        if self.last:
            return tuple(Range(*ends) for ends in zip(self._parts(x.low), self._parts(x.high)))
        return tuple(x if len(x.low) == channels else x.over(1) for channels in outputs)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        """Along the last axis sizes are fixed, so no channel may go."""
        if self.last or {*outputs} != {inputs[0]}:
            return None
        return [np.arange(inputs[0])] * (len(outputs) + 1)

    def all_gradients(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], gradients: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        rows = [of.reshape(-1, self.outer, run) for of, run in zip(gradients, self.runs)]
        return [np.concatenate(rows, axis=2)]

    def part(self, output: int) -> int | None:
        return sum(self.runs[:output]) if self.outer == 1 else None

    def calls(self) -> tuple[Call, ...]:
        row, starts = sum(self.runs), np.cumsum([0, *self.runs]).tolist()
        moves = [
            move(
                self.outer * row,
                self.outer * run,
                [Loop(self.outer, row, run), Loop(run, 1, 1)],
                first=(start, 0),
                item=self.item,
            )
            for start, run in zip(starts, self.runs)
        ]
        return tuple(of.call() for of in moves)


def prepare_split(graph: Graph, op: Op) -> Record:
    """Into equal parts."""
    require(len(op.inputs) == 2, f"{len(op.inputs)} inputs", "2")
    x = computed(graph, op.inputs[1], "input", MOVABLE)
    axis = _axis(graph, op.inputs[0], x)
    count = len(op.outputs)
    require(count and x.shape[axis] % count == 0, f"{count} parts of {x.shape[axis]}", "equal parts")
    return _record(graph, op, x, axis, [x.shape[axis] // count] * count)


def prepare_split_v(graph: Graph, op: Op) -> Record:
    """Into parts of given sizes, of which one may be -1: what is left."""
    require(len(op.inputs) == 3, f"{len(op.inputs)} inputs", "3")
    x = computed(graph, op.inputs[0], "input", MOVABLE)
    axis = _axis(graph, op.inputs[2], x)
    sizes = integers(graph, op.inputs[1], "sizes")
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = x.shape[axis] - sum(sizes) - 1
    good = sum(sizes) == x.shape[axis] and min(sizes) > 0 and len(sizes) == len(op.outputs)
    require(good, f"sizes {sizes} of {x.shape[axis]}", f"{len(op.outputs)} parts that add up")
    return _record(graph, op, x, axis, sizes)


def prepare_unpack(graph: Graph, op: Op) -> Record:
    """Into the slices along one axis, which goes."""
    require_options(op)
    require(len(op.inputs) == 1, f"{len(op.inputs)} inputs", "1")
    x = computed(graph, op.inputs[0], "input", MOVABLE)
    axis = axis_of(int(op.options["axis"]), len(x.shape))
    count = x.shape[axis]
    require(len(op.outputs) == count == int(op.options["num"]), f"{len(op.outputs)} outputs", f"{count}")
    return _record(graph, op, x, axis, [1] * count, drops=True)


def _axis(graph: Graph, index: int, x: Tensor) -> int:
    values = integers(graph, index, "axis", ("int32",))
    require(len(values) == 1, f"{len(values)} axes", "one")
    return axis_of(values[0], len(x.shape))


def _record(graph: Graph, op: Op, x: Tensor, axis: int, sizes: Sequence[int], drops: bool = False) -> Record:
    """`drops`: the outputs do not have the axis."""
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    for number, (index, size) in enumerate(zip(op.outputs, sizes)):
        y = computed(graph, index, f"output {number}", (x.dtype,))
        output_shape(y, (*before, *(() if drops else (size,)), *after))
    if len(sizes) == 1:
        return ReshapeParams(x.size)
    inner = math.prod(after)
    return SplitParams(math.prod(before), tuple(size * inner for size in sizes), axis == len(x.shape) - 1, x.item_bytes)


KINDS = {"SPLIT": (prepare_split, 5), "SPLIT_V": (prepare_split_v, 3), "UNPACK": (prepare_unpack, 6)}
