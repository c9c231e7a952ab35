"""Element-wise operators of two int32 tensors, and NEG of one, in tensorflow/lite/kernels: add.cc, sub.cc, mul.cc,
div.cc, floor_div.cc, floor_mod.cc, maximum_minimum.cc, squared_difference.cc, comparisons.cc, neg.cc.

Broadcast, either operand a constant; comparisons give bool. Sums, differences and products keep their lower 32 bits,
then a fused activation clamps. Where a divisor is zero the reference stops; here the result is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import FUSED, arity, computed, limits_of, output_shape, read_only, require, typed
from edge_tr.operators.walk import Walk, broadcast_shape, padded, walk_struct, whole
from edge_tr.record import Range, Record, Size, full_range
from edge_tr.structs import Array, Call, Field, Struct, Value
from edge_tr.tr.requant import Rounding

STRUCT = Struct(
    "tr_integers",
    "An element-wise operator of two int32 operands, clamped; operand `constant_side` is `constant` where that is not\n"
    "null.",
    (
        Field(walk_struct(2, "tr_walk"), "walk"),
        Field("const int32_t *", "constant"),
        Field("uint8_t", "constant_side"),
        Field("int32_t", "minimum"),
        Field("int32_t", "maximum"),
    ),
)
Apply = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _unless_zero(apply: Apply) -> Apply:
    return lambda a, b: np.where(b == 0, 0, apply(a, np.where(b == 0, 1, b)))


def _truncated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def _squared_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    difference = (a - b).astype(np.int32).astype(np.int64)
    return difference * difference


APPLY: dict[str, Apply] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "DIV": _unless_zero(_truncated),
    "FLOOR_DIV": _unless_zero(np.floor_divide),
    "FLOOR_MOD": _unless_zero(np.mod),
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "SQUARED_DIFFERENCE": _squared_difference,
}
COMPARE: dict[str, Apply] = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
}
ACTIVATED = ("ADD", "SUB", "MUL", "DIV")
LIMITS: dict[str, tuple[int | None, int | None]] = {
    "NONE": (None, None),
    "RELU": (0, None),
    "RELU6": (0, 6),
    "RELU_N1_TO_1": (-1, 1),
}


@dataclass(frozen=True)
class IntegersParams(Record):
    """Of two operands of `shapes`, of the output's rank each; `first` and `second` are int32 where one is a constant.
    Results are clamped to `activation`; those of comparisons are bool."""

    kind: str
    shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    first: np.ndarray | None
    second: np.ndarray | None
    activation: Size

    @property
    def constants(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        return self.first, self.second

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        pairs = zip(whole(inputs, self.constants), self.shapes)
        a, b = (of.reshape(-1, *shape).astype(np.int64) for of, shape in pairs)
        if self.kind in COMPARE:
            return (COMPARE[self.kind](a, b),)
        return (np.clip(APPLY[self.kind](a, b).astype(np.int32), *self.activation).astype(np.int32),)

    def golden_bytes(self, elements: int) -> int:
        return 64 * int(np.prod(self.shape))

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        return (full_range(outputs[0], limits_of("bool") if self.kind in COMPARE else self.activation),)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        """None: these are counts and places, not values of a network's."""
        return [np.zeros(x.shape, np.float32) for x in inputs]

    def call(self) -> Call:
        values: dict[str, Value] = {"walk": Walk.of(self.shape, self.shapes).values()}
        for side, constant in enumerate(self.constants):
            if constant is not None:
                values |= {"constant": Array("int32_t", "constant", constant.ravel()), "constant_side": side}
        values |= dict(zip(("minimum", "maximum"), self.activation))
        return Call(f"tr_int32_{self.kind.lower()}", STRUCT, values, gathered=True)


def prepare(graph: Graph, op: Op) -> IntegersParams:
    """Two int32 operands."""
    arity(op, (2,))
    pair = [typed(graph, i, what, ("int32",)) for i, what in zip(op.inputs, ("first input", "second input"))]
    require(any(of.data is None for of in pair), "two constant inputs", "at least one computed input")
    y = computed(graph, op.outputs[0], "output", ("bool",) if op.kind in COMPARE else ("int32",))
    shape = broadcast_shape([of.shape for of in pair])
    output_shape(y, shape)
    shapes = tuple(padded(of.shape, len(shape)) for of in pair)
    Walk.of(shape, shapes)
    activation = op.options.get("fused_activation_function", "NONE") if op.kind in ACTIVATED else "NONE"
    require(activation in FUSED, f"fused activation {activation}", ", ".join(FUSED))
    ends = (end if given is None else given for given, end in zip(LIMITS[str(activation)], limits_of("int32")))
    constants = (None if of.data is None else read_only(of.data.astype(np.int32)) for of in pair)
    return IntegersParams(op.kind, shape, shapes, *constants, tuple(ends))


def prepare_neg(graph: Graph, op: Op) -> IntegersParams:
    """Zero less the input."""
    arity(op, (1,))
    x, y = computed(graph, op.inputs[0], "input", ("int32",)), computed(graph, op.outputs[0], "output", ("int32",))
    output_shape(y, x.shape)
    zero, one = read_only(np.zeros(1, np.int32)), (1,) * len(x.shape)
    return IntegersParams("SUB", x.shape, (one, x.shape), zero, None, limits_of("int32"))


STRUCTS = (STRUCT,)
INT32_KINDS = {**dict.fromkeys((*APPLY, *COMPARE), prepare), "NEG": prepare_neg}
