"""Requantisation: TFLite's integer multiply by a real number, int32 in, int32 out.

A real multiplier is stored as `multiplier * 2**(shift - 31)` with an int32
multiplier in [2**30, 2**31) (or 0) and a shift in [-31, 30], left if positive.

Sources: `QuantizeMultiplier` in tensorflow/lite/kernels/internal/
quantization_util.cc; `MultiplyByQuantizedMultiplier` in .../internal/common.cc;
`SaturatingRoundingDoublingHighMul` and `RoundingDivideByPOT` in gemmlowp's
fixedpoint/fixedpoint.h.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

MAX_LEFT_SHIFT = 30


class Rounding(Enum):
    """How `multiply_by_quantized_multiplier` rounds.

    DOUBLE rounds twice, to 31 fractional bits (half up) and then by the right
    shift (half away from zero): the default build of TFLite and of TFLite
    Micro. SINGLE rounds once, half up: builds with TFLITE_SINGLE_ROUNDING.
    FLOAT rounds once, half away from zero, the product with the real multiplier
    in double precision: FULLY_CONNECTED of newer LiteRT reference kernels.
    """

    DOUBLE = "double"
    SINGLE = "single"
    FLOAT = "float"


def quantize_multiplier(real: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Split non-negative reals into (multiplier int32, shift int32), as TFLite does.

    `real` is float64 of any shape; both results have its shape. Values under
    about 2**-32 become (0, 0).
    """
    real = np.asarray(real, dtype=np.float64)
    if not np.all(np.isfinite(real) & (real >= 0)):
        raise ValueError("a requantisation multiplier must be finite and not negative")
    fraction, exponent = np.frexp(real)
    multiplier = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    carry = multiplier == 1 << 31
    multiplier = np.where(carry, 1 << 30, multiplier)
    shift = exponent + carry
    tiny = shift < -31
    return (
        np.where(tiny, 0, multiplier).astype(np.int32),
        np.where(tiny, 0, shift).astype(np.int32),
    )


def saturating_rounding_doubling_high_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """round(a * b / 2**31), half up, of int32 values; int32 result.

    gemmlowp nudges by the sign and then truncates towards zero; both signs
    come to floor((a * b + 2**30) / 2**31). Only -2**31 * -2**31 saturates.
    """
    product = np.asarray(a, dtype=np.int64) * np.asarray(b, dtype=np.int64)
    return np.minimum((product + (1 << 30)) >> 31, (1 << 31) - 1).astype(np.int32)


def rounding_divide_by_pot(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """round(x / 2**exponent), half away from zero; exponent in [0, 31], int32 result."""
    x = np.asarray(x, dtype=np.int64)
    exponent = np.asarray(exponent, dtype=np.int64)
    half = (np.int64(1) << exponent) >> 1
    return ((x + half - ((x < 0) & (exponent > 0))) >> exponent).astype(np.int32)


def multiply_by_quantized_multiplier(
    x: np.ndarray,
    multiplier: np.ndarray,
    shift: np.ndarray,
    rounding: Rounding = Rounding.DOUBLE,
) -> np.ndarray:
    """x * multiplier * 2**(shift - 31), rounded; int32 of the broadcast shape.

    `x` holds int32 values; `multiplier` and `shift` broadcast against it (per
    channel: along the last axis). Where the left shift or the result leaves
    int32 it wraps, as the reference does on two's complement machines.
    """
    x = np.asarray(x, dtype=np.int32)
    shift = np.asarray(shift, dtype=np.int64)
    multiplier = np.asarray(multiplier, dtype=np.int64)
    if rounding is Rounding.SINGLE:
        total = 31 - shift
        half = np.int64(1) << (total - 1)
        return ((x.astype(np.int64) * multiplier + half) >> total).astype(np.int32)
    left = np.maximum(shift, 0)
    if left.any():
        x = (x.astype(np.int64) << left).astype(np.int32)
    high = x.astype(np.int64)
    high = high * multiplier
    high += 1 << 30
    high >>= 31
    right = np.maximum(-shift, 0)
    half = (np.int64(1) << right) >> 1
    result = high + half
    result -= (high < 0) & (right > 0)
    result >>= right
    return result.astype(np.int32)
