"""CONCATENATION and PACK: tensorflow/lite/kernels/concatenation.cc, pack.cc.

CONCATENATION versions 1 to 7, PACK 1 to 5; int8, any axis, any number of inputs, constants among them. All have the
output's quantisation, as the reference requires: it does not rescale int8. A fused activation is refused, as there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import (
    activation_tensor,
    axis_of,
    constant,
    output_shape,
    require,
    require_options,
    scale,
    shape_text,
    zero_point,
)
from edge_tr.operators.reshape import ReshapeParams
from edge_tr.record import Range, Record
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

NEXT, THERE = -1, -2
STRUCT = Struct(
    "tr_concatenation",
    "CONCATENATION and PACK: `outer` times `runs` [pieces] bytes of each piece. A piece lies at `fixed` [pieces] of\n"
    "`constants`, or is the next input (-1), or lies in the output already (-2).",
    (
        Field("uint32_t", "outer"),
        Field("uint32_t", "pieces"),
        Field("const uint32_t *", "runs"),
        Field("const int32_t *", "fixed"),
        Field("const int8_t *", "constants"),
    ),
)


@dataclass(frozen=True)
class ConcatenationParams(Record):
    """`outer` times a run of each piece.

    runs       elements of each piece's run
    fixed      where a constant piece lies in `constants` (int8); -1: it is the next input
    last       whether the pieces lie beside each other along the last axis: their runs are channels
    """

    outer: int
    runs: tuple[int, ...]
    fixed: tuple[int, ...]
    constants: np.ndarray
    last: bool

    def _pieces(self, inputs: Sequence[object]) -> list[object]:
        """The next of `inputs` for every piece that is one, int8 [outer, run] of the others."""
        following = iter(inputs)
        return [
            next(following) if at < 0 else self.constants[at : at + self.outer * run].reshape(self.outer, run)
            for at, run in zip(self.fixed, self.runs)
        ]

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        samples = inputs[0].size // (self.outer * self.runs[self.fixed.index(-1)])
        pieces = [
            np.broadcast_to(piece.reshape(-1, self.outer, run), (samples, self.outer, run))
            for piece, run in zip(self._pieces(inputs), self.runs)
        ]
        return (np.concatenate(pieces, axis=2),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        pieces = [self._range(piece, run, outputs[0]) for piece, run in zip(self._pieces(inputs), self.runs)]
        ends = [[piece.low for piece in pieces], [piece.high for piece in pieces]]
        if self.last:
            return (Range(*(np.concatenate(end) for end in ends)),)
        return (Range(np.min(ends[0], axis=0), np.max(ends[1], axis=0)),)

    def _range(self, piece: Range | np.ndarray, run: int, channels: int) -> Range:
        """Of the channels that a piece has in the output."""
        channels = run if self.last else channels
        if isinstance(piece, np.ndarray):
            rows = piece.reshape(-1, channels).astype(np.int64)
            return Range(rows.min(axis=0), rows.max(axis=0))
        return piece if len(piece.low) == channels else piece.over(1).over(channels)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        if any(at >= 0 for at in self.fixed):
            return None
        if not self.last:
            return [np.arange(outputs[0])] * (len(inputs) + 1) if {*inputs} == {outputs[0]} else None
        if list(inputs) != list(self.runs):
            return None
        return [*np.split(np.arange(outputs[0]), np.cumsum(inputs)[:-1]), np.arange(outputs[0])]

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        parts = np.split(gradient.reshape(-1, self.outer, sum(self.runs)), np.cumsum(self.runs)[:-1], axis=2)
        return [part for part, at in zip(parts, self.fixed) if at < 0]

    def joins(self) -> tuple[int, ...]:
        if self.outer > 1:
            return ()
        starts = np.cumsum([0, *self.runs]).tolist()
        return tuple(start for start, at in zip(starts, self.fixed) if at < 0)

    def call(self) -> Call:
        return self.call_beside(())

    def call_beside(self, there: Collection[int]) -> Call | None:
        numbers = iter(range(len(self.runs)))
        fixed = [at if at >= 0 else THERE if next(numbers) in there else NEXT for at in self.fixed]
        if all(at == THERE for at in fixed):
            return None
        values = {
            "outer": self.outer,
            "pieces": len(self.runs),
            "runs": Array("uint32_t", "runs", np.array(self.runs)),
            "fixed": Array("int32_t", "fixed", np.array(fixed)),
            "constants": Array("int8_t", "constants", self.constants) if self.constants.size else 0,
        }
        return Call("tr_concatenate", STRUCT, values, gathered=True)


def prepare_concatenation(graph: Graph, op: Op) -> Record:
    """The inputs' lengths add up along one axis."""
    pieces, y = _read(graph, op)
    activation = op.options.get("fused_activation_function", "NONE")
    require(activation == "NONE", f"fused activation {activation}", "NONE")
    shape = pieces[0].shape
    axis = axis_of(int(op.options["axis"]), len(shape))
    others = {(*piece.shape[:axis], *piece.shape[axis + 1 :]) for piece in pieces}
    alike = len(others) == 1 and all(len(piece.shape) == len(shape) for piece in pieces)
    require(alike, f"inputs of shapes {_shapes(pieces)}", f"shapes that differ along axis {axis} only")
    output_shape(y, (*shape[:axis], sum(piece.shape[axis] for piece in pieces), *shape[axis + 1 :]))
    return _record(pieces, math.prod(shape[:axis]), axis == len(shape) - 1)


def prepare_pack(graph: Graph, op: Op) -> Record:
    """The inputs along a new axis."""
    pieces, y = _read(graph, op)
    shape = pieces[0].shape
    axis = axis_of(int(op.options["axis"]), len(shape) + 1)
    require(int(op.options["values_count"]) == len(pieces), f"{len(pieces)} inputs", f"{op.options['values_count']}")
    require(len({piece.shape for piece in pieces}) == 1, f"inputs of shapes {_shapes(pieces)}", "one shape")
    output_shape(y, (*shape[:axis], len(pieces), *shape[axis:]))
    return _record(pieces, math.prod(shape[:axis]), axis == len(shape))


def _shapes(pieces: Sequence[Tensor]) -> str:
    return ", ".join(shape_text(piece.shape) for piece in pieces)


def _read(graph: Graph, op: Op) -> tuple[list[Tensor], Tensor]:
    """All inputs, of the output's quantisation, and the output."""
    require_options(op)
    require(len(op.outputs) == 1, f"{len(op.outputs)} outputs", "1")
    require(graph.activations(op), "no computed input", "at least one")
    y, pieces = activation_tensor(graph, op.outputs[0], "output"), []
    for number, index in enumerate(op.inputs):
        fixed = index >= 0 and graph.tensor(index).data is not None
        what = f"input {number}"
        piece = constant(graph, index, what, ("int8",)) if fixed else activation_tensor(graph, index, what)
        q = piece.quantization
        same = q is not None and q.per_tensor and (scale(piece), zero_point(piece)) == (scale(y), zero_point(y))
        require(same and piece.size, f"{what} in another quantisation than the output", "the same")
        pieces.append(piece)
    return pieces, y


def _record(pieces: Sequence[Tensor], outer: int, last: bool) -> Record:
    if len(pieces) == 1:
        return ReshapeParams(pieces[0].size)
    held = [piece.data for piece in pieces if piece.data is not None]
    starts = iter(np.cumsum([0, *(data.size for data in held)]).tolist())
    constants = np.concatenate([np.zeros(0, np.int8), *(data.ravel() for data in held)])
    constants.flags.writeable = False
    return ConcatenationParams(
        outer=outer,
        runs=tuple(piece.size // outer for piece in pieces),
        fixed=tuple(-1 if piece.data is None else next(starts) for piece in pieces),
        constants=constants,
        last=last,
    )


STRUCTS = (STRUCT,)
KINDS = {"CONCATENATION": (prepare_concatenation, 7), "PACK": (prepare_pack, 5)}
