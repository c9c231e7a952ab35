"""gemmlowp's int16 logistic and tanh, as TFLite's LSTM uses them (`ApplySigmoid`, `ApplyTanh` of tensor_utils).

Values are raw int16: Qm.n stands for raw / 2**n. Source: `logistic`, `tanh`, `exp_on_negative_values`,
`one_over_one_plus_x_for_x_in_0_1` and `one_minus_x_over_one_plus_x_for_x_in_0_1` in gemmlowp's fixedpoint/fixedpoint.h,
whose 32-bit constants are rounded to 16 bits.
"""

from __future__ import annotations

import numpy as np

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1
LOGISTIC_BITS = 3
"""Integer bits of what `logistic` takes in TFLite."""
MAX_TANH_BITS = 6
"""Integer bits of what `tanh` takes at most."""


def _constant(raw: int) -> int:
    """A constant of 32 bits as one of 16."""
    return raw + (1 << 15) - (raw < 0) >> 16


EXP_EIGHTH = _constant(1895147668)
THIRD = _constant(715827883)
FACTORS = tuple(map(_constant, (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)))
"""exp(-2^power) for power -2 to 4."""
_48_OVER_17, _NEGATIVE_32_OVER_17 = _constant(1515870810), _constant(-1010580540)


def logistic(x: np.ndarray, bits: int = LOGISTIC_BITS) -> np.ndarray:
    """1 / (1 + exp(-x)) in Q0.15, int16, of int16 x with `bits` integer bits."""
    x = np.asarray(x, dtype=np.int64)
    positive = _newton(_exp_on_negative_values(_negative(x), bits))
    result = _rescaled(positive, 1)
    result = np.where(x > 0, result, INT16_MAX - result)
    return np.where(x == 0, 1 << 14, result).astype(np.int16)


def tanh(x: np.ndarray, bits: int) -> np.ndarray:
    """tanh(x) in Q0.15, int16, of int16 x with `bits` integer bits, 0 to MAX_TANH_BITS."""
    x = np.asarray(x, dtype=np.int64)
    exponential = _exp_on_negative_values(_negative(x), bits + 1)  # of 2 x: the same raw value
    result = _rescaled(_wrapped(_newton(exponential) - (1 << 13)), 2)
    return np.where(x == 0, 0, np.where(x < 0, -result, result)).astype(np.int16)


def _negative(x: np.ndarray) -> np.ndarray:
    """-|x|; gemmlowp negates -2^15 to itself."""
    return np.where(x > 0, -x, x)


def _exp_on_negative_values(a: np.ndarray, bits: int) -> np.ndarray:
    """exp(a) in Q0.15 of a <= 0 with `bits` integer bits."""
    fraction = 15 - bits
    quarter = 1 << fraction >> 2
    part = (a & (quarter - 1)) - quarter
    result = _exp_of_small(_rescaled(part, bits))
    remainder = part - a
    for power, factor in enumerate(FACTORS, -2):
        if bits > power:
            bit = remainder & (1 << (fraction + power))
            result = np.where(bit != 0, _mul(result, factor), result)
    if bits > 5:
        result = np.where(a < -(1 << (20 - bits)), 0, result)
    return np.where(a == 0, INT16_MAX, result)


def _exp_of_small(a: np.ndarray) -> np.ndarray:
    """exp(a) for a in [-1/4, 0), both Q0.15: fourth-order Taylor series around -1/8."""
    x = a + (1 << 12)
    x2 = _mul(x, x)
    x3, x4 = _mul(x2, x), _mul(x2, x2)
    rest = _rounded(_mul(_rounded(x4, 2) + x3, THIRD) + x2, 1)
    return np.clip(EXP_EIGHTH + _mul(EXP_EIGHTH, x + rest), INT16_MIN, INT16_MAX)


def _newton(a: np.ndarray) -> np.ndarray:
    """2 / (1 + a) in Q2.13 for a in [0, 1) in Q0.15: three Newton-Raphson steps."""
    total = a + INT16_MAX
    half_denominator = (total + 1) >> 1
    x = _48_OVER_17 + _mul(half_denominator, _NEGATIVE_32_OVER_17)
    for _ in range(3):
        rest = (1 << 13) - _mul(half_denominator, x)
        x = _wrapped(x + _rescaled(_mul(x, rest), 2))
    return x


def _mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """`SaturatingRoundingDoublingHighMul` of int16."""
    return np.minimum((a * b + (1 << 14)) >> 15, INT16_MAX)


def _rounded(x: np.ndarray, exponent: int) -> np.ndarray:
    """`RoundingDivideByPOT`."""
    return (x + (1 << exponent >> 1) - (x < 0)) >> exponent


def _rescaled(x: np.ndarray, exponent: int) -> np.ndarray:
    """`SaturatingRoundingMultiplyByPOT` by 2^exponent, exponent >= 0."""
    threshold = (1 << (15 - exponent)) - 1
    if exponent == 0:
        return x
    return np.where(x > threshold, INT16_MAX, np.where(x < -threshold, INT16_MIN, x << exponent))


def _wrapped(x: np.ndarray) -> np.ndarray:
    """Modulo 2^16."""
    return x.astype(np.int16).astype(np.int64)
