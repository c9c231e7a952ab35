"""Which kernel for which layer: least cycles that fit the flash, an exact knapsack.

Every layer has a few candidates with cycles and flash. Flash is counted in units of UNIT bytes, rounded
up, so that the best choice for every limit falls out of one table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.lower.cost import Estimate

UNIT = 64
OBJECTIVES = ("speed", "balanced", "size")


@dataclass(frozen=True)
class Selection:
    """The candidate chosen for each layer, and what all of them cost."""

    chosen: tuple[int, ...]
    cycles: int
    flash: int


def pareto(layers: Sequence[Sequence[Estimate]]) -> list[Selection]:
    """All choices that no other beats in both, from the smallest to the fastest."""
    if not layers:
        return [Selection((), 0, 0)]
    sizes = [[-(-c.flash // UNIT) for c in layer] for layer in layers]
    width = sum(map(max, sizes)) + 1
    best = np.zeros(width)
    picks = []
    for layer, units in zip(layers, sizes):
        options = np.full((len(layer), width), np.inf)
        for option, (candidate, size) in enumerate(zip(layer, units)):
            options[option, size:] = best[: width - size] + candidate.cycles
        picks.append(options.argmin(axis=0))
        best = options.min(axis=0)
    improved = np.flatnonzero(np.isfinite(best) & (best < np.concatenate([[np.inf], best[:-1]])))
    return [_trace(layers, sizes, picks, int(limit)) for limit in improved]


def _trace(
    layers: Sequence[Sequence[Estimate]], sizes: Sequence[Sequence[int]], picks: Sequence[np.ndarray], limit: int
) -> Selection:
    """Walk back from a limit to the candidates behind it."""
    chosen: list[int] = []
    for units, pick in zip(reversed(sizes), reversed(picks)):
        option = int(pick[limit])
        chosen.insert(0, option)
        limit -= units[option]
    costs = [layer[option] for layer, option in zip(layers, chosen)]
    return Selection(tuple(chosen), sum(c.cycles for c in costs), sum(c.flash for c in costs))


def select(front: Sequence[Selection], objective: str, flash_limit: int | None) -> Selection:
    """One point of the Pareto front: the fastest within the limit ("speed"), the smallest ("size"), or the
    least product of cycles and flash within the limit ("balanced"). The smallest if nothing fits."""
    fitting = [point for point in front if flash_limit is None or point.flash <= flash_limit] or [front[0]]
    if objective == "size":
        return fitting[0]
    if objective == "speed":
        return fitting[-1]
    return min(fitting, key=lambda point: (point.cycles + 1) * (point.flash + 1))


def handful(front: Sequence[Selection], steps: int) -> list[Selection]:
    """Both ends of a Pareto front and points between them, at most `steps` + 1 in even steps of its length on
    logarithmic axes; smallest first."""
    along = [math.log(point.flash + 1) - math.log(point.cycles + 1) for point in front]
    wanted = [along[0] + (along[-1] - along[0]) * step / steps for step in range(steps + 1)]
    nearest = {min(range(len(front)), key=lambda i: abs(along[i] - place)) for place in wanted}
    return [front[i] for i in sorted(nearest)]
