"""Requantisation as the lanes do it: one product, one addition, one shift, exactly TFLite's result.

TFLite rounds twice: h = floor((acc * M + 2^30) / 2^31), then round(h / 2^e), halves away from zero. A floor of a floor
is a floor: for acc >= 0 that is floor((acc * M + 2^30 + 2^(30 + e)) / 2^(31 + e)); for acc < 0 the second rounding
takes one off h, so 2^31 less. Of both the middle, 2^(30 + e), is half a step of the result: the lanes round to the
nearest, and before they do they add 2^30 to the product or take it off. They shift by 30 + 4 n only, so M is doubled up
to three times (34 bits).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier

SHIFTS = 5  # 30, 34, .. 46
LARGEST_RIGHT = 15
NO_ROUNDING = f.NO_ROUNDING.value


@dataclass(frozen=True)
class Scale:
    """Multiplier of 34 bits, `shift` of 30 + 4 * shift, and 2^rounding, or nothing for NO_ROUNDING, that is added to
    the product of sums from zero on and taken off the others'."""

    multiplier: int
    shift: int
    rounding: int

    def apply(self, sums: np.ndarray, zero_point: int, low: int, high: int) -> np.ndarray:
        """What a lane gives for int64 sums; the reference for the RTL."""
        away = 0 if self.rounding == NO_ROUNDING else 1 << self.rounding
        total = sums * self.multiplier + np.where(sums < 0, -away, away)
        half = 1 << (29 + 4 * self.shift)
        return np.clip((total + half >> 30 + 4 * self.shift) + zero_point, low, high)


def scale_of(multiplier: int, shift: int, reach: int, rounding: Rounding = Rounding.DOUBLE) -> Scale:
    """TFLite's multiplier and shift (left if positive) for |sum| <= reach.

    Scales under 2^-16 lose low bits of the multiplier; that no reachable sum tells is then tried at every step of the
    result. DoesNotFitError if one does, and above 2^4. `rounding`: DOUBLE or SINGLE.
    """
    right = -shift
    if right > LARGEST_RIGHT:
        return _small(multiplier, right, reach, rounding)
    up = -(right + 1) % 4  # 31 + right + up = 30 + 4 n
    total = 31 + right + up
    if not 30 <= total <= 30 + 4 * (SHIFTS - 1):
        raise DoesNotFitError(f"a scale of 2^{shift} is outside what the accelerator's lanes multiply by")
    twice = rounding is Rounding.DOUBLE and right > 0
    return Scale(multiplier << up, (total - 30) // 4, 30 + up if twice else NO_ROUNDING)


def _small(multiplier: int, right: int, reach: int, rounding: Rounding) -> Scale:
    lost = right - LARGEST_RIGHT
    rounded = (multiplier + (1 << (lost - 1))) >> lost
    twice = rounding is Rounding.DOUBLE and lost <= 30
    scale = Scale(rounded, SHIFTS - 1, 30 - lost if twice else NO_ROUNDING)
    real = multiplier * 2.0 ** -(31 + right)
    steps = np.arange(-int(reach * real) - 2, int(reach * real) + 3)
    sums = np.unique(((steps[:, None] + 0.5) / real).round().astype(np.int64) + np.arange(-3, 4))
    sums = np.unique(np.concatenate([sums[np.abs(sums) <= reach], [-reach, -1, 0, 1, reach]]))
    exact = multiply_by_quantized_multiplier(sums.astype(np.int32), multiplier, -right, rounding)
    if not np.array_equal(scale.apply(sums, 0, -(1 << 20), 1 << 20), exact):
        raise DoesNotFitError(f"a scale of 2^-{right} needs more bits than the accelerator's lanes have")
    return scale


def average(count: int) -> Scale:
    """Division of sums of `count` int8 values by `count`, halves away from zero."""
    for shift in range(SHIFTS):
        total = 30 + 4 * shift
        multiplier = -(-(1 << total) // count)
        if multiplier >> 34:
            break
        # The product is too large by |sum| * excess / count and moves one further out, so that a negative half is not
        # rounded up; what is nearest to a half below it lacks 2^total / (2 * count).
        excess = multiplier * count - (1 << total)
        if 2 * (128 * count * excess + count) < 1 << total:
            return Scale(multiplier, shift, 0)
    raise DoesNotFitError(f"an average of {count} values is outside what the accelerator divides by")


def parameter(scale: Scale, bias: int) -> int:
    """A ChannelParameter, 128 bits."""
    if not -(1 << 23) <= bias < 1 << 23:
        raise DoesNotFitError(f"a bias of {bias} does not fit {f.SUM_BITS.value} bits")
    values = {
        "bias": bias & 0xFFFFFF,
        "low": scale.multiplier & 0x1FFFF,
        "high": scale.multiplier >> 17,
        "shift": scale.shift,
        "rounding": scale.rounding,
    }
    return int.from_bytes(f.PARAMETER.pack(**values), "little")
