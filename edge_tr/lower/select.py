"""Which kernel for which layer: least cycles that fit the flash, an exact knapsack, in little RAM.

Models so large that the knapsack's table would not fit take the best gain for its flash first (`lower.marginal`).

Every layer has a few candidates with cycles and flash. Flash is counted in units of UNIT bytes, rounded
up, so that the best choice for every limit falls out of one table. RAM is not added up: layers run one after the
other in one arena, so a size of it allows each layer some of its candidates, and every size has a table of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.kernels.cost import Estimate
from edge_tr.lower import marginal

UNIT = 64
MOST_CELLS = 1 << 23
"""Of the knapsack's table: layers times units of flash. Where it would be larger, gains are taken in order."""
POINTS = 512
"""Of the front in that case, about."""
SLACK = 0.01
"""Of the cycles, what less RAM may cost: estimates are not that exact."""
OBJECTIVES = ("speed", "balanced", "size")


@dataclass(frozen=True)
class Selection:
    """The candidate chosen for each layer, and what all of them cost."""

    chosen: tuple[int, ...]
    cycles: int
    flash: int


def pareto(
    layers: Sequence[Sequence[Estimate]], arenas: Sequence[Sequence[int]] | None = None, most: int | None = None
) -> list[Selection]:
    """All choices that no other beats in both, from the smallest to the fastest.

    arenas  bytes of the arena that a layer takes with each candidate: a choice gives way to one that takes less of it
            in the same flash and costs at most SLACK more cycles. None: as much as it likes
    most    of these bytes; with less than the least, the least
    """
    if not layers:
        return [Selection((), 0, 0)]
    needs = [np.zeros(len(layer)) for layer in layers] if arenas is None else [np.array(needed) for needed in arenas]
    sizes = [[-(-c.flash // UNIT) for c in layer] for layer in layers]
    arenas = _arenas(needs, most)
    if len(layers) * (sum(map(max, sizes)) + 1) > MOST_CELLS:
        return _in_order_of_gain(layers, needs, arenas)
    largest, *others = arenas
    tables = [_table(layers, sizes, needs, largest)]
    enough = (1 + SLACK) * tables[0].best
    best, source = tables[0].best.copy(), np.zeros(len(enough), int)
    for arena in others:
        table = _table(layers, sizes, needs, arena)
        near = np.isfinite(table.best) & (table.best <= enough)
        if not near.any():
            break
        best[near], source[near] = table.best[near], len(tables)
        tables.append(table)
    improved = np.flatnonzero(np.isfinite(best) & (best < np.minimum.accumulate([np.inf, *best[:-1]])))
    return [_trace(layers, sizes, tables[source[limit]].picks, int(limit)) for limit in improved]


def _in_order_of_gain(
    layers: Sequence[Sequence[Estimate]], needs: Sequence[np.ndarray], arenas: Sequence[float]
) -> list[Selection]:
    """With the least of `arenas`, falling, in which the fastest choice is within the slack of the fastest of all."""
    enough, near, far = (1 + SLACK) * marginal.fastest(layers, needs, arenas[0]), 0, len(arenas)
    while far - near > 1:
        middle = (near + far) // 2
        near, far = (middle, far) if marginal.fastest(layers, needs, arenas[middle]) <= enough else (near, middle)
    return [_selection(layers, chosen) for chosen in marginal.choices(layers, needs, arenas[near], POINTS)]


def _selection(layers: Sequence[Sequence[Estimate]], chosen: Sequence[int]) -> Selection:
    costs = [layer[option] for layer, option in zip(layers, chosen)]
    return Selection(tuple(chosen), sum(c.cycles for c in costs), sum(c.flash for c in costs))


def _arenas(needs: Sequence[np.ndarray], most: int | None) -> list[float]:
    """Sizes of the arena that differ in what they allow, the largest first; with the least every layer has a way."""
    least = max(needed.min() for needed in needs)
    differ = sorted({size for needed in needs for size in needed if size >= least}, reverse=True)
    return [size for size in differ if most is None or size <= most] or [least]


@dataclass(frozen=True)
class _Table:
    """By flash in units, least cycles and the candidate of each layer behind them."""

    best: np.ndarray
    picks: list[np.ndarray]


def _table(
    layers: Sequence[Sequence[Estimate]], sizes: Sequence[Sequence[int]], needs: Sequence[np.ndarray], arena: float
) -> _Table:
    """With the candidates that `arena` bytes allow."""
    width = sum(map(max, sizes)) + 1
    best, picks = np.zeros(width), []
    for layer, units, needed in zip(layers, sizes, needs):
        options = np.full((len(layer), width), np.inf)
        for option in np.flatnonzero(needed <= arena):
            size = units[option]
            options[option, size:] = best[: width - size] + layer[option].cycles
        picks.append(options.argmin(axis=0).astype(np.uint8))  # there is one of these for each size of the arena
        best = options.min(axis=0)
    return _Table(best, picks)


def _trace(
    layers: Sequence[Sequence[Estimate]], sizes: Sequence[Sequence[int]], picks: Sequence[np.ndarray], limit: int
) -> Selection:
    """Walk back from a limit to the candidates behind it."""
    chosen: list[int] = []
    for units, pick in zip(reversed(sizes), reversed(picks)):
        option = int(pick[limit])
        chosen.insert(0, option)
        limit -= units[option]
    return _selection(layers, chosen)


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
