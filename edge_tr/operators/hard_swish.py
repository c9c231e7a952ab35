"""HARD_SWISH: `HardSwishPrepare` in tensorflow/lite/kernels/activations.cc, internal/reference/hard_swish.h.

int8 with one scale in and out, any shape; an output scale below 1/128 of the input's is refused, as by the reference.
"""

from __future__ import annotations

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.checks import INT8, arity, ends, require, scale, zero_point
from edge_tr.operators.lookup import LookupParams, lookup
from edge_tr.tr.requant import quantize_multiplier, rounding_divide_by_pot

INT16 = (-32768, 32767)
HIRES = np.float32(1 / 128)  # the input is shifted left by 7 bits
RELUISH = np.float32(3) / np.float32(32768)  # of the value that is clamped to -1..1
MAX_SHIFT = 30


def prepare(graph: Graph, op: Op) -> LookupParams:
    """16-bit multipliers of x itself and of the share of it, relu6(x + 3) / 6."""
    arity(op, (1,))
    x, y = ends(graph, op)
    hires = HIRES * x.quantization.scale[0]
    multiplier, exponent = _multiplier16(hires / y.quantization.scale[0])
    require(-MAX_SHIFT <= exponent <= 0, f"output scale {scale(y)} for input scale {scale(x)}", "a larger output scale")
    share_multiplier, share_exponent = _multiplier16(hires / RELUISH)
    require(-MAX_SHIFT <= share_exponent <= MAX_SHIFT, f"input scale {scale(x)}", "a scale nearer to 1")

    value = (INT8_VALUES - zero_point(x)) << 7
    share = (_share(value, share_multiplier, share_exponent) + (1 << 15)) >> 1
    unshifted = _high_mul(value, multiplier)
    product = share * unshifted
    truncated = np.sign(product) * (np.abs(product) >> 15)
    shifted = rounding_divide_by_pot(truncated, -exponent)
    table = np.clip(shifted + zero_point(y), *INT8).astype(np.int8)
    return lookup(graph, op, lambda _: table, lambda v: v * np.clip(v + 3, 0, 6) / 6)


def _share(value: np.ndarray, multiplier: int, exponent: int) -> np.ndarray:
    """value * multiplier * 2^(exponent - 15), saturated; the last bit of a left shift comes after the product."""
    if exponent > 0:
        value = np.clip(value.astype(np.int64) << (exponent - 1), *INT16)
    value = _high_mul(value, multiplier)
    if exponent > 0:
        return np.clip(value << 1, *INT16)
    return rounding_divide_by_pot(value, -exponent)


def _high_mul(a: np.ndarray, b: int) -> np.ndarray:
    """`SaturatingRoundingDoublingHighMul` of 16 bits, b >= 0."""
    return (a * b + (1 << 14)) >> 15


def _multiplier16(real: np.float32) -> tuple[int, int]:
    """(multiplier of 16 bits, exponent): `DownScaleInt32ToInt16Multiplier`."""
    require(np.isfinite(real), "scales whose ratio is not finite", "scales of similar size")
    multiplier, shift = (int(v) for v in quantize_multiplier(float(real)))
    rounded = INT16[1] if multiplier >= (1 << 31) - 1 - (1 << 15) else (multiplier + (1 << 15)) >> 16
    return rounded, shift


KINDS = {"HARD_SWISH": (prepare, 1)}
