"""RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1, LEAKY_RELU, ABS and NEG: tables of integer arithmetic.

Sources: `QuantizedReluX` and `LeakyReluPrepare` in tensorflow/lite/kernels/activations.cc, `ReluX` in
internal/optimized/optimized_ops.h, internal/reference/leaky_relu.h; `AbsEvalQuantized` in elementwise.cc; neg.cc.
int8 with one scale in and out, any shape. Quotients of scales are those of float32. A negative alpha is refused: the
reference's multiplication is not defined for it before LiteRT. NEG's kernel negates the byte whatever the scales and
zero points say (and -128 stays -128); so does this one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import INT8_VALUES, finish
from edge_tr.operators.checks import (
    INT8,
    REAL_LIMITS,
    activation_limits,
    arity,
    ends,
    requant,
    require,
    require_options,
    scale,
    zero_point,
)
from edge_tr.operators.lookup import LookupParams, lookup
from edge_tr.tr.requant import Rounding

Table = Callable[[Rounding], np.ndarray]


def float32_quotient(x: Tensor, y: Tensor, factor: float = 1.0) -> float:
    """scale(x) * factor / scale(y), each step rounded to float32 as TFLite's expressions of floats are."""
    with np.errstate(over="ignore"):
        return float(np.float32(x.quantization.scale[0] * np.float32(factor)) / y.quantization.scale[0])


def _centred(x: Tensor) -> np.ndarray:
    return INT8_VALUES - np.int32(zero_point(x))


def prepare_relu(graph: Graph, op: Op) -> LookupParams:
    """Rescale, then clamp at the limits that the output's scale gives."""
    arity(op, (1,))
    x, y = ends(graph, op)
    by, limits = requant(float32_quotient(x, y)), activation_limits(op.kind, y)
    low, high = REAL_LIMITS[op.kind]
    return lookup(
        graph,
        op,
        lambda rounding: finish(_centred(x), by, zero_point(y), limits, rounding),
        lambda v: np.where((v >= low) & (v <= (np.inf if high is None else high)), v, np.inf),
    )


def prepare_leaky_relu(graph: Graph, op: Op) -> LookupParams:
    """Values below zero have a multiplier of their own."""
    arity(op, (1,))
    require_options(op)
    x, y = ends(graph, op)
    alpha = float(op.options["alpha"])
    require(np.isfinite(alpha) and alpha >= 0, f"alpha {alpha}", "0 and more")
    same, below = requant(float32_quotient(x, y)), requant(float32_quotient(x, y, alpha))

    def table(rounding: Rounding) -> np.ndarray:
        parts = [finish(_centred(x), by, zero_point(y), INT8, rounding) for by in (same, below)]
        return np.where(_centred(x) >= 0, *parts)

    return lookup(graph, op, table, lambda v: np.where(v >= 0, v, v * alpha))


def prepare_abs(graph: Graph, op: Op) -> LookupParams:
    """Only scales that differ are multiplied."""
    arity(op, (1,))
    x, y = ends(graph, op)
    by, distance = requant(float32_quotient(x, y)), np.abs(_centred(x))

    def table(rounding: Rounding) -> np.ndarray:
        if scale(x) == scale(y):
            return np.clip(distance + zero_point(y), *INT8).astype(np.int8)
        return finish(distance, by, zero_point(y), INT8, rounding)

    return lookup(graph, op, table, np.abs)


def prepare_neg(graph: Graph, op: Op) -> LookupParams:
    """The byte's negative."""
    return lookup(graph, op, lambda _: (-INT8_VALUES).astype(np.int8), np.negative)


KINDS = {
    "RELU": (prepare_relu, 3),
    "RELU6": (prepare_relu, 3),
    "RELU_N1_TO_1": (prepare_relu, 1),
    "RELU_0_TO_1": (prepare_relu, 1),
    "LEAKY_RELU": (prepare_leaky_relu, 2),
    "ABS": (prepare_abs, 3),
    "NEG": (prepare_neg, 1),
}
