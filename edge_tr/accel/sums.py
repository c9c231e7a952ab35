"""Sums and scales of a layer as the lanes take them, whichever engine adds them up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_tr.accel.scale import Scale, scale_of
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.operators import ConvParams, DepthwiseParams, FullyConnectedParams


def results(activation: tuple[int, int], zero_point: int) -> dict[str, int]:
    """A command's fields: what becomes of scaled sums."""
    return {"low": activation[0], "high": activation[1], "output_zero_point": zero_point}


def reach_of(p: ConvParams | DepthwiseParams | FullyConnectedParams) -> np.ndarray:
    """int64 [rows], no sum is larger, bias included. Data are x - zero point; with a data budget a value may be rounded
    up to the next power of two."""
    positive, negative = (side(p.weights.astype(np.int64), 0).sum(axis=1) for side in (np.maximum, np.minimum))
    ends = (128 + p.input_zero_point, 127 - p.input_zero_point)
    below, above = (min(255, 1 << (end - 1).bit_length()) if end else 0 for end in ends)
    bias = p.bias.astype(np.int64)
    return np.maximum(
        np.abs(positive * above - negative * below + bias), np.abs(negative * above - positive * below + bias)
    )


def check_sums(p: ConvParams | DepthwiseParams, name: str) -> None:
    """DoesNotFitError if the accumulators are too narrow."""
    if reach_of(p).max(initial=0) >= 1 << (f.SUM_BITS.value - 1):
        raise DoesNotFitError(f"{name}: its sums may need more than {f.SUM_BITS.value} bits")


def output_channels(p: ConvParams | DepthwiseParams, first: int, last: int) -> ConvParams | DepthwiseParams:
    """Output channels `first` to `last` of a layer; its inputs are all there."""
    rows, shape = slice(first, last), (*p.output_shape[:2], last - first)
    requant = replace(
        p.requant, multiplier=p.requant.multiplier[rows], shift=p.requant.shift[rows], real=p.requant.real[rows]
    )
    return replace(p, weights=p.weights[rows], bias=p.bias[rows], requant=requant, output_shape=shape)


def wrapped(bias: int) -> int:
    """The same modulo 2^24, as accumulators are, which must fit at the end only."""
    half = 1 << (f.SUM_BITS.value - 1)
    return (bias + half) % (2 * half) - half


def scales(p: ConvParams | DepthwiseParams | FullyConnectedParams) -> list[Scale]:
    """By output channel; DoesNotFitError if the lanes cannot multiply so."""
    rows = len(p.weights)
    multipliers, shifts = (np.broadcast_to(v, rows) for v in (p.requant.multiplier, p.requant.shift))
    reach = reach_of(p)
    return [scale_of(int(m), int(s), int(r)) for m, s, r in zip(multipliers, shifts, reach)]
