"""LOGISTIC, TANH, ELU, EXP, LOG, SQRT and GELU: tables that TFLite fills with float32 arithmetic.

Sources: `LUTPopulateInt8` in tensorflow/lite/kernels/internal/common.h (`PopulateLookupTable` in activations.cc
before), kernels/activations.cc, exp.cc, elementwise.cc, internal/reference/gelu.h. int8 with one scale in and out, any
shape.

The reference refuses to run SQRT of a negative value; here it is that of zero. Where a result is beyond int32, the
reference's conversion is undefined in C; here it is what x86 makes of it, -128.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.checks import INT8, arity, ends, require, scale, zero_point
from edge_tr.operators.lookup import LookupParams, lookup
from edge_tr.tr.libm import function

F = np.float32
Reals = Callable[[np.ndarray], np.ndarray]


def _logistic(v: np.ndarray) -> np.ndarray:
    return F(1) / (F(1) + function("exp")(-v))


def _elu(v: np.ndarray) -> np.ndarray:
    return np.where(v < 0, function("expm1")(v), v)


def _gelu(v: np.ndarray) -> np.ndarray:
    return F(0.5) * v * function("erfc")(v * F(-math.sqrt(0.5)))


def _gelu_by_tanh(v: np.ndarray) -> np.ndarray:
    inner = F(math.sqrt(2 / math.pi)) * (v + F(0.044715) * v * v * v)
    return F(0.5) * v * (F(1) + function("tanh")(inner))


def populated(x: Tensor, y: Tensor, transform: Reals) -> np.ndarray:
    """int8 [256] by x + 128 of a float32 function, `LUTPopulateInt8`: every step in float32."""
    with np.errstate(all="ignore"):
        transformed = transform(_dequantized(x))
        rescaled = (transformed * (F(1) / y.quantization.scale[0])).astype(np.float64)
        rounded = np.copysign(np.floor(np.abs(rescaled) + 0.5), rescaled).astype(F)
        return _to_int8(rounded + F(zero_point(y)))


def _dequantized(x: Tensor) -> np.ndarray:
    return x.quantization.scale[0] * (INT8_VALUES - zero_point(x)).astype(F)


def _to_int8(values: np.ndarray) -> np.ndarray:
    """float32 truncated to int32 as x86 does, then clamped."""
    whole = np.where(np.abs(values) < 2.0**31, values, -(2.0**31)).astype(np.int64)
    return np.clip(whole, *INT8).astype(np.int8)


def _prepare(graph: Graph, op: Op, transform: Reals) -> LookupParams:
    arity(op, (1,))
    x, y = ends(graph, op)
    table = populated(x, y, transform)
    return lookup(graph, op, lambda _: table, lambda v: transform(v.astype(F)).astype(np.float64))


def prepare_logistic(graph: Graph, op: Op) -> LookupParams:
    """`SigmoidPrepare` wants the output's scale to be 1/256."""
    arity(op, (1,))
    _, y = ends(graph, op)
    require(scale(y) == 1 / 256, f"output scale {scale(y)}", "scale 1/256")
    return _prepare(graph, op, _logistic)


def prepare_log(graph: Graph, op: Op) -> LookupParams:
    """What is not positive gives the output's smallest value."""
    arity(op, (1,))
    _, y = ends(graph, op)
    least = F(INT8[0] - zero_point(y)) * y.quantization.scale[0]

    def log(v: np.ndarray) -> np.ndarray:
        return np.where(v > 0, function("log")(np.where(v > 0, v, F(1))), least)

    return _prepare(graph, op, log)


def prepare_sqrt(graph: Graph, op: Op) -> LookupParams:
    """`SqrtEvalQuantized` divides by the scale and cuts the fraction off."""
    arity(op, (1,))
    x, y = ends(graph, op)
    with np.errstate(all="ignore"):
        steps = np.sqrt(np.maximum(_dequantized(x), F(0))) / y.quantization.scale[0]
    require(steps.max() < 2**31 - 256, f"output scale {scale(y)} for input scale {scale(x)}", "a larger output scale")
    table = np.clip(steps.astype(np.int64) + zero_point(y), *INT8).astype(np.int8)
    return lookup(graph, op, lambda _: table, lambda v: np.sqrt(np.maximum(v, 0)))


def prepare_gelu(graph: Graph, op: Op) -> LookupParams:
    """Exact, or by tanh as the option says."""
    return _prepare(graph, op, _gelu_by_tanh if op.options.get("approximate") else _gelu)


KINDS = {
    "LOGISTIC": (prepare_logistic, 3),
    "TANH": (functools.partial(_prepare, transform=function("tanh")), 3),
    "ELU": (functools.partial(_prepare, transform=_elu), 1),
    "EXP": (functools.partial(_prepare, transform=function("exp")), 2),
    "LOG": (prepare_log, 2),
    "SQRT": (prepare_sqrt, 2),
    "GELU": (prepare_gelu, 2),
}
