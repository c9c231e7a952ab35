"""RESHAPE: tensorflow/lite/kernels/reshape.cc. No kernel: the output is the input's bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, constant, moved, output_shape, require
from edge_tr.record import Range, Record
from edge_tr.tr.requant import Rounding

MAX_OPTION_RANK = 8  # of the shape when it is an option


@dataclass(frozen=True)
class ReshapeParams(Record):
    """RESHAPE: the same `size` elements under another shape."""

    same_bytes: ClassVar[bool] = True
    size: int

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return (inputs[0],)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (inputs[0],)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        if outputs[0] % inputs[0]:
            return None
        return [np.arange(inputs[0]), np.arange(outputs[0]) % inputs[0]]

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        return [gradient]


def prepare(graph: Graph, op: Op) -> ReshapeParams:
    """The new shape is the second input's value, else the option's."""
    arity(op, (1, 2))
    x, y = moved(graph, op)
    option = list(op.options.get("new_shape", ()))
    require(len(option) <= MAX_OPTION_RANK, f"a new shape of {len(option)} dimensions", f"{MAX_OPTION_RANK}")
    shape = option
    if len(op.inputs) == 2 and op.inputs[1] >= 0:
        shape = [int(d) for d in constant(graph, op.inputs[1], "shape", ("int32",)).data.reshape(-1)]
    if shape.count(-1) == 1:
        known = -math.prod(shape)
        require(known > 0 and x.size % known == 0, f"shape {shape} for {x.size} elements", "one that fits")
        shape[shape.index(-1)] = x.size // known
    require(math.prod(shape) == x.size and min(shape, default=1) > 0, f"shape {shape}", f"{x.size} elements")
    output_shape(y, tuple(shape))
    return ReshapeParams(x.size)


KINDS = {"RESHAPE": (prepare, 1)}
