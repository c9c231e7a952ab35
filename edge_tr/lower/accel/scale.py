"""Requantisation as the lanes do it: one product, one addition, one shift, exactly TFLite's result.

TFLite rounds twice: h = floor((acc * M + 2^30) / 2^31), then round(h / 2^e), halves away from zero. A floor of a floor
is a floor: for acc >= 0 that is floor((acc * M + 2^30 + 2^(30 + e)) / 2^(31 + e)); for acc < 0 the second rounding
takes one off h, so 2^31 less. The lanes shift by 30 + 4 n only, so M is doubled up to three times (34 bits).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier

SHIFTS = 5  # 30, 34, .. 46
LARGEST_RIGHT = 15
_WIDE = 1 << 48


@dataclass(frozen=True)
class Scale:
    """Multiplier of 34 bits, `shift` of 30 + 4 * shift, and what is added to the product."""

    multiplier: int
    shift: int
    positive: int
    negative: int

    def apply(self, sums: np.ndarray, low: int, high: int) -> np.ndarray:
        """What a lane gives for int64 sums; the reference for the RTL."""
        total = sums * self.multiplier + np.where(sums < 0, self.negative, self.positive)
        return np.clip(total >> (30 + 4 * self.shift), low, high)


def scale_of(multiplier: int, shift: int, reach: int, rounding: Rounding = Rounding.DOUBLE) -> Scale:
    """TFLite's multiplier and shift (left if positive) for |sum| <= reach.

    Scales under 2^-16 lose low bits of the multiplier; that no reachable sum tells is then tried at every step of the
    result. DoesNotFitError if one does, and above 2^4.
    """
    right = -shift
    if right > LARGEST_RIGHT:
        return _small(multiplier, right, reach, rounding)
    up = -(right + 1) % 4  # 31 + right + up = 30 + 4 n
    total = 31 + right + up
    if not 30 <= total <= 30 + 4 * (SHIFTS - 1):
        raise DoesNotFitError(f"a scale of 2^{shift} is outside what the accelerator's lanes multiply by")
    half = 1 << (30 + right)
    positive = negative = half
    if rounding is Rounding.DOUBLE and right > 0:
        positive, negative = half + (1 << 30), half + (1 << 30) - (1 << 31)
    elif rounding is Rounding.FLOAT:
        negative = half - 1
    return Scale(multiplier << up, (total - 30) // 4, positive << up, negative << up)


def _small(multiplier: int, right: int, reach: int, rounding: Rounding) -> Scale:
    lost, half = right - LARGEST_RIGHT, 1 << (30 + right)
    double = (1 << 30) if rounding is Rounding.DOUBLE else 0
    rounded = (multiplier + (1 << (lost - 1))) >> lost
    scale = Scale(rounded, SHIFTS - 1, (half + double) >> lost, (half - double) >> lost)
    real = multiplier * 2.0 ** -(31 + right)
    steps = np.arange(-int(reach * real) - 2, int(reach * real) + 3)
    sums = np.unique(((steps[:, None] + 0.5) / real).round().astype(np.int64) + np.arange(-3, 4))
    sums = np.unique(np.concatenate([sums[np.abs(sums) <= reach], [-reach, -1, 0, 1, reach]]))
    exact = multiply_by_quantized_multiplier(sums.astype(np.int32), multiplier, -right, rounding)
    if not np.array_equal(scale.apply(sums, -(1 << 20), 1 << 20), exact):
        raise DoesNotFitError(f"a scale of 2^-{right} needs more bits than the accelerator's lanes have")
    return scale


def average(count: int, offset: int) -> Scale:
    """Division of |sum| < 2^23 by `count`, halves away from zero, plus `offset`."""
    for shift in range(SHIFTS):
        total = 30 + 4 * shift
        multiplier = -(-(1 << total) // count)
        if multiplier >> 34:
            break
        largest = 128 * count + count // 2
        positive = (count // 2) * multiplier
        added = offset << total
        if largest * (multiplier * count - (1 << total)) < 1 << total and abs(added) + positive < _WIDE // 2:
            return Scale(multiplier, shift, positive + added, (1 << total) - 1 - positive + added)
    raise DoesNotFitError(f"an average of {count} values is outside what the accelerator divides by")


def parameter(scale: Scale, bias: int, rounding: int) -> int:
    """A ChannelParameter, 128 bits."""
    if not -(1 << 23) <= bias < 1 << 23:
        raise DoesNotFitError(f"a bias of {bias} does not fit {f.SUM_BITS.value} bits")
    values = {
        "bias": bias & 0xFFFFFF,
        "low": scale.multiplier & 0x1FFFF,
        "high": scale.multiplier >> 17,
        "shift": scale.shift,
        "rounding": rounding,
    }
    return int.from_bytes(f.PARAMETER.pack(**values), "little")
