"""CONCATENATION and PAD of int16: tensorflow/lite/kernels/concatenation.cc, pad.cc. All have the output's scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import arity, axis_of, output_shape, require, require_options, scale, shape_text
from edge_tr.operators.concatenation import ConcatenationParams
from edge_tr.operators.moves import Loop, move, strides
from edge_tr.operators.pad import amounts_of
from edge_tr.operators.walk import whole
from edge_tr.operators.wide import INT16, wide, wide_ends
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Call
from edge_tr.tr.requant import Rounding


@dataclass(frozen=True)
class WideJoinParams(Record):
    """`outer` times a run of each piece.

    runs       elements of each piece's run
    fixed      where a constant piece begins in `constants` (int16); -1: it is the next input
    """

    outer: int
    runs: tuple[int, ...]
    fixed: tuple[int, ...]
    constants: np.ndarray

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        held = [
            None if at < 0 else self.constants[at : at + self.outer * run] for at, run in zip(self.fixed, self.runs)
        ]
        samples = inputs[0].size // (self.outer * self.runs[self.fixed.index(-1)])
        pieces = [
            np.broadcast_to(piece.reshape(-1, self.outer, run), (samples, self.outer, run))
            for piece, run in zip(whole(inputs, held), self.runs)
        ]
        return (np.concatenate(pieces, axis=2),)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], INT16),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        parts = np.split(gradient.reshape(-1, self.outer, sum(self.runs)), np.cumsum(self.runs)[:-1], axis=2)
        return [part for part, at in zip(parts, self.fixed) if at < 0]

    def call(self) -> Call:
        """The same of bytes."""
        runs, fixed = (tuple(2 * n if n >= 0 else n for n in of) for of in (self.runs, self.fixed))
        held = np.ascontiguousarray(self.constants).view(np.int8)
        return ConcatenationParams(self.outer, runs, fixed, held, False).call()


def _pieces(graph: Graph, op: Op) -> tuple[list[Tensor], Tensor]:
    """All inputs, of the output's scale, and the output."""
    require_options(op)
    require(graph.activations(op), "no computed input", "at least one")
    y = wide(graph, op.outputs[0], "output")
    pieces = [wide(graph, index, f"input {number}", True) for number, index in enumerate(op.inputs)]
    for number, piece in enumerate(pieces):
        require(scale(piece) == scale(y), f"input {number} of another scale than the output", "the same")
    activation = op.options.get("fused_activation_function", "NONE")
    require(activation == "NONE", f"fused activation {activation}", "NONE")
    return pieces, y


def _record(pieces: Sequence[Tensor], outer: int) -> WideJoinParams:
    held = [piece.data.ravel() for piece in pieces if piece.data is not None]
    starts = iter(np.cumsum([0, *map(len, held)]).tolist())
    constants = np.concatenate([np.zeros(0, np.int16), *held]).astype(np.int16)
    fixed = tuple(-1 if piece.data is None else next(starts) for piece in pieces)
    return WideJoinParams(outer, tuple(piece.size // outer for piece in pieces), fixed, constants)


def prepare_concatenation(graph: Graph, op: Op) -> WideJoinParams:
    """The inputs' lengths add up along one axis."""
    pieces, y = _pieces(graph, op)
    shape = pieces[0].shape
    axis = axis_of(int(op.options["axis"]), len(shape))
    others = {(*piece.shape[:axis], *piece.shape[axis + 1 :]) for piece in pieces}
    shapes = ", ".join(shape_text(piece.shape) for piece in pieces)
    alike = len(others) == 1 and all(len(piece.shape) == len(shape) for piece in pieces)
    require(alike, f"inputs of shapes {shapes}", f"shapes that differ along axis {axis} only")
    output_shape(y, (*shape[:axis], sum(piece.shape[axis] for piece in pieces), *shape[axis + 1 :]))
    return _record(pieces, math.prod(shape[:axis]))


def prepare_pad(graph: Graph, op: Op) -> Record:
    """Zeros around the input."""
    arity(op, (2,))
    x, y = wide_ends(graph, op)
    require(scale(x) == scale(y), "another scale of the output", "the same")
    amounts = amounts_of(graph, op, x)
    output_shape(y, tuple(d + before + after for d, (before, after) in zip(x.shape, amounts)))
    target = strides(y.shape)
    loops = [Loop(*loop) for loop in zip(x.shape, strides(x.shape), target)]
    first = sum(before * step for (before, _), step in zip(amounts, target))
    return move(x.size, y.size, loops, first=(0, first), filling=0, item=x.item_bytes)


STRUCTS = ()
INT16_KINDS = {"CONCATENATION": prepare_concatenation, "PAD": prepare_pad}
