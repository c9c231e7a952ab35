"""Coordinate descent over values of few terms: exact steps, a falling objective, limits kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_tr.tr.hese import term_count
from edge_tr.tuning.descent import Descent, _nearest, anneal, group_sums, limited, rounded, terms_of

VALUES = np.arange(-127, 128)


def covariances(rng: np.random.Generator, rows: int, depth: int, own: bool) -> np.ndarray:
    """Correlated inputs' second moments, [K, K] or [rows, K, K]."""
    x = rng.normal(size=(*((rows,) if own else ()), 2 * depth, depth)) + rng.normal(size=depth)
    return x.swapaxes(-1, -2) @ x / (2 * depth) + 0.01 * np.eye(depth)


def test_nearest_values_are_the_nearest():
    middles = (np.arange(512) + 0.5) / 2 - 128
    for most in range(5):
        allowed = VALUES[term_count(VALUES) <= most]
        np.testing.assert_array_equal(_nearest()[most], allowed[np.abs(middles[:, None] - allowed).argmin(axis=1)])


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("depth", [1, 9, 70])
@pytest.mark.parametrize("group", [None, 4])
def test_a_sweep_never_increases_the_objective(own, depth, group):
    rng = np.random.default_rng(depth)
    target = rng.normal(0, 40, (6, depth))
    descent = Descent(target, rounded(target), covariances(rng, 6, depth, own))
    price = rng.uniform(0, 30, (6, 1))
    if group is not None:
        descent = limited(target, covariances(rng, 6, depth, own), group, 3)
        price = np.zeros((1, 1))
    values = [descent.objective(price)]
    for _ in range(6):
        descent.sweep(price, group, 3)
        values.append(descent.objective(price))
    assert all(later <= earlier * (1 + 1e-9) + 1e-9 for earlier, later in pairwise(values))
    assert np.array_equal(descent.q, np.rint(descent.q)) and np.abs(descent.q).max() <= 127


@pytest.mark.parametrize("own", [False, True])
def test_the_distortion_is_the_quadratic_form(own):
    rng = np.random.default_rng(1)
    target, h = rng.normal(0, 40, (5, 40)), covariances(rng, 5, 40, own)
    descent = anneal(target, h, np.full(5, 20.0))
    error = target - descent.q
    expected = np.einsum("rj,rjk,rk->r", error, np.broadcast_to(h, (5, 40, 40)), error)
    np.testing.assert_allclose(descent.distortion(), expected, rtol=1e-9)


def test_each_coordinate_is_at_its_best():
    """A settled row with one coordinate changed to anything else is not better."""
    rng = np.random.default_rng(2)
    target, h, price = rng.normal(0, 30, (1, 7)), covariances(rng, 1, 7, False), 15.0
    descent = Descent(target, rounded(target), h)
    for _ in range(50):
        descent.sweep(np.full((1, 1), price))
    best = descent.objective(np.full((1, 1), price))
    for j in range(7):
        for value in VALUES:
            q = descent.q.copy()
            q[0, j] = value
            error = target - q
            assert (error @ h @ error.T).item() + price * terms_of(q).sum() >= best - 1e-9


def test_prices_at_their_ends():
    rng = np.random.default_rng(3)
    target = rng.normal(0, 40, (4, 20))
    free, dear = (anneal(target, np.eye(20), np.full(4, price)) for price in (0.0, 1e9))
    assert np.array_equal(free.q, rounded(target)) and not dear.q.any()


@pytest.mark.parametrize("most", [1, 3, 9])
@pytest.mark.parametrize("own", [False, True])
def test_limits_are_kept(most, own):
    rng = np.random.default_rng(most)
    target = rng.normal(0, 40, (8, 19))
    descent = limited(target, covariances(rng, 8, 19, own), 8, most)
    assert group_sums(terms_of(descent.q), 8).max() <= most


def test_a_limit_that_does_not_bind_changes_nothing():
    target = np.random.default_rng(4).normal(0, 40, (3, 16))
    assert np.array_equal(limited(target, np.eye(16), 8, 32).q, rounded(target))
