"""Elementary functions of float32 as this computer's C library computes them: TFLite's own tables come from there.

Libraries differ in the last bit, and the interpreter calls the one of the computer it runs on. Where none can be
called, the function of float64 is rounded to float32, which differs where a library is not correctly rounded.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import math
from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]
"""float32 of any shape to float32 of that shape; infinities and NaN as C has them."""


@functools.cache
def function(name: str) -> Function:
    """`exp`, `expm1`, `tanh`, `log` or `erfc`."""
    scalar = _of_library(f"{name}f") or _of_doubles(name)
    return lambda x: np.array([scalar(float(v)) for v in x.reshape(-1)], np.float32).reshape(x.shape)


def _of_library(name: str) -> Callable[[float], float] | None:
    found = ctypes.util.find_library("m")
    if found is None:
        return None
    try:
        scalar = getattr(ctypes.CDLL(found), name)
    except (OSError, AttributeError):
        return None
    scalar.restype, scalar.argtypes = ctypes.c_float, [ctypes.c_float]
    return scalar


def _of_doubles(name: str) -> Callable[[float], float]:
    """Python raises where C overflows."""
    double = getattr(math, name)

    def scalar(x: float) -> float:
        try:
            return double(x)
        except OverflowError:
            return math.inf

    return scalar
