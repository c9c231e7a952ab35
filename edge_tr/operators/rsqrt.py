"""RSQRT: `RsqrtEvalQuantizedInt8` in tensorflow/lite/kernels/elementwise.cc, in fixed point.

int8 with one scale in and out, any shape. The reference refuses to run a negative value; here it gives what zero
gives, the largest output.
"""

from __future__ import annotations

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.checks import INT8, arity, ends, require, scale, zero_point
from edge_tr.operators.lookup import LookupParams, lookup
from edge_tr.tr.fixed_point import inverse_square_root
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier, quantize_multiplier

FRACTION = 20  # bits that keep 1 / sqrt(q) whole


def prepare(graph: Graph, op: Op) -> LookupParams:
    """1 / sqrt of the centred integers, then the scales' share of it."""
    arity(op, (1,))
    x, y = ends(graph, op)
    real = 1.0 / float(np.sqrt(x.quantization.scale[0]) * y.quantization.scale[0])
    require(np.isfinite(real), f"scales {scale(x)} and {scale(y)}", "larger scales")
    multiplier, shift = (int(v) for v in quantize_multiplier(real))
    require(FRACTION - 31 <= shift <= 30, f"scales {scale(x)} and {scale(y)}", "scales nearer to 1")
    inverse, inverse_shift = inverse_square_root(np.arange(1, 256))

    def table(rounding: Rounding) -> np.ndarray:
        roots = multiply_by_quantized_multiplier(np.int32(1), inverse, inverse_shift + FRACTION, rounding)
        scaled = multiply_by_quantized_multiplier(roots, np.int32(multiplier), np.int32(shift - FRACTION), rounding)
        results = np.clip(scaled.astype(np.int64) + zero_point(y), *INT8)
        centred = INT8_VALUES - zero_point(x)
        return np.where(centred > 0, results[np.maximum(centred, 1) - 1], INT8[1]).astype(np.int8)

    return lookup(graph, op, table, lambda v: np.where(v > 0, 1 / np.sqrt(np.abs(v)), np.inf))


KINDS = {"RSQRT": (prepare, 3)}
