"""Which prices to try: a ladder over the useful range, then ever smaller steps towards what the user asked for.

Points are asked for several at a time, so that workers compute them side by side; which ones does not depend on
how many workers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_tr.tr.hese import term_count
from edge_tr.tuning.cost import Layer
from edge_tr.tuning.fit import FOLDS, Point
from edge_tr.tuning.judge import Estimate, Judge
from edge_tr.tuning.points import Judged, Points
from edge_tr.tuning.select import Calibration

RATIO = 3.0
"""Between the prices of two rungs."""
MIDDLE = 0.3
"""Where the ladder starts and the emphasis is chosen: this share of the lossless terms."""
LADDER = (1 / RATIO, 1.0, RATIO)
"""The first rungs, around the middle; more only if the goal is outside."""
MAX_RUNGS = 12
MIDDLE_TRIES = 6
REFINEMENTS = 3
"""Of the rung that the goal is on: terms settle to about 2 %."""
PARTS = 3
"""Of a rung in each refinement, but for a goal on loss, which says where to look."""
CLOSE = 1.08
"""Prices that are no further apart are not refined."""
INSIDE, WITHIN = 0.95, (0.15, 0.85)
"""Of the way to where the goal should be met; and how far from both ends of a rung."""
SIGMAS = 1.0
"""Standard errors that the estimated loss must be within the goal by."""
EMPHASES = (1.0, 4.0, 16.0)
STEEPNESS = 4.5
"""About how the divergence falls with the terms, as their power: makes points of different terms comparable."""

At = Callable[[Sequence[tuple[float, float]]], Sequence[Point]]
"""The points at some (price, emphasis), in their order."""


@dataclass(frozen=True)
class Goal:
    """What the chosen point must satisfy: `measure` at most `limit`; None where `measure` is the estimated loss.
    `rises`: it rises with the price of a term. `sigmas`: standard errors on top of an estimate."""

    name: str
    limit: float
    measure: Callable[[Point], float] | None
    sigmas: float = SIGMAS

    @property
    def rises(self) -> bool:
        return self.measure is None

    def met(self, point: Point) -> bool:
        return self.measure(point) <= self.limit


@dataclass
class Found:
    """What a search has so far: `judged` by rising price. It is filled as the search goes on, and right whenever that
    ends."""

    goal: Goal
    judge: Judge
    judged: list[Judged] = field(default_factory=list)

    def add(self, more: Sequence[Judged]) -> None:
        distinct = {(one.point.terms_per_mac, one.point.divergence): one for one in [*self.judged, *more]}
        self.judged = sorted(distinct.values(), key=lambda one: one.point.price)

    def estimates(self) -> list[Estimate]:
        """Of `judged`."""
        return self.judge.estimates([one.output for one in self.judged]) if self.judged else []

    def met(self) -> list[bool]:
        """Whether each of `judged` meets the goal. One with a smaller loss than one that has more terms is no better
        than that."""
        if not self.goal.rises:
            return [self.goal.met(one.point) for one in self.judged]
        bounds = [estimate.at_most(self.goal.sigmas) for estimate in self.estimates()]
        return [bool(bound <= self.goal.limit) for bound in np.maximum.accumulate(bounds)] if bounds else []

    def chosen(self, fewest_cycles: bool = False) -> Judged | None:
        """The fewest terms that meet a goal on loss, or the most that meet another; None: none does."""
        good = [one for one, met in zip(self.judged, self.met()) if met]
        if not good:
            return None
        if fewest_cycles and self.goal.rises:
            return min(good, key=lambda one: (one.point.cycles_estimated, -one.point.price))
        return good[-1] if self.goal.rises else good[0]


def steps_at_most(rises: bool = False) -> int:
    """How many points and folds a search computes when the goal lies on the ladder: for the time left. `rises`: of a
    goal on loss, which every point is judged for."""
    scouted = MIDDLE_TRIES + len(EMPHASES) + 2
    if rises:
        return scouted + (len(LADDER) + REFINEMENTS) * (1 + FOLDS)
    return scouted + len(LADDER) + REFINEMENTS * (PARTS - 1) + 1 + FOLDS


def search(
    points: Points, layers: Sequence[Layer], first_price: float, found: Found, worth: Mapping[str, float] | None = None
) -> None:
    """Try prices until the goal of `found` is bracketed closely. `worth`: of a term of each layer; those whose terms
    are worth nothing keep them."""
    middle, emphasis = _scouted(points.at, layers, first_price, worth)

    def look(*prices: float) -> None:
        wanted = [(price, emphasis) for price in prices]
        found.add(points.judged(wanted) if found.goal.rises else [Judged(point) for point in points.at(wanted)])

    look(*(middle * step for step in LADDER))
    rungs, refined = len(LADDER), 0
    while True:
        met, prices = found.met(), [one.point.price for one in found.judged]
        if met[0] != met[-1]:
            between = _between(found)
            if refined == REFINEMENTS or not between:
                return
            look(*between)
            refined += 1
        elif rungs < MAX_RUNGS:  # estimates change with what is known around them: a bracket may open again
            look(prices[-1] * RATIO if met[0] == found.goal.rises else prices[0] / RATIO)
            rungs, refined = rungs + 1, min(refined, REFINEMENTS - 1)
        else:
            return


def _scouted(
    at: At, layers: Sequence[Layer], first_price: float, worth: Mapping[str, float] | None
) -> tuple[float, float]:
    """A price in the useful range, and the emphasis that is best there."""
    lossless = lossless_per_mac(layers)
    left = 0.0 if worth is None else lossless_per_mac(layers, [layer for layer in layers if worth[layer.name] == 0])
    middle = _middle(lambda price: at([(price, EMPHASES[0])])[0], first_price, MIDDLE * (lossless - left), left)
    return middle, _emphasis(lambda emphases: at([(middle, e) for e in emphases]))


def first_price(calibration: Calibration) -> float:
    """A guess: what a weight's error of one costs on average, by layer; the median over MACs."""
    prices, macs = [], []
    for layer in calibration.layers:
        x = calibration.inputs[layer.index].astype(np.float64) - layer.record.input_zero_point
        sensitivity = calibration.sensitivity(layer.index, len(layer.record.weights)).mean()
        prices.append(sensitivity * np.square(x).mean() / layer.positions)
        macs.append(layer.macs)
    order = np.argsort(prices)
    share = np.cumsum(np.array(macs)[order]) / sum(macs)
    guess = max(float(np.array(prices)[order][np.searchsorted(share, 0.5)]), 1e-12)
    return float(f"{guess:.2g}")  # sums in another order give the same price, so the same points


def lossless_per_mac(layers: Sequence[Layer], some: Sequence[Layer] | None = None) -> float:
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


def _between(found: Found) -> list[float]:
    """Prices to look at on the rung where the goal's answer flips; none where that is nowhere, or the rung is short."""
    met, prices = found.met(), [one.point.price for one in found.judged]
    edge = next((i for i in range(len(met) - 1) if met[i] != met[i + 1]), None)
    if edge is None or prices[edge + 1] / prices[edge] < CLOSE:
        return []
    low, high = prices[edge : edge + 2]
    shares = [_share(found, edge)] if found.goal.rises else [i / PARTS for i in range(1, PARTS)]
    return [low * (high / low) ** share for share in shares]


def _share(found: Found, edge: int) -> float:
    """How far on a rung, as a logarithm, the estimated loss should just meet the goal."""
    below, above = (max(one.at_most(found.goal.sigmas), 1e-6) for one in found.estimates()[edge : edge + 2])
    share = np.log(found.goal.limit / below) / np.log(max(above / below, 1 + 1e-6))
    return float(np.clip(INSIDE * share, *WITHIN))
