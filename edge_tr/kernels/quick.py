"""Requantisation in one 32-bit multiplication, exact.

TFLite scales a sum by multiplier * 2^(shift - 31) with a 64-bit product and two roundings. An int8
result needs far less. Outside [low, high] the sum saturates, which two comparisons settle. Inside,
``q = sum * factor + offset`` modulo 2^32, with `factor` the scale in units of 2^-FRACTION, carries the
result in its top eight bits; the bits below say how far it is from being rounded the other way. Farther
than the error of `factor`, the result is the reference's; nearer (less than one sum in a hundred), the
exact routine decides. Tests compare with the reference over every sum of a layer.

Cores that cannot multiply add shifted sums: `factor` has few signed digits (`digit_words`).

Of the two roundings: with r = -shift, the first gives h = floor(v * 2^r + 1/2) of the real result v, the
second floor((h + 2^(r-1)) / 2^r) for h >= 0 and one unit of 2^-r less for h < 0. Nested floors collapse:
the result is floor(v + 1/2 + 2^-(r+1)) where v >= 0, and floor(v + 1/2 - 2^-(r+1)) below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_tr.operators import DotParams, FullyConnectedParams, Requant
from edge_tr.tr.requant import multiply_by_quantized_multiplier

FRACTION = 24
ALWAYS_NEAR = 0xFFFFFFFF
SHIFTS = 6
"""Digits of either sign that a factor may have, of five bits in one word; where it needs more it is rounded."""


@dataclass(frozen=True)
class Quick:
    """Constants per channel, int32 [channels] but for `near`, uint32. `sum` is a dot product without bias.

    sum < low gives the activation's minimum, sum > high its maximum; else with
    q = sum * factor + offset (modulo 2^32) the result is q >> FRACTION, unless
    (q << (32 - FRACTION)) <= near (unsigned): then the exact routine decides.

    Where `common`, one channel's constants serve all of the layer. Its sums are counted from `low` on: in place of
    `sum` above stands sum + addend (`addends`), which is below zero where the result is the minimum; `high` and
    `offset` are for that.
    """

    low: np.ndarray
    high: np.ndarray
    factor: np.ndarray
    offset: np.ndarray
    near: np.ndarray
    common: bool = False

    def addends(self, bias: np.ndarray) -> np.ndarray:
        """int64 [channels], what is kept in place of `bias` (what sums lack): for sums counted from `low` on."""
        return bias - int(self.low[0]) if self.common else bias


def has_one_scale(params: DotParams) -> bool:
    """Whether this is a fully connected layer whose channels all have the same scale."""
    factors = set(zip(params.requant.multiplier.tolist(), params.requant.shift.tolist()))
    return isinstance(params, FullyConnectedParams) and len(factors) == 1


def common(params: DotParams, bias: np.ndarray) -> Quick | None:
    """One set of constants for all channels of a fully connected layer with one scale; else None."""
    requant = params.requant
    if not has_one_scale(params) or _may_wrap(params, bias).any():
        return None
    first = Requant(requant.multiplier[:1], requant.shift[:1], requant.real[:1])
    none = np.zeros(1, np.int64)
    one = replace(params, units=1, weights=np.ones((1, 1), np.int8), bias=none.astype(np.int32), requant=first)
    return _from_low(quick(one, none), int(_reach(params).max()))


def _from_low(live: Quick, reach: int) -> Quick | None:
    """One channel's constants for sums counted from its `low` on, within `reach` of zero; None where these may leave
    int32, or where all sums go to the exact routine."""
    low, high = max(int(live.low[0]), -reach - 1), min(int(live.high[0]), reach)
    if live.near[0] == ALWAYS_NEAR or max(reach, high) - low >= 1 << 31:
        return None
    offset = (live.offset + low * live.factor.astype(np.int64)) & 0xFFFFFFFF
    bounds = {name: np.array([value], np.int32) for name, value in (("low", low), ("high", high - low))}
    return replace(live, **bounds, offset=_as_int32(offset), common=True)


def quick(params: DotParams, bias: np.ndarray) -> Quick:
    """The constants of a layer; `bias` int64 [channels] is what its sums lack."""
    scale = params.requant.multiplier * np.exp2(params.requant.shift - 31.0)
    low, high = _saturation(params)  # of sum + bias
    factor = _few_digits(np.round(scale * 2**FRACTION).astype(np.int64))
    deviation = factor / 2**FRACTION - scale
    at_low, at_high = low * deviation, high * deviation
    rounding = np.exp2(params.requant.shift - 1.0)
    if params.activation[0] >= params.output_zero_point:  # no v below zero inside [low, high]
        shift, error = rounding, np.abs(at_high - at_low) / 2
    else:
        shift, error = np.zeros_like(rounding), np.abs(at_high - at_low) / 2 + rounding
    margin = np.ceil(error * 2**FRACTION).astype(np.int64) + 3
    centre = np.round((0.5 + shift - (at_low + at_high) / 2) * 2**FRACTION).astype(np.int64)
    offset = bias * factor + (params.output_zero_point << FRACTION) + centre + margin
    live = Quick(_int32(low - bias), _int32(high - bias), factor, offset, (2 * margin) << (32 - FRACTION))
    slow = (scale >= 0.5) | (2 * margin >= 1 << FRACTION) | _may_wrap(params, bias)
    return _with_constants(params, _exact_only(live, slow))


def digit_words(factor: int) -> tuple[int, int]:
    """What a factor >= 0 is made of: powers of two that are added, and that are subtracted. Five bits each, the lowest
    first; the first word always holds one, an empty second word none: no word names 2^0 alone but the first."""
    added, taken = _digits(factor)
    return _word(added), _word(taken)


def _word(positions: list[int]) -> int:
    return sum(position << 5 * n for n, position in enumerate(positions))


def _digits(factor: int) -> tuple[list[int], list[int]]:
    """Exponents of the signed digits of a factor, ascending: added, subtracted (Reitwiesner, 1960)."""
    triple, places = 3 * factor, range(factor.bit_length() + 1)
    return tuple([n for n in places if bits >> n & 1] for bits in ((triple & ~factor) >> 1, (factor & ~triple) >> 1))


def _few_digits(factors: np.ndarray) -> np.ndarray:
    """Factors rounded to what `digit_words` can say."""
    rounded = []
    for factor in factors.tolist():
        added, taken = (digits[-SHIFTS:] for digits in _digits(factor))
        taken = [] if taken == [0] else taken
        rounded.append(sum(1 << n for n in added) - sum(1 << n for n in taken))
    return np.array(rounded, np.int64)


def _may_wrap(params: DotParams, bias: np.ndarray) -> np.ndarray:
    """bool [channels]: sums of damaged or hostile models that leave int32, where the reference wraps."""
    return (_reach(params) >= 1 << 31) | (np.abs(bias) >= 1 << 31)


def _reach(params: DotParams) -> np.ndarray:
    """int64 [channels]: no sum with its bias is larger, nor any part of one."""
    return np.abs(params.weights.astype(np.int64)).sum(axis=1) * 256 + np.abs(params.bias.astype(np.int64))


def _exact_only(live: Quick, channels: np.ndarray) -> Quick:
    """Channels that never take the quick way; nor do they saturate: what wraps is not monotonic."""
    return replace(
        live,
        low=np.where(channels, np.iinfo(np.int32).min, live.low),
        high=np.where(channels, np.iinfo(np.int32).max, live.high),
        near=np.where(channels, ALWAYS_NEAR, live.near),
    )


def _with_constants(params: DotParams, live: Quick) -> Quick:
    """Rows without a weight always sum to zero: their result becomes the offset."""
    dead = ~params.weights.any(axis=1)
    exact = multiply_by_quantized_multiplier(params.bias, params.requant.multiplier, params.requant.shift)
    constant = np.clip(exact.astype(np.int64) + params.output_zero_point, *params.activation)
    offset = np.where(dead, (constant << FRACTION) + (1 << (FRACTION - 1)), live.offset)
    factor = np.where(dead | (live.near == ALWAYS_NEAR), 0, live.factor)
    return Quick(
        low=np.where(dead, np.iinfo(np.int32).min, live.low).astype(np.int32),
        high=np.where(dead, np.iinfo(np.int32).max, live.high).astype(np.int32),
        factor=factor.astype(np.int32),
        offset=_as_int32(offset & 0xFFFFFFFF),
        near=np.where(dead, 0, live.near).astype(np.uint32),
    )


def apply(constants: Quick, sums: np.ndarray, channel: int) -> tuple[np.ndarray, np.ndarray]:
    """(result if inside [low, high], bool: the exact routine decides) of int64 sums, where `common` of sums and their
    addends: the C code's mirror."""
    q = (sums * int(constants.factor[channel]) + int(constants.offset[channel])) & 0xFFFFFFFF
    near = ((q << (32 - FRACTION)) & 0xFFFFFFFF) <= int(constants.near[channel])
    return (q - ((q & 0x80000000) << 1)) >> FRACTION, near


def _saturation(params: DotParams) -> tuple[np.ndarray, np.ndarray]:
    """int64 [channels]: the largest accumulator whose result is the activation's minimum, and the smallest
    whose result is its maximum."""
    minimum, maximum = params.activation
    return _first_reaching(params, minimum + 1) - 1, _first_reaching(params, maximum)


def _first_reaching(params: DotParams, result: int) -> np.ndarray:
    """int64 [channels]: the smallest accumulator whose exact result is at least `result`: bisection,
    since the exact routine never decreases."""
    requant = params.requant
    below = np.full(len(requant.multiplier), -(1 << 31), np.int64)
    reached = np.full_like(below, (1 << 31) - 1)
    while (reached - below > 1).any():
        middle = (below + reached) >> 1
        exact = multiply_by_quantized_multiplier(middle.astype(np.int32), requant.multiplier, requant.shift)
        enough = exact.astype(np.int64) + params.output_zero_point >= result
        reached = np.where(enough, middle, reached)
        below = np.where(enough, below, middle)
    return reached


def _as_int32(values: np.ndarray) -> np.ndarray:
    """The same 32 bits."""
    return values.astype(np.uint32).view(np.int32)


def _int32(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -(1 << 31), (1 << 31) - 1).astype(np.int32)
