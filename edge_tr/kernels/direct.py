"""Requantisation by one long multiplication, exact without a test: for cores with SMMLAR and SSAT.

TFLite rounds twice: h = floor((2 a M + 2^31) / 2^32) of a biased sum a, which is what SMMLAR's rounded high word is,
then (h + 2^(r-1) - (h < 0)) >> r with r = -shift. The zero point rides in the rounding constant, which is then
(2 * zero point + 1) * 2^(r-1). In place of h < 0 stands a < 0: both are the same but for a = -1 and M = 2^30, where h
is 0, and 0 and -1 round alike. Above a zero point of -128 all results of h < 0 are clamped to it with or without that
term, so loops over many pixels leave it out. One SSAT clamps to int8; a narrower range takes a few instructions more.
Tests compare with the reference over every sum of a layer that does not saturate, and beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.kernels.quick import has_one_scale
from edge_tr.operators import DotParams
from edge_tr.record import Size

BYTES = 12
"""struct tr_direct."""
WHOLE = (-128, 127)
MAX_SHIFT = 22
"""Of `shift`, so that the constant stays within 2^30."""


@dataclass(frozen=True)
class Direct:
    """Constants per channel, int32 [channels]: with doubled = 2 * sum + bias and h = high word of doubled * multiplier,
    rounded, the result is ((h - (doubled < 0) + rounding * 2^shift) >> shift) >> 1, clamped to `activation`."""

    bias: np.ndarray  # twice what a sum lacks
    multiplier: np.ndarray
    shift: np.ndarray
    rounding: int  # 2 * zero point + 1
    activation: Size  # the range that results are clamped to
    common: bool = False  # `multiplier` and `shift` [1] serve all channels: fully connected layers with one scale


def direct(params: DotParams, bias: np.ndarray) -> Direct | None:
    """The constants of a layer; `bias` int64 [channels] is what its sums lack. None if a scale is 1/2 or more, or if a
    sum might leave 31 bits."""
    shift = -1 - params.requant.shift.astype(np.int64)
    reach = np.abs(params.weights.astype(np.int64)).sum(axis=1) * 256 + np.abs(params.bias.astype(np.int64))
    bounded = max(reach.max(initial=0), np.abs(bias).max(initial=0)) < 1 << 29
    if not bounded or shift.min(initial=0) < 0 or shift.max(initial=0) > MAX_SHIFT:
        return None
    common = has_one_scale(params)
    factors = (values[: 1 if common else None] for values in (params.requant.multiplier, shift))
    arrays = (values.astype(np.int32) for values in (2 * bias, *factors))
    activation = (int(params.activation[0]), int(params.activation[1]))
    return Direct(*arrays, 2 * params.output_zero_point + 1, activation, common)


def is_unsigned(params: DotParams) -> bool:
    """Whether no result lies below the zero point and none is clamped to less than int8, so that the term of sums below
    zero makes no difference."""
    return params.output_zero_point == -128 and tuple(params.activation) == WHOLE


def way(params: DotParams) -> str:
    """Which code requantises: `plain` as of `is_unsigned`, `signed` to all of int8, or `clamped` to less."""
    if tuple(params.activation) != WHOLE:
        return "clamped"
    return "plain" if is_unsigned(params) else "signed"


def apply(constants: Direct, sums: np.ndarray, channel: int) -> np.ndarray:
    """int64 results of int64 sums: the assembly's mirror."""
    doubled = 2 * sums + int(constants.bias[channel])
    of = 0 if constants.common else channel
    high = (doubled * int(constants.multiplier[of]) + (1 << 31)) >> 32
    shift = int(constants.shift[of])
    return np.clip((high - (doubled < 0) + (constants.rounding << shift)) >> shift >> 1, *constants.activation)
