"""Axes: round numbers between two ends, and numbers in few letters."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = (1, 2, 2.5, 5, 10)
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`; `log`: each tenfold takes the same length."""

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value is, 0 at `low` and 1 at `high`."""
        low, high, value = (math.log10(v) for v in (self.low, self.high, value)) if self.log else self._plain(value)
        return (value - low) / (high - low) if high > low else 0.0

    def _plain(self, value: float) -> tuple[float, float, float]:
        return self.low, self.high, value


def padded(low: float, high: float, by: float = 0.05) -> Axis:
    """An axis with some room on both sides."""
    room = (high - low) * by or abs(high) * by or 1.0
    return Axis(low - room, high + room)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, at most `most` + 1."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * s for s in _STEPS if power * s >= rough * 0.999999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first
    return [round((first + i) * step, 12) for i in range(count + 1)]


def short(value: float) -> str:
    """1234567 as 1.23 M: three digits, and a unit from a thousand on."""
    for size, unit in _UNITS:
        if abs(value) >= size * 0.9995:
            return f"{_digits(value / size)} {unit}"
    return _digits(value)


def _digits(value: float) -> str:
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
