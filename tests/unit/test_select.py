"""The knapsack over layers equals trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_tr.kernels.cost import Estimate
from edge_tr.lower import select as select_module
from edge_tr.lower.select import SLACK, UNIT, pareto, select


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


@pytest.mark.parametrize("seed", range(12))
def test_little_ram_costs_at_most_the_slack_and_what_it_need_not_take_is_left(seed):
    """Against every choice: the fastest for each limit of flash and arena, and the least arena that comes near it."""
    layers, rng = random_layers(seed), np.random.default_rng(seed)
    near = [[Estimate(10_000 + c.cycles // 8, c.flash) for c in layer] for layer in layers]
    arenas = [[int(rng.integers(1, 6)) * 100 for _ in layer] for layer in near]
    choices = list(itertools.product(*(range(len(layer)) for layer in near)))

    def cost(choice):
        picked = [layer[i] for layer, i in zip(near, choice)]
        needed = max(arena[i] for arena, i in zip(arenas, choice))
        return sum(-(-c.flash // UNIT) * UNIT for c in picked), sum(c.cycles for c in picked), needed

    costs = [cost(choice) for choice in choices]
    for most in (None, 300, 100):
        room = max(most or 500, min(needed for _, _, needed in costs))
        allowed = [c for c in costs if c[2] <= room]
        front = pareto(near, arenas, most)
        for limit in sorted({flash for flash, _, _ in allowed}):
            fastest = min(cycles for flash, cycles, _ in allowed if flash <= limit)
            _, cycles, needed = cost(select(front, "speed", limit).chosen)
            assert cycles <= (1 + SLACK) * fastest and needed <= room
        for point in front:
            flash, cycles, needed = cost(point.chosen)
            fastest = min(c[1] for c in allowed if c[0] <= flash)
            enough = [c[2] for c in allowed if c[0] <= flash and c[1] <= (1 + SLACK) * fastest]
            assert needed == min(enough)


@pytest.mark.parametrize("seed", range(8))
def test_large_models_take_gains_in_order_and_are_at_most_one_upgrade_from_the_best(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    layers = [
        [Estimate(int(rng.integers(1, 1000)), int(rng.integers(0, 60)) * UNIT) for _ in range(rng.integers(1, 7))]
        for _ in range(60)
    ]
    arenas = [[int(rng.integers(1, 9)) for _ in layer] for layer in layers]
    most = max(6, max(map(min, arenas)))
    exact = pareto(layers, arenas, 6)
    monkeypatch.setattr(select_module, "MOST_CELLS", 0)
    front = pareto(layers, arenas, 6)
    assert all(a.flash < b.flash and a.cycles > b.cycles for a, b in itertools.pairwise(front))
    assert front[0].flash == exact[0].flash
    assert front[-1].cycles <= (1 + SLACK) ** 2 * exact[-1].cycles
    largest = max(c.cycles for layer in layers for c in layer)
    for point in front:
        assert point.cycles <= (1 + SLACK) * select(exact, "speed", point.flash).cycles + largest
        assert all(arenas[i][option] <= most for i, option in enumerate(point.chosen))
