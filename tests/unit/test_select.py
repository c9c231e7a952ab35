"""The knapsack over layers equals trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_tr.lower.cost import Estimate
from edge_tr.lower.select import UNIT, pareto, select


def random_layers(seed: int) -> list[list[Estimate]]:
    rng = np.random.default_rng(seed)
    return [
        [Estimate(int(rng.integers(1, 1000)), int(rng.integers(0, 60)) * UNIT) for _ in range(rng.integers(1, 5))]
        for _ in range(rng.integers(1, 6))
    ]


@pytest.mark.parametrize("seed", range(12))
def test_for_every_limit_no_choice_has_fewer_cycles(seed):
    layers = random_layers(seed)
    front = pareto(layers)
    everything = [
        (sum(c.flash for c in choice), sum(c.cycles for c in choice)) for choice in itertools.product(*layers)
    ]
    for limit in range(0, max(flash for flash, _ in everything) + UNIT, UNIT):
        fitting = [cycles for flash, cycles in everything if flash <= limit]
        if fitting:
            assert select(front, "speed", limit).cycles == min(fitting)
    assert front[0].flash == min(flash for flash, _ in everything)


def test_the_front_rises_in_flash_and_falls_in_cycles():
    front = pareto(random_layers(5))
    assert all(a.flash < b.flash and a.cycles > b.cycles for a, b in itertools.pairwise(front))
    for point in front:
        costs = [layer[option] for layer, option in zip(random_layers(5), point.chosen)]
        assert (point.cycles, point.flash) == (sum(c.cycles for c in costs), sum(c.flash for c in costs))


def test_objectives_choose_the_ends_and_between():
    front = pareto([[Estimate(100, 64), Estimate(40, 128), Estimate(39, 64 * 50)]])
    assert select(front, "speed", None).chosen == (2,)
    assert select(front, "size", None).chosen == (0,)
    assert select(front, "balanced", None).chosen == (1,)
    assert select(front, "speed", 200).chosen == (1,)
    assert select(front, "speed", 0).chosen == (0,)


def test_a_model_without_choices_costs_nothing():
    assert pareto([])[0].chosen == ()
