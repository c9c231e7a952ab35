"""Element-wise operators of float32 as TFLite's reference kernels compute them, step for step.

Sources, in tensorflow/lite/kernels: add.cc, sub.cc, mul.cc, div.cc, maximum_minimum.cc, activations.cc, elementwise.cc,
exp.cc, neg.cc, and internal/reference: quantize.h, logistic.h, hard_swish.h, leaky_relu.h. What
the C library computes is asked of this computer's (`tr.libm`), as the interpreter does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edge_tr.graph import Op
from edge_tr.operators.checks import FUSED, REAL_LIMITS, require
from edge_tr.tr.libm import function

F = np.float32
Kernel = Callable[..., np.ndarray]
"""float32 arrays that broadcast, and the operator's options; to float32."""


def _clamped(values: np.ndarray, activation: object) -> np.ndarray:
    require(activation in FUSED, f"fused activation {activation}", ", ".join(FUSED))
    low, high = REAL_LIMITS[str(activation)]
    if low is not None:
        values = np.where(values < F(low), F(low), values)
    return values if high is None else np.where(F(high) < values, F(high), values)


def _arithmetic(apply: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Kernel:
    def kernel(a: np.ndarray, b: np.ndarray, options: Mapping[str, object]) -> np.ndarray:
        return _clamped(apply(a, b), options.get("fused_activation_function", "NONE"))

    return kernel


def _unary(apply: Callable[[np.ndarray], np.ndarray]) -> Kernel:
    return lambda x, options: apply(x)


def _between(kind: str) -> Kernel:
    return lambda x, options: _clamped(x, kind) if kind in FUSED else np.minimum(np.maximum(x, F(0)), F(1))


def _logistic(x: np.ndarray) -> np.ndarray:
    exp, ordinary = function("exp"), F(1) / (F(1) + function("exp")(-x))
    return np.where(x > F(16.619047164916992188), F(1), np.where(x < F(-9), exp(x), ordinary))


def _hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.minimum(F(6), np.maximum(F(0), x + F(3))) / F(6)


def _leaky_relu(x: np.ndarray, options: Mapping[str, object]) -> np.ndarray:
    return np.where(x > 0, x, x * F(options["alpha"]))


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, function("expm1")(x), x)


def _gelu(x: np.ndarray, options: Mapping[str, object]) -> np.ndarray:
    """0.5 x erfc(-x / sqrt(2)), or by tanh: gelu.h, where x^3 is (x x) x and tanh is Eigen's."""
    if not options.get("approximate", False):
        return F(0.5) * x * function("erfc")(x * F(-math.sqrt(0.5)))
    factor = F(2 / math.sqrt(math.pi)) * F(math.sqrt(0.5))
    return F(0.5) * x * (F(1) + _fast_tanh(factor * (x + F(0.044715) * (x * x * x))))


TANH_ODD = (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
            1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03)  # fmt: skip
TANH_EVEN = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)
TANH_MOST, TANH_LEAST = 7.90531110763549805, 0.0004


def _fast_tanh(x: np.ndarray) -> np.ndarray:
    """`generic_fast_tanh_float` in Eigen's MathFunctionsImpl.h: a quotient of two polynomials, without fused steps."""
    inside = np.clip(x, F(-TANH_MOST), F(TANH_MOST))
    square, above, below = inside * inside, F(TANH_ODD[0]), F(TANH_EVEN[0])
    for term in TANH_ODD[1:]:
        above = above * square + F(term)
    for term in TANH_EVEN[1:]:
        below = below * square + F(term)
    return np.where(np.abs(x) < F(TANH_LEAST), x, inside * above / below)


def _prelu(x: np.ndarray, alpha: np.ndarray, options: Mapping[str, object]) -> np.ndarray:
    return np.where(x >= 0, x, x * alpha)


def _squared_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a - b) * (a - b)


KERNELS: dict[str, tuple[int, Kernel]] = {
    "ADD": (2, _arithmetic(np.add)),
    "SUB": (2, _arithmetic(np.subtract)),
    "MUL": (2, _arithmetic(np.multiply)),
    "DIV": (2, _arithmetic(np.divide)),
    "MAXIMUM": (2, lambda a, b, options: np.where(a > b, a, b)),
    "MINIMUM": (2, lambda a, b, options: np.where(a < b, a, b)),
    "SQUARED_DIFFERENCE": (2, lambda a, b, options: _squared_difference(a, b)),
    "PRELU": (2, _prelu),
    "RELU": (1, _between("RELU")),
    "RELU6": (1, _between("RELU6")),
    "RELU_N1_TO_1": (1, _between("RELU_N1_TO_1")),
    "RELU_0_TO_1": (1, _between("RELU_0_TO_1")),
    "LOGISTIC": (1, _unary(_logistic)),
    "TANH": (1, _unary(function("tanh"))),
    "HARD_SWISH": (1, _unary(_hard_swish)),
    "LEAKY_RELU": (1, _leaky_relu),
    "ELU": (1, _unary(_elu)),
    "GELU": (1, _gelu),
    "EXP": (1, _unary(function("exp"))),
    "LOG": (1, _unary(function("log"))),
    "SIN": (1, _unary(function("sin"))),
    "COS": (1, _unary(function("cos"))),
    "SQRT": (1, _unary(np.sqrt)),
    "RSQRT": (1, _unary(lambda x: F(1) / np.sqrt(x))),
    "SQUARE": (1, _unary(lambda x: x * x)),
    "ABS": (1, _unary(np.abs)),
    "NEG": (1, _unary(np.negative)),
    "FLOOR": (1, _unary(np.floor)),
    "CEIL": (1, _unary(np.ceil)),
}
"""By TFLite's name: how many operands, and what it makes of them."""


def computed(op: Op, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    """The float32 result of one operator; None if it is not element-wise. ModelError for an option that it lacks."""
    count, kernel = KERNELS.get(op.kind, (0, None))
    if kernel is None or len(operands) != count:
        return None
    with np.errstate(all="ignore"):
        return kernel(*operands, options=op.options).astype(F, copy=False)


def quantized(values: np.ndarray, scale: np.ndarray, zero_point: int) -> np.ndarray:
    """int8 of float32, `AffineQuantize`. What does not fit int32 is the least there is, as x86 converts it."""
    with np.errstate(all="ignore"):
        steps = (values / scale).astype(np.float64)
        rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
        whole = np.where(np.abs(rounded) < 2.0**31, rounded, -(2.0**31)).astype(np.int64).astype(np.int32)
        return np.clip(whole + np.int32(zero_point), -128, 127).astype(np.int8)
