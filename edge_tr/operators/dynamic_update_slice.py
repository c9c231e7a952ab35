"""DYNAMIC_UPDATE_SLICE: tensorflow/lite/kernels/dynamic_update_slice.cc.

Versions 1 and 2; int8, int16, int32, int64 and bool, up to six dimensions; any of the three inputs may be a constant.
The update is moved inside where its start leads beyond the operand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import (
    MOVABLE,
    arity,
    computed,
    limits_of,
    output_shape,
    read_only,
    require,
    scale,
    shape_text,
    typed,
    zero_point,
)
from edge_tr.operators.moves import strides
from edge_tr.operators.walk import padded, whole
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

AXES = 6
MEMBERS = ("operand", "update", "start")
STRUCT = Struct(
    "tr_update_slice",
    "DYNAMIC_UPDATE_SLICE: `bytes` of operand, and in them runs of `run` bytes of an update with `sizes`, neighbours\n"
    "`steps` bytes apart, from a start of up to `limits` along each axis. What is not null is no input.",
    (
        Field("uint32_t", "bytes"),
        Field("uint32_t", "run"),
        Field("uint32_t", "sizes", "of the update; the last one in one run", count=AXES),
        Field("uint32_t", "steps", count=AXES),
        Field("uint32_t", "limits", count=AXES),
        Field("uint8_t", "axes", "that the start has: the last ones"),
        Field("uint8_t", "start_bytes"),
        Field("const int8_t *", "operand"),
        Field("const int8_t *", "update"),
        Field("const int8_t *", "start"),
    ),
)


@dataclass(frozen=True)
class UpdateSliceParams(Record):
    """An operand of `shape` and `dtype` with an update of shape `taken` at a start; each is None where it is a computed
    input."""

    shape: tuple[int, ...]
    taken: tuple[int, ...]
    dtype: str
    start_bytes: int
    operand: np.ndarray | None
    update: np.ndarray | None
    start: np.ndarray | None

    @property
    def constants(self) -> tuple[np.ndarray | None, ...]:
        return self.operand, self.update, self.start

    def _all(self, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[n, ...] each; the starts inside."""
        count = next(len(values) for values in inputs)
        shapes = (self.shape, self.taken, (len(self.shape),))
        values = [
            np.broadcast_to(of.reshape(-1, *shape), (count, *shape))
            for of, shape in zip(whole(inputs, self.constants), shapes)
        ]
        most = np.array(self.shape) - np.array(self.taken)
        return values[0], values[1], np.clip(values[2].astype(np.int64), 0, most)

    def _places(self, start: np.ndarray) -> tuple[slice, ...]:
        return tuple(slice(at, at + size) for at, size in zip(start.tolist(), self.taken))

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        operand, update, start = self._all(inputs)
        result = operand.astype(self.dtype)
        for sample in range(len(result)):
            result[sample][self._places(start[sample])] = update[sample]
        return (result,)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], limits_of(self.dtype)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """The update's where it lies, the operand's elsewhere; none to the start."""
        _, _, start = self._all(inputs)
        given = np.array(gradient, np.float32).reshape(-1, *self.shape)
        updates = np.zeros((len(given), *self.taken), np.float32)
        for sample in range(len(given)):
            places = self._places(start[sample])
            updates[sample] = given[sample][places]
            given[sample][places] = 0
        shares = (given, updates, np.zeros(start.shape, np.float32))
        return [share for share, constant in zip(shares, self.constants) if constant is None]

    def call(self) -> Call:
        item = np.dtype(self.dtype).itemsize
        shape, part = (padded(of, AXES) for of in (self.shape, self.taken))
        values = {
            "bytes": item * int(np.prod(self.shape)),
            "run": item * part[-1],
            "sizes": part,
            "steps": tuple(item * step for step in strides(shape)),
            "limits": tuple(size - taken for size, taken in zip(shape, part)),
            "axes": len(self.shape),
            "start_bytes": self.start_bytes,
        }
        for member, constant in zip(MEMBERS, self.constants):
            held = None if constant is None else np.ascontiguousarray(constant).view(np.int8).ravel()
            values[member] = 0 if held is None else Array("int8_t", member, held)
        return Call("tr_update_slice", STRUCT, values, gathered=True)


def prepare(graph: Graph, op: Op) -> UpdateSliceParams:
    """All of the operand's type, and int8 of its quantisation."""
    arity(op, (3,))
    y = computed(graph, op.outputs[0], "output", MOVABLE)
    operand, update = (typed(graph, i, what, (y.dtype,)) for i, what in zip(op.inputs[:2], MEMBERS))
    start = typed(graph, op.inputs[2], "start", ("int32", "int64"))
    tensors = (operand, update, start)
    require(any(tensor.data is None for tensor in tensors), "three constant inputs", "at least one computed input")
    for tensor, what in zip(tensors[:2], MEMBERS):
        same = y.dtype != "int8" or (scale(tensor), zero_point(tensor)) == (scale(y), zero_point(y))
        require(same, f"{what} in another quantisation than the output", "the same")
    rank = len(operand.shape)
    fits = 0 < rank == len(update.shape) and all(part <= size for part, size in zip(update.shape, operand.shape))
    shapes = f"{shape_text(update.shape)} in {shape_text(operand.shape)}"
    require(fits and start.shape == (rank,), f"an update of {shapes}", "one that fits, a start for each axis")
    require(rank <= AXES, f"{rank} dimensions", f"up to {AXES}")
    output_shape(y, operand.shape)
    constants = (None if tensor.data is None else read_only(tensor.data.copy()) for tensor in tensors)
    return UpdateSliceParams(operand.shape, update.shape, y.dtype, start.item_bytes, *constants)


STRUCTS = (STRUCT,)
KINDS = {"DYNAMIC_UPDATE_SLICE": (prepare, 2)}
