"""ADD, SUB, MUL, MAXIMUM and MINIMUM of int16: tensorflow/lite/kernels/add.cc, sub.cc, mul.cc, maximum_minimum.cc, and
in internal/reference add.h, sub.h, integer_ops/mul.h.

Symmetric, one scale each, broadcast, either operand a constant. Sums of scales that are all powers of two shift one
operand and saturate, unless the option `pot_scale_int16` says no; then shapes are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import requant
from edge_tr.operators.checks import arity, output_shape, read_only, require, scale
from edge_tr.operators.checks import requant as requant_of
from edge_tr.operators.walk import Walk, broadcast_shape, padded, summed, walk_struct, whole
from edge_tr.operators.wide import INT16, clamped, fused_limits, power_of_two, wide
from edge_tr.record import Range, Record, Requant, Size, full_range
from edge_tr.structs import FACTOR, Array, Call, Field, Struct, Value
from edge_tr.tr.requant import Rounding, rounding_divide_by_pot

LEFT_SHIFT = 15
STRUCT = Struct(
    "tr_wide_pairs",
    "An element-wise operator of two int16 operands, of which one may be `constant`, where `constant_side` is 0 or 1.",
    (
        Field(walk_struct(2, "tr_walk"), "walk"),
        Field("const int16_t *", "constant"),
        Field("uint8_t", "constant_side"),
        Field("uint8_t", "subtracts"),
        Field("uint8_t", "shifts", "to the right, of each operand where scales are powers of two", count=2),
        Field(FACTOR, "factors", count=3),
        Field("int16_t", "minimum"),
        Field("int16_t", "maximum"),
    ),
)
ONE = Requant(*(read_only(np.zeros(1, dtype)) for dtype in (np.int32, np.int32, np.float64)))


@dataclass(frozen=True)
class WidePairsParams(Record):
    """Of two operands of `shapes`, of the output's rank each; `first` and `second` are int16 where one is a constant.

    way     "sum", "shifted", "product", "maximum" or "minimum"
    sign    of the second share of a sum
    shifts  to the right, of each operand of a "shifted" sum
    """

    way: str
    shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    first: np.ndarray | None
    second: np.ndarray | None
    activation: Size
    sign: int = 1
    shifts: tuple[int, int] = (0, 0)
    requant1: Requant = ONE
    requant2: Requant = ONE
    requant_out: Requant = ONE

    @property
    def constants(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        return self.first, self.second

    def _operands(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """int32 [samples or 1, ...] each."""
        found = whole(inputs, self.constants)
        return [of.reshape(-1, *shape).astype(np.int32) for of, shape in zip(found, self.shapes)]

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        a, b = self._operands(inputs)
        if self.way == "sum":
            shares = [requant(x << LEFT_SHIFT, by, rounding) for x, by in ((a, self.requant1), (b, self.requant2))]
            result = requant(shares[0] + np.int32(self.sign) * shares[1], self.requant_out, rounding)
        elif self.way == "shifted":
            a, b = (rounding_divide_by_pot(x, by) for x, by in zip((a, b), self.shifts))
            result = np.clip(a + self.sign * b, *INT16)
        elif self.way == "product":
            result = requant(a * b, self.requant_out, rounding)
        else:
            result = (np.maximum if self.way == "maximum" else np.minimum)(a, b)
        return (clamped(result, self.activation),)

    def golden_bytes(self, elements: int) -> int:
        return 40 * int(np.prod(self.shape))

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], self.activation),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        low, high = self.activation
        a, b = self._operands(inputs)
        y = output.reshape(-1, *self.shape)
        inside = gradient.reshape(y.shape) * ((y > low) & (y < high))
        factor = float(self.requant_out.real[0])
        slopes = {
            "sum": tuple(factor * 2.0**LEFT_SHIFT * float(by.real[0]) for by in (self.requant1, self.requant2)),
            "shifted": tuple(2.0**-shift for shift in self.shifts),
            "product": (factor * b, factor * a),
        }.get(self.way, (a == y, b == y))
        signed = (slopes[0], self.sign * slopes[1]) if self.way in ("sum", "shifted") else slopes
        found = zip(signed, self.shapes, self.constants)
        return [summed(inside * slope, shape).astype(np.float32) for slope, shape, kept in found if kept is None]

    def call(self) -> Call:
        values: dict[str, Value] = {"walk": Walk.of(self.shape, self.shapes).values(), "constant_side": 2}
        for side, constant in enumerate(self.constants):
            if constant is not None:
                values |= {"constant": Array("int16_t", "constant", constant.ravel()), "constant_side": side}
        values |= {
            "subtracts": int(self.sign < 0),
            "shifts": self.shifts,
            "factors": (self.requant1, self.requant2, self.requant_out),
            "minimum": self.activation[0],
            "maximum": self.activation[1],
        }
        return Call(f"tr_wide_{self.way}", STRUCT, values, gathered=True)


def _read(graph: Graph, op: Op) -> tuple[Tensor, Tensor, Tensor, dict[str, object]]:
    """Both operands, the output, and what their shapes and constants say of a record."""
    arity(op, (2,))
    a, b = (wide(graph, i, what, True) for i, what in zip(op.inputs, ("first input", "second input")))
    require(a.data is None or b.data is None, "two constant inputs", "at least one computed input")
    y = wide(graph, op.outputs[0], "output")
    shape = broadcast_shape([a.shape, b.shape])
    output_shape(y, shape)
    shapes = tuple(padded(of.shape, len(shape)) for of in (a, b))
    Walk.of(shape, shapes)
    first, second = (None if of.data is None else read_only(of.data.astype(np.int16)) for of in (a, b))
    return a, b, y, {"shape": shape, "shapes": shapes, "first": first, "second": second}


def prepare_sum(graph: Graph, op: Op) -> WidePairsParams:
    """Scales that are powers of two, or both operands brought to twice the larger scale with 15 bits of headroom."""
    a, b, y, given = _read(graph, op)
    given |= {"activation": fused_limits(op, y), "sign": 1 if op.kind == "ADD" else -1}
    powers = [power_of_two(of.quantization.scale[0]) for of in (a, b, y)]
    if op.options.get("pot_scale_int16", True) and None not in powers:
        shifts = (powers[2] - powers[0], powers[2] - powers[1])
        require(min(shifts) == 0 and max(shifts) < 16, f"scales that shift by {shifts}", "one operand of 0")
        require(a.shape == b.shape, "a broadcast of scales that are powers of two", "one shape, or pot_scale_int16 no")
        return WidePairsParams("shifted", shifts=shifts, **given)
    twice = 2 * max(scale(a), scale(b))
    output = twice / ((1 << LEFT_SHIFT) * scale(y))
    require(output < 1, f"output scale {scale(y)} for inputs up to scale {twice / 2}", "a larger output scale")
    factors = [requant_of(real) for real in (scale(a) / twice, scale(b) / twice, output)]
    return WidePairsParams("sum", **given, **dict(zip(("requant1", "requant2", "requant_out"), factors)))


def prepare_product(graph: Graph, op: Op) -> WidePairsParams:
    """The product of the scales is one of float32."""
    a, b, y, given = _read(graph, op)
    with np.errstate(over="ignore"):
        real = a.quantization.scale[0] * b.quantization.scale[0] / y.quantization.scale[0]
    return WidePairsParams("product", activation=fused_limits(op, y), requant_out=requant_of(float(real)), **given)


def prepare_extreme(graph: Graph, op: Op) -> WidePairsParams:
    """Of one scale."""
    a, b, y, given = _read(graph, op)
    require(scale(a) == scale(b) == scale(y), "operands of other scales than the output", "the same")
    return WidePairsParams(op.kind.lower(), activation=INT16, **given)


STRUCTS = (STRUCT,)
INT16_KINDS = {
    "ADD": prepare_sum,
    "SUB": prepare_sum,
    "MUL": prepare_product,
    "MAXIMUM": prepare_extreme,
    "MINIMUM": prepare_extreme,
}
