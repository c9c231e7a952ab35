"""CONCATENATION and PACK: tensorflow/lite/kernels/concatenation.cc, pack.cc.

CONCATENATION versions 1 to 7, PACK 1 to 5; int8, any axis, any number of inputs, constants among them. All have the
output's quantisation, as the reference requires: it does not rescale int8. It does uint8, by float32 arithmetic
(`ConcatenationWithScaling`), which tables hold. A fused activation is refused, as there.

Along the outermost axis the inputs are written directly to their places in the output (`lower.views`). Along any other
axis they are copied. Without copies, every kernel would need a distance from pixel to pixel, in C and in the assembly
of each instruction set, because kernels write the channels of neighbouring pixels one behind the other. A copy takes
(by hand, from `edge-tr bench`, estimated) 2.5 cycles a byte on Cortex-M4, 3.0 on Cortex-M0 and 3.2 on RV32EC in runs of
64 channels, and 4.1, 5.3 and 5.3 in runs of 16. A detector of YOLOv5n's shape (tests/models/large_networks.py) is
planned with 662 million cycles on Cortex-M4; its 13 copies are 1,049,600 bytes, which is 0.4 to 0.7 % of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import INT8_VALUES, by_unsigned_byte
from edge_tr.operators.checks import (
    INT8,
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
from edge_tr.operators.unsigned import OFFSET
from edge_tr.record import Range, Record
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

NEXT, THERE = -1, -2
MOST_STEPS = 2**31 - 512
"""Of a rescaled value, which the reference converts to int32."""
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
        Field("const int8_t *", "tables", "[inputs][256] by x as an unsigned byte; null: inputs are copied"),
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


@dataclass(frozen=True)
class RescaledParams(Record):
    """A concatenation (`ConcatenationParams` says the other fields) of inputs that are looked up first.

    tables  int8 [inputs, 256] by x + 128, which never fall
    slopes  by input, of its scale to the output's; only the gradient looks at them
    """

    outer: int
    runs: tuple[int, ...]
    fixed: tuple[int, ...]
    constants: np.ndarray
    last: bool
    tables: np.ndarray
    slopes: tuple[float, ...]

    @property
    def _joined(self) -> ConcatenationParams:
        """Of what the tables give."""
        return ConcatenationParams(self.outer, self.runs, self.fixed, self.constants, self.last)

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        return self._joined.golden([by[x.astype(np.int16) + 128] for x, by in zip(inputs, self.tables)], rounding)

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        tables = self.tables.astype(np.int64)
        found = [Range(by[x.low + 128], by[x.high + 128]) for x, by in zip(inputs, tables)]
        return self._joined.ranges(found, outputs)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        return self._joined.ties(inputs, outputs)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        inside = gradient * ((output > INT8[0]) & (output < INT8[1]))
        parts = self._joined.gradients(inputs, output, inside)
        return [part * np.float32(slope) for part, slope in zip(parts, self.slopes)]

    def call(self) -> Call:
        call, tables = self._joined.call(), np.concatenate([by_unsigned_byte(by) for by in self.tables])
        return replace(call, values={**call.values, "tables": Array("int8_t", "tables", tables)})


def _rescaled(piece: Tensor, y: Tensor) -> np.ndarray:
    """int8 [256] by x + 128: float32 arithmetic on the file's uint8; the same value where the quantisation is."""
    if (scale(piece), zero_point(piece)) == (scale(y), zero_point(y)):
        return INT8_VALUES.astype(np.int8)
    factor = piece.quantization.scale[0] * (np.float32(1) / y.quantization.scale[0])
    bias = np.float32(-(zero_point(piece) + OFFSET)) * factor
    values = np.arange(256, dtype=np.float32) * factor + bias
    require(np.abs(values).max() < MOST_STEPS, f"scale {scale(piece)} to scale {scale(y)}", "scales of similar size")
    rounded = np.copysign(np.floor(np.abs(values.astype(np.float64)) + 0.5), values).astype(np.int64)
    return (np.clip(rounded + zero_point(y) + OFFSET, 0, 255) - OFFSET).astype(np.int8)


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
    outer, last = math.prod(shape[:axis]), axis == len(shape) - 1
    tables = [_rescaled(piece, y) for piece in pieces]
    moved = [
        piece if piece.data is None else replace(piece, data=by[piece.data.astype(np.int16) + 128])
        for piece, by in zip(pieces, tables)
    ]
    joined = _record(moved, outer, last)
    found = [(by, scale(piece) / scale(y)) for piece, by in zip(pieces, tables) if piece.data is None]
    if all((by == INT8_VALUES).all() for by, _ in found):
        return _simplest(joined)
    held, slopes = zip(*found)
    return RescaledParams(joined.outer, joined.runs, joined.fixed, joined.constants, last, np.stack(held), slopes)


def prepare_pack(graph: Graph, op: Op) -> Record:
    """The inputs along a new axis."""
    pieces, y = _read(graph, op)
    shape = pieces[0].shape
    axis = axis_of(int(op.options["axis"]), len(shape) + 1)
    require(int(op.options["values_count"]) == len(pieces), f"{len(pieces)} inputs", f"{op.options['values_count']}")
    require(len({piece.shape for piece in pieces}) == 1, f"inputs of shapes {_shapes(pieces)}", "one shape")
    output_shape(y, (*shape[:axis], len(pieces), *shape[axis:]))
    return _simplest(_record(pieces, math.prod(shape[:axis]), axis == len(shape)))


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
        one = q is not None and q.per_tensor and scale(piece) > 0
        same = one and (scale(piece), zero_point(piece)) == (scale(y), zero_point(y))
        rescales = one and piece.unsigned and op.kind == "CONCATENATION"
        require((same or rescales) and piece.size, f"{what} in another quantisation than the output", "the same")
        pieces.append(piece)
    return pieces, y


def _simplest(record: ConcatenationParams) -> Record:
    """Of one input, it is a RESHAPE."""
    return record if len(record.runs) > 1 else ReshapeParams(record.outer * record.runs[0])


def _record(pieces: Sequence[Tensor], outer: int, last: bool) -> ConcatenationParams:
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
