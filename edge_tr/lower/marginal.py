"""Which kernel for which layer in models too large for the exact knapsack: the best gain for its flash first.

Of each layer only the candidates on the convex hull of flash and cycles count. From the smallest choice of all layers,
the upgrade that saves most cycles a byte comes next, until all layers are as fast as they can be. Every choice on the
way is a solution of the knapsack's linear relaxation, so no choice of its flash is faster; between two of them the
distance to the best is less than one layer's upgrade.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from edge_tr.kernels.cost import Estimate


class Upgrade(NamedTuple):
    """A layer's next candidate: cycles saved a byte."""

    gain: float
    layer: int
    option: int


def choices(
    layers: Sequence[Sequence[Estimate]], needs: Sequence[np.ndarray], arena: float, points: int
) -> list[tuple[int, ...]]:
    """At most `points` + 2 choices, candidates by layer, from the smallest to the fastest that `arena` bytes allow;
    `needs`: bytes of it that each candidate takes."""
    hulls = [_hull(layer, np.flatnonzero(needed <= arena)) for layer, needed in zip(layers, needs)]
    chosen = [hull[0] for hull in hulls]
    upgrades = sorted(_upgrades(layers, hulls), key=lambda upgrade: -upgrade.gain)
    every, found = -(-max(len(upgrades), 1) // points), [tuple(chosen)]
    for number, upgrade in enumerate(upgrades, 1):
        chosen[upgrade.layer] = upgrade.option
        if number % every == 0 or number == len(upgrades):
            found.append(tuple(chosen))
    return found


def fastest(layers: Sequence[Sequence[Estimate]], needs: Sequence[np.ndarray], arena: float) -> float:
    """Cycles of the fastest candidates that `arena` bytes allow; infinite if a layer has none."""
    return sum(
        min((layer[i].cycles for i in np.flatnonzero(needed <= arena)), default=np.inf)
        for layer, needed in zip(layers, needs)
    )


def _hull(layer: Sequence[Estimate], allowed: Sequence[int]) -> list[int]:
    """Candidates on the lower convex hull, from the smallest to the fastest."""
    hull: list[int] = []
    for option in sorted(allowed, key=lambda i: (layer[i].flash, layer[i].cycles)):
        if hull and layer[option].cycles >= layer[hull[-1]].cycles:
            continue
        while len(hull) > 1 and _gain(layer, hull[-2], hull[-1]) <= _gain(layer, hull[-1], option):
            hull.pop()
        hull.append(option)
    return hull


def _gain(layer: Sequence[Estimate], before: int, after: int) -> float:
    """Cycles saved a byte; candidates of one size are never both in the hull."""
    return (layer[before].cycles - layer[after].cycles) / (layer[after].flash - layer[before].flash)


def _upgrades(layers: Sequence[Sequence[Estimate]], hulls: Sequence[Sequence[int]]) -> Iterator[Upgrade]:
    for number, (layer, hull) in enumerate(zip(layers, hulls)):
        for before, after in pairwise(hull):
            yield Upgrade(_gain(layer, before, after), number, after)
