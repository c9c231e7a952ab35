"""DIV: tensorflow/lite/kernels/div.cc, internal/reference/div.h, as LiteRT and TFLite Micro have it for int8.

int8 with one scale each, broadcast, either operand a constant. Where a quotient is so small that the reference shifts
by more than 31 bits, which C leaves undefined, this is what x86 makes of it: both interpreters' answer, often far from
the quotient. The reference refuses to run a divisor of zero; here the quotient is zero. Scales that would shift left
are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import INT8_VALUES, by_unsigned_byte
from edge_tr.operators.broadcast import BroadcastParams, broadcast
from edge_tr.operators.checks import activation_range, operands, requant, require, scale, zero_point
from edge_tr.record import Record, Requant, Size
from edge_tr.structs import Array, Value
from edge_tr.tr.fixed_point import reciprocal
from edge_tr.tr.requant import Rounding, rounding_divide_by_pot, saturating_rounding_doubling_high_mul

MAX_SHIFT = 23  # dividends of nine bits have as much headroom


@dataclass(frozen=True)
class DivParams(BroadcastParams):
    """out = requant((a - zp1) / (b - zp2)) + zp, the quotient by a reciprocal; `zero_points` in this order."""

    function: ClassVar[str] = "tr_div"
    monotone: ClassVar[bool] = False
    zero_points: tuple[int, int, int]
    requant: Requant  # n = 1
    activation: Size

    @property
    def limits(self) -> Size:
        return self.activation

    def apply(self, a: np.ndarray, b: np.ndarray, rounding: Rounding) -> np.ndarray:
        divisor = b - np.int64(self.zero_points[1])
        dividend = (a - np.int64(self.zero_points[0])) * np.where(divisor < 0, -1, 1)
        inverse, inverse_shift = reciprocal(np.maximum(np.abs(divisor), 1), 31)
        headroom = _sign_bits(dividend)
        raised = (dividend << headroom).astype(np.int32)
        quotient = saturating_rounding_doubling_high_mul(raised, inverse)
        scaled = saturating_rounding_doubling_high_mul(quotient, self.requant.multiplier)
        shifted = _shifted(scaled, inverse_shift + headroom - int(self.requant.shift[0]))
        results = np.where(divisor == 0, 0, shifted).astype(np.int32) + np.int32(self.zero_points[2])
        return np.clip(results, *self.activation).astype(np.int8)

    def slopes(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factor = float(self.requant.real[0])
        dividend, divisor = a - self.zero_points[0], b - self.zero_points[1]
        safe = np.where(divisor == 0, np.inf, divisor)
        return factor / safe, -factor * dividend / safe**2

    def values(self) -> Mapping[str, Value]:
        """`first`: the reciprocals by the divisor's byte; `second`: their shifts less the result's."""
        inverse, shift = reciprocal(np.maximum(np.abs(INT8_VALUES - self.zero_points[1]), 1), 31)
        shifts = (shift - int(self.requant.shift[0])).astype(np.int32)
        low, high = self.activation
        return {
            "zero_points": self.zero_points,
            "factors": ((0, 0), (0, 0), self.requant),
            "minimum": low,
            "maximum": high,
            "first": Array("int32_t", "reciprocals", by_unsigned_byte(inverse)),
            "second": Array("int32_t", "shifts", by_unsigned_byte(shifts)),
        }


def _sign_bits(x: np.ndarray) -> np.ndarray:
    """`CountLeadingSignBits` of 32 bits, x within nine bits."""
    magnitude = np.where(x >= 0, 2 * x, -2 * x - 1)
    return 32 - np.frexp(magnitude.astype(np.float64))[1].astype(np.int64) - (x == 0)


def _shifted(x: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """`RoundingDivideByPOT`, beyond 31 bits as x86 computes it: int64."""
    beyond = (x.astype(np.int64) >> np.maximum(exponent - 32, 0)) + (x >= 0)
    return np.where(exponent > 31, beyond, rounding_divide_by_pot(x, np.minimum(exponent, 31)))


def prepare(graph: Graph, op: Op) -> Record:
    """The quotient of the scales is one of float32."""
    a, b, y = operands(graph, op)
    with np.errstate(over="ignore", divide="ignore"):
        real = a.quantization.scale[0] / (b.quantization.scale[0] * y.quantization.scale[0])
    by = requant(float(real))
    require(int(by.shift[0]) <= MAX_SHIFT, f"output scale {scale(y)}", "a larger output scale")
    zero_points = (zero_point(a), zero_point(b), zero_point(y))
    return broadcast((a, b), y, DivParams, zero_points=zero_points, requant=by, activation=activation_range(op, y))


KINDS = {"DIV": (prepare, 2)}
