"""CONCATENATION, PACK, PAD, PADV2 and MIRROR_PAD of int16, int32, int64 and bool, in tensorflow/lite/kernels:
concatenation.cc, pack.cc, pad.cc, mirror_pad.cc.

int16 that is quantised has one scale and zero point 0 everywhere. PAD fills with zeros, PADV2 with what its third input
says: a value whose bytes are all alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import (
    arity,
    axis_of,
    computed,
    constant,
    limits_of,
    output_shape,
    require,
    require_options,
    scale,
    shape_text,
    typed,
    zero_point,
)
from edge_tr.operators.concatenation import ConcatenationParams
from edge_tr.operators.moves import Loop, move, strides
from edge_tr.operators.pad import amounts_of, mirrored
from edge_tr.operators.reshape import ReshapeParams
from edge_tr.operators.walk import whole
from edge_tr.record import Range, Record, full_range
from edge_tr.structs import Call
from edge_tr.tr.requant import Rounding

TYPES = ("int16", "int32", "int64", "bool")


@dataclass(frozen=True)
class TypedJoinParams(Record):
    """`outer` times a run of each piece, of elements of type `dtype`.

    runs       elements of each piece's run
    fixed      where a constant piece begins in `constants` (of that type); -1: it is the next input
    """

    dtype: str
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
        return (full_range(outputs[0], limits_of(self.dtype)),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        parts = np.split(gradient.reshape(-1, self.outer, sum(self.runs)), np.cumsum(self.runs)[:-1], axis=2)
        return [part for part, at in zip(parts, self.fixed) if at < 0]

    def call(self) -> Call:
        """The same of bytes."""
        item = np.dtype(self.dtype).itemsize
        runs, fixed = (tuple(item * n if n >= 0 else n for n in of) for of in (self.runs, self.fixed))
        held = np.ascontiguousarray(self.constants).view(np.int8)
        return ConcatenationParams(self.outer, runs, fixed, held, False).call()


def _alike(x: Tensor, y: Tensor, what: str) -> None:
    """Both of int16: of one scale, and symmetric where they are quantised."""
    if x.dtype != "int16" or x.quantization is None or y.quantization is None:
        return
    for tensor, of in ((x, what), (y, "output")):
        require(tensor.quantization.per_tensor and scale(tensor) > 0, f"{of} without one scale", "a positive scale")
        require(zero_point(tensor) == 0, f"{of} zero point {zero_point(tensor)} of int16", "0")
    require(scale(x) == scale(y), f"{what} of another scale than the output", "the same")


def _pieces(graph: Graph, op: Op) -> tuple[list[Tensor], Tensor]:
    """All inputs, of the output's type and scale, and the output."""
    require_options(op)
    require(len(op.outputs) == 1, f"{len(op.outputs)} outputs", "1")
    require(graph.activations(op), "no computed input", "at least one")
    y = computed(graph, op.outputs[0], "output", TYPES)
    pieces = [typed(graph, index, f"input {number}", (y.dtype,)) for number, index in enumerate(op.inputs)]
    for number, piece in enumerate(pieces):
        _alike(piece, y, f"input {number}")
    return pieces, y


def _record(pieces: Sequence[Tensor], outer: int) -> Record:
    if len(pieces) == 1:
        return ReshapeParams(pieces[0].size)
    held = [piece.data.ravel() for piece in pieces if piece.data is not None]
    starts = iter(np.cumsum([0, *map(len, held)]).tolist())
    constants = np.concatenate([np.zeros(0, pieces[0].dtype), *held]).astype(pieces[0].dtype)
    fixed = tuple(-1 if piece.data is None else next(starts) for piece in pieces)
    runs = tuple(piece.size // outer for piece in pieces)
    return TypedJoinParams(pieces[0].dtype, outer, runs, fixed, constants)


def prepare_concatenation(graph: Graph, op: Op) -> Record:
    """The inputs' lengths add up along one axis."""
    pieces, y = _pieces(graph, op)
    activation = op.options.get("fused_activation_function", "NONE")
    require(activation == "NONE", f"fused activation {activation}", "NONE")
    shape = pieces[0].shape
    axis = axis_of(int(op.options["axis"]), len(shape))
    others = {(*piece.shape[:axis], *piece.shape[axis + 1 :]) for piece in pieces}
    shapes = ", ".join(shape_text(piece.shape) for piece in pieces)
    alike = len(others) == 1 and all(len(piece.shape) == len(shape) for piece in pieces)
    require(alike, f"inputs of shapes {shapes}", f"shapes that differ along axis {axis} only")
    output_shape(y, (*shape[:axis], sum(piece.shape[axis] for piece in pieces), *shape[axis + 1 :]))
    return _record(pieces, math.prod(shape[:axis]))


def prepare_pack(graph: Graph, op: Op) -> Record:
    """The inputs along a new axis."""
    pieces, y = _pieces(graph, op)
    shape = pieces[0].shape
    axis = axis_of(int(op.options["axis"]), len(shape) + 1)
    require(int(op.options["values_count"]) == len(pieces), f"{len(pieces)} inputs", f"{op.options['values_count']}")
    shapes = ", ".join(shape_text(piece.shape) for piece in pieces)
    require(len({piece.shape for piece in pieces}) == 1, f"inputs of shapes {shapes}", "one shape")
    output_shape(y, (*shape[:axis], len(pieces), *shape[axis:]))
    return _record(pieces, math.prod(shape[:axis]))


def _ends(graph: Graph, op: Op) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
    """(input, output, elements before and after by axis) of a padding operator."""
    x = computed(graph, op.inputs[0], "input", TYPES)
    y = computed(graph, op.outputs[0], "output", (x.dtype,))
    _alike(x, y, "input")
    amounts = amounts_of(graph, op, x)
    output_shape(y, tuple(d + before + after for d, (before, after) in zip(x.shape, amounts)))
    return x, y, amounts


def prepare_pad(graph: Graph, op: Op) -> Record:
    """Zeros around the input, or another value."""
    arity(op, (2,) if op.kind == "PAD" else (3,))
    x, y, amounts = _ends(graph, op)
    target = strides(y.shape)
    loops = [Loop(*loop) for loop in zip(x.shape, strides(x.shape), target)]
    first = sum(before * step for (before, _), step in zip(amounts, target))
    value = 0 if op.kind == "PAD" else _value(graph, op, x)
    return move(x.size, y.size, loops, first=(0, first), filling=value, item=x.item_bytes)


def _value(graph: Graph, op: Op, x: Tensor) -> int:
    value = constant(graph, op.inputs[2], "value", (x.dtype,))
    require(value.size == 1, f"values of shape {shape_text(value.shape)}", "one value")
    octets = set(np.ascontiguousarray(value.data).tobytes())
    require(len(octets) == 1, f"a value of {value.data.reshape(-1)[0]} of {x.dtype}", "one whose bytes are all alike")
    return int(value.data.reshape(-1)[0])


def prepare_mirror(graph: Graph, op: Op) -> Record:
    """As of int8."""
    arity(op, (2,))
    x, y, amounts = _ends(graph, op)
    return mirrored(op, x, y, amounts)


PLAIN_KINDS = {
    "CONCATENATION": prepare_concatenation,
    "PACK": prepare_pack,
    "PAD": prepare_pad,
    "PADV2": prepare_pad,
    "MIRROR_PAD": prepare_mirror,
}
INT16_KINDS = PLAIN_KINDS
