"""What tune says of goals, samples and times."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from edge_tr.arguments.values import length
from edge_tr.errors import UsageError
from edge_tr.tuning import search
from edge_tr.tuning.fit import Point
from edge_tr.tuning.judge import MISFIT, Estimate, one_sided
from edge_tr.tuning.points import Judged
from edge_tr.tuning.search import SIGMAS, Found
from edge_tr.tuning.written import goal_of, needed, resolved


class Given:
    """A judge that says what it was made with."""

    def __init__(self, *estimates: Estimate) -> None:
        self._estimates = list(estimates)

    def estimates(self, outputs: list[np.ndarray]) -> list[Estimate]:
        return self._estimates


def point(price: float) -> Judged:
    figures = dict(terms_per_weight=1.0, issued_per_mac=1.0, mean_k=0.0, agreement=100.0, loss=0.0, divergence=0.0)
    cost = dict(cycles_estimated=None, flash_estimated=None, most={})
    return Judged(Point(f"{price}", price, 1.0, 1 / price, **figures, **cost), np.zeros((400, 10), np.int8))


def estimate(loss: float, noise: float) -> Estimate:
    return Estimate(loss, float(np.hypot(noise, MISFIT * loss)), noise, -1.0, 1.0, 400)


@pytest.mark.parametrize("text, seconds", [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200)])
def test_times(text: str, seconds: float) -> None:
    assert length(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "m", "5 m", "5d", "1e3", "inf", "nan"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time such as 90s"):
        length(text)


@pytest.mark.parametrize("confidence", [0.49, 1.0, -1.0, float("nan")])
def test_confidence_is_a_probability_of_more_than_a_half(confidence: float) -> None:
    with pytest.raises(UsageError, match=r"--confidence .*give 0.5 to less than 1"):
        goal_of(max_loss=1.0, confidence=confidence)
    with pytest.raises(UsageError, match="--confidence needs --max-loss"):
        goal_of(max_terms=1.0, confidence=0.9)
    assert goal_of(max_loss=1.0, confidence=0.95).sigmas == one_sided(0.95) > SIGMAS == goal_of(max_loss=1.0).sigmas


def test_the_number_of_samples_that_is_told_is_enough() -> None:
    """With as many, noise falls with their root and the point meets the goal; with a tenth less it does not."""
    goal = goal_of(max_loss=0.5, confidence=0.95)
    found = Found(goal, Given(estimate(0.2, 0.25)), [point(1.0)])
    assert found.met() == [False]
    (text,) = needed(found)
    samples = int(text.split()[1])
    for count, met in ((samples, True), (0.9 * samples, False)):
        found = Found(goal, Given(estimate(0.2, 0.25 * (400 / count) ** 0.5)), [point(1.0)])
        assert found.met() == [met]


def test_a_loss_too_close_to_the_goal_is_said_to_be() -> None:
    found = Found(goal_of(max_loss=0.5, confidence=0.99), Given(estimate(0.4, 0.05)), [point(1.0)])
    assert "no number of samples makes that sure" in needed(found)[0]


def test_the_cheapest_point_is_not_taken_beyond_one_that_fails() -> None:
    """A smaller loss at fewer terms is luck."""
    judge = Given(estimate(0.1, 0.05), estimate(0.6, 0.1), estimate(0.3, 0.05))
    found = Found(goal_of(max_loss=0.5), judge, [point(1.0), point(2.0), point(3.0)])
    assert found.met() == [True, False, False] and found.chosen().point.price == 1.0


def test_few_samples_for_a_small_loss_are_told() -> None:
    goal = goal_of(max_loss=0.5)
    assert resolved(200, goal) == [] and "give 200 or more" in resolved(199, goal)[0]


class Ladder:
    """Points whose price is their loss, but that estimates of few points are half of it: a bracket that opens again."""

    def __init__(self) -> None:
        self.looked, self.found = 0, None

    def at(self, wanted: list[tuple[float, float]]) -> list[Point]:
        return [point(price).point for price, _ in wanted]

    def judged(self, wanted: list[tuple[float, float]]) -> list[Judged]:
        self.looked += len(wanted)
        return [point(price) for price, _ in wanted]

    def estimates(self, outputs: list[np.ndarray]) -> list[Estimate]:
        prices = [one.point.price for one in self.found.judged]
        return [estimate(price * (0.3 if len(prices) <= 3 else 1.0), 0.0) for price in prices]


@pytest.mark.parametrize("limit", [0.004, 0.11, 0.5, 2.0, 400.0])
def test_a_search_ends_with_a_point_near_its_goal(limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = Ladder()
    found = Found(goal_of(max_loss=limit), ladder)
    ladder.found = found
    monkeypatch.setattr(search, "_scouted", lambda *given: (1.0, 1.0))
    search.search(ladder, [], 1.0, found)
    best = limit / (1 + SIGMAS * MISFIT)
    assert best / 3 < found.chosen().point.price <= best
    assert ladder.looked <= search.MAX_RUNGS + search.REFINEMENTS + 2
