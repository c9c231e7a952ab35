"""Which prices to try: a ladder over the useful range, then ever smaller steps towards what the user asked for.

Points are asked for several at a time, so that workers compute them side by side; which ones does not depend on
how many workers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.tr.hese import term_count
from edge_tr.tuning.cost import Layer
from edge_tr.tuning.points import Point
from edge_tr.tuning.select import Calibration

RATIO = 3.0
"""Between the prices of two rungs."""
MIDDLE = 0.3
"""Where the ladder starts and the emphasis is chosen: this share of the lossless terms."""
BELOW, ABOVE = 2, 3
"""Rungs around the middle; more only if the goal is outside."""
MAX_RUNGS = 12
MIDDLE_TRIES = 6
REFINEMENTS = 3
"""Divisions of a rung by PARTS: terms settle to about 2 %."""
PARTS = 3
EMPHASES = (1.0, 4.0, 16.0)
STEEPNESS = 4.5
"""About how the divergence falls with the terms, as their power: makes points of different terms comparable."""

At = Callable[[Sequence[tuple[float, float]]], Sequence[Point]]
"""The points at some (price, emphasis), in their order."""


@dataclass(frozen=True)
class Goal:
    """What the chosen point must satisfy: `measure` at most `limit`. `rises`: it rises with the price of a term."""

    name: str
    limit: float
    measure: Callable[[Point], float]
    rises: bool

    def met(self, point: Point) -> bool:
        return self.measure(point) <= self.limit


@dataclass(frozen=True)
class Found:
    """All points by price, and the one that meets the goal with the most terms; of a goal on loss, the fewest."""

    points: tuple[Point, ...]
    chosen: Point
    lossless_per_mac: float


def steps_at_most() -> int:
    """How many points a search computes when the goal lies on the ladder: for the time left."""
    return MIDDLE_TRIES + len(EMPHASES) + 2 + BELOW + ABOVE + REFINEMENTS * (PARTS - 1)


def search(
    at: At, layers: Sequence[Layer], first_price: float, goal: Goal, worth: Mapping[str, float] | None = None
) -> Found:
    """Try prices until the goal is bracketed closely. UsageError when no price reaches it. `worth`: of a term of each
    layer; those whose terms are worth nothing keep them, and the point with the fewest cycles is chosen."""
    lossless = _lossless_per_mac(layers)
    left = 0.0 if worth is None else _lossless_per_mac(layers, [layer for layer in layers if worth[layer.name] == 0])
    middle = _middle(lambda price: at([(price, EMPHASES[0])])[0], first_price, MIDDLE * (lossless - left), left)
    emphasis = _emphasis(lambda emphases: at([(middle, e) for e in emphases]))

    def points_at(*prices: float) -> Sequence[Point]:
        return at([(price, emphasis) for price in prices])

    points = [*points_at(*(middle * RATIO**rung for rung in range(-BELOW, ABOVE + 1)))]
    while len(points) < MAX_RUNGS and all(goal.met(p) == goal.met(points[0]) for p in points):
        up = goal.met(points[0]) == goal.rises
        price = points[-1].price * RATIO if up else points[0].price / RATIO
        points = sorted([*points, *points_at(price)], key=lambda p: p.price)
    for _ in range(REFINEMENTS):
        edge = _edge(points, goal)
        if edge is None:
            break
        low, high = points[edge].price, points[edge + 1].price
        points[edge + 1 : edge + 1] = points_at(*(low * (high / low) ** (i / PARTS) for i in range(1, PARTS)))
    distinct = {(p.terms_per_mac, p.divergence): p for p in points}
    return Found(tuple(distinct.values()), _choose(list(distinct.values()), goal, worth is not None), lossless)


def first_price(calibration: Calibration) -> float:
    """A guess: what a weight's error of one costs on average, by layer; the median over MACs."""
    prices, macs = [], []
    for layer in calibration.layers:
        x = calibration.inputs[layer.index].astype(np.float64) - layer.record.input_zero_point
        sensitivity = calibration.sensitivity.get(layer.index, np.zeros(1)).mean()
        prices.append(sensitivity * np.square(x).mean() / layer.positions)
        macs.append(layer.macs)
    order = np.argsort(prices)
    share = np.cumsum(np.array(macs)[order]) / sum(macs)
    guess = max(float(np.array(prices)[order][np.searchsorted(share, 0.5)]), 1e-12)
    return float(f"{guess:.2g}")  # sums in another order give the same price, so the same points


def _lossless_per_mac(layers: Sequence[Layer], some: Sequence[Layer] | None = None) -> float:
    """Terms a MAC of all layers, of `some` of them alone."""
    of = layers if some is None else some
    terms = sum(float(term_count(layer.record.weights).sum(dtype=np.int64)) * layer.positions for layer in of)
    return terms / sum(layer.macs for layer in layers)


def _middle(at: Callable[[float], Point], price: float, target: float, left: float) -> float:
    """A price whose terms per MAC beyond those `left` are within 15 % of the target, by steps on the curve's usual
    slope."""
    for _ in range(MIDDLE_TRIES):
        terms = max(at(price).terms_per_mac - left, target / 20)
        if abs(terms / target - 1) < 0.15:
            break
        price *= (terms / target) ** 3
    return price


def _emphasis(at: Callable[[Sequence[float]], Sequence[Point]]) -> float:
    """The emphasis with the lowest score: of three far apart, then of the best one's neighbours."""
    best = min(at(EMPHASES), key=_score).emphasis
    return min(at((best, best / 2, best * 2)), key=_score).emphasis


def _score(point: Point) -> float:
    """Lower is better among points of about equal terms."""
    return point.divergence * max(point.terms_per_mac, 1e-9) ** STEEPNESS


def _edge(points: Sequence[Point], goal: Goal) -> int | None:
    """The last rung before the goal's answer flips for good, in the direction of the price."""
    wanted = not goal.rises  # the answer at the highest price
    flips = [i for i in range(len(points) - 1) if goal.met(points[i]) != wanted and goal.met(points[i + 1]) == wanted]
    return flips[0] if flips else None


def _choose(points: Sequence[Point], goal: Goal, fewest_cycles: bool) -> Point:
    met = [p for p in points if goal.met(p)]
    if not met:
        best = min(goal.measure(p) for p in points)
        raise UsageError(f"no choice of terms reaches {goal.name} {goal.limit:g}; the nearest has {best:g}")
    if fewest_cycles and goal.rises:
        return min(met, key=lambda p: (p.cycles_estimated, -p.price))
    return max(met, key=lambda p: p.price) if goal.rises else min(met, key=lambda p: p.price)
