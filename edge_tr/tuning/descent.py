"""Rate-distortion coordinate descent over int8 values of few terms.

For one layer with the inputs' second moments H and real-valued target weights w, choose per row

    minimise over int8 q    (w - q) H (w - q)^T  +  sum_j price_j * terms(q_j)

one coordinate at a time and all rows at once. For one coordinate the exact minimum is among
the nearest values with at most 0, 1, .. 4 terms, so a step never increases the objective.
The coordinates of a block are settled on a copy of the block's gradient, and the rest of
the gradient follows with one matrix product (as in GPTQ, Frantar et al., ICLR 2023).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from edge_tr.tr.hese import term_count
from edge_tr.tr.reveal import reveal

Limits = tuple[int, int]
"""(least, most) that a weight may be."""
INT8 = (-127, 127)
"""int8 weights of a .tflite (TFLite's quantisation specification). Weights of a uint8 file less their zero point are
other 256 values, of up to nine bits."""
WIDEST = 255
"""Of those, at either end."""
BLOCK = 32
PASSES = 10
SETTLING_PASSES = 4
"""Passes at the full price, at the end of `anneal`."""
FIRST_PRICE = 3.0
"""Of a term in `limited`, relative to the mean diagonal of the covariance."""
PRICE_STEPS = 3.0, 0.5
"""First and last step of the logarithm of a group's price that has as many terms too many as one weight can have."""


@cache
def most_terms(limits: Limits = INT8) -> int:
    """Terms that the longest value has: 4 of int8, 5 of nine bits."""
    return int(term_count(np.arange(limits[0], limits[1] + 1)).max())


@cache
def _nearest(limits: Limits = INT8) -> np.ndarray:
    """float64 [terms + 1, cells]: the value with at most t terms nearest to every real of a cell, half an integer wide,
    from one below the limits to one above: midpoints of integers are the borders."""
    values = np.arange(limits[0], limits[1] + 1)
    counts = term_count(values)
    middles = (np.arange(2 * (len(values) + 1)) + 0.5) / 2 + limits[0] - 1
    choices = (values[counts <= most] for most in range(most_terms(limits) + 1))
    return np.stack([some[np.abs(middles[:, None] - some).argmin(axis=1)] for some in choices]).astype(np.float64)


@cache
def _terms_of_cell() -> np.ndarray:
    """int64 [511]: terms of -255..255."""
    return term_count(np.arange(-WIDEST, WIDEST + 1)).astype(np.int64)


def terms_of(q: np.ndarray) -> np.ndarray:
    """int64, terms of each of the integers q in -255..255, any shape and type."""
    return _terms_of_cell()[q.astype(np.int64) + WIDEST]


class Descent:
    """A layer between its target and its terms.

    target      float64 [rows, K], what the weights should be
    start       [rows, K] integers within `limits`
    covariance  float64 [K, K] that all rows share, or [rows, K, K]; positive definite
    """

    def __init__(self, target: np.ndarray, start: np.ndarray, covariance: np.ndarray, limits: Limits = INT8) -> None:
        self.q = start.astype(np.float64)
        self._limits = limits
        self._steps = np.arange(most_terms(limits) + 1.0)[:, None]  # 0, 1, ... terms
        self._target = target
        self._covariance = covariance
        self._gradient = _times(target - self.q, covariance)  # (w - q) H, kept up to date

    def distortion(self) -> np.ndarray:
        """float64 [rows]: (w - q) H (w - q)^T."""
        return np.einsum("rk,rk->r", self._gradient, self._target - self.q)

    def objective(self, price: np.ndarray) -> float:
        """Distortion and priced terms of all rows; price [rows, K] or broadcast to it."""
        return float(self.distortion().sum() + (price * terms_of(self.q)).sum())

    def sweep(self, price: np.ndarray, group: int | None = None, most: int = 0) -> None:
        """Settle every coordinate once. With a `group`, no `group` coordinates get more than `most` terms,
        if they had not more before; price [rows, K] or broadcast to it."""
        rows, depth = self.q.shape
        price = np.broadcast_to(price, (rows, depth))
        cap = None if group is None else _Cap(self.q, group, most)
        for first in range(0, depth, BLOCK):
            block = slice(first, min(first + BLOCK, depth))
            before = self.q[:, block].copy()
            self.q[:, block] = self._settled(block, price[:, block], cap).T
            moved = self.q[:, block] - before
            if moved.any():
                self._gradient -= _times(moved, self._covariance[..., block, :])

    def _settled(self, block: slice, price: np.ndarray, cap: _Cap | None) -> np.ndarray:
        """[B, rows]: the block's coordinates, one after the other at their best values for every row.

        Coordinates come first here, and the gradient follows only where it is still looked at: the calls count,
        not the numbers, of which there are few.
        """
        q, gradient = self.q[:, block].T.copy(), self._gradient[:, block].T.copy()
        lines = self._covariance[..., block, block]
        lines = lines[:, :, None] if lines.ndim == 2 else np.ascontiguousarray(lines.transpose(1, 2, 0))
        prices = price.T[:, None, :] * self._steps
        nearest, rows, first = _nearest(self._limits), np.arange(q.shape[1]), 2 * (1 - self._limits[0])
        for j, (old, line) in enumerate(zip(q, lines)):
            curvature = line[j]
            best = old + gradient[j] / curvature
            cell = np.floor(best + best).astype(np.int64)
            cell += first
            choices = nearest.take(cell, axis=1, mode="clip")
            cost = choices - best
            cost *= cost
            cost *= curvature
            cost += prices[j]
            if cap is not None:
                cap.forbid(cost, block.start + j)
            new = choices[cost.argmin(axis=0), rows]
            if cap is not None:
                cap.count(block.start + j, new)
            step = new - old
            if np.count_nonzero(step):
                q[j] = new
                gradient[j + 1 :] -= step * line[j + 1 :]
        return q


class _Cap:
    """Terms left to each group while a sweep goes on."""

    def __init__(self, q: np.ndarray, group: int, most: int) -> None:
        self._terms = terms_of(q)
        self._group = group
        self._left = most - group_sums(self._terms, group)

    def forbid(self, cost: np.ndarray, j: int) -> None:
        """Infinite cost [terms + 1, rows] for more terms than the group of coordinate j may have."""
        most = self._left[:, j // self._group] + self._terms[:, j]
        np.copyto(cost, np.inf, where=np.maximum(most, 0) < np.arange(len(cost))[:, None])

    def count(self, j: int, new: np.ndarray) -> None:
        """Coordinate j has become `new`."""
        terms = terms_of(new)
        self._left[:, j // self._group] += self._terms[:, j] - terms
        self._terms[:, j] = terms


def group_sums(values: np.ndarray, group: int) -> np.ndarray:
    """[rows, groups]: sums of [rows, K] over each `group` elements of a row, the last group shorter."""
    return np.add.reduceat(values, np.arange(0, values.shape[1], group), axis=1)


def rounded(target: np.ndarray, limits: Limits = INT8) -> np.ndarray:
    """float64, the target's nearest values within the limits."""
    return np.clip(np.rint(target), *limits)


def anneal(
    target: np.ndarray, covariance: np.ndarray, price: np.ndarray, passes: int = PASSES, limits: Limits = INT8
) -> Descent:
    """Descend from the rounded target while the price [rows] of a term rises to its full value."""
    descent = Descent(target, rounded(target, limits), covariance, limits)
    rising = max(1, passes - SETTLING_PASSES + 1)
    for step in range(1, passes + 1):
        descent.sweep(min(1.0, step / rising) * price[:, None])
    return descent


def limited(
    target: np.ndarray,
    covariance: np.ndarray,
    group: int,
    most: int,
    passes: int = PASSES,
    limits: Limits = INT8,
) -> Descent:
    """At most `most` terms in each `group`: every group has its own price, which follows its excess.

    Prices move in ever smaller steps. What is still too much after these passes is revealed away (the
    largest terms stay), and sweeps without a price fill the groups up again.
    """
    descent = Descent(target, rounded(target, limits), covariance, limits)
    depth = target.shape[1]
    scale = np.diagonal(covariance, axis1=-2, axis2=-1).mean(axis=-1)
    price = FIRST_PRICE * np.atleast_1d(scale)[:, None] * np.ones_like(group_sums(target, group))
    for step in np.geomspace(*PRICE_STEPS, passes):
        descent.sweep(np.repeat(price, group, axis=1)[:, :depth])
        excess = group_sums(terms_of(descent.q), group) - most
        price *= np.exp(step * np.clip(excess / most_terms(limits), -1, 1))
    descent = Descent(target, _revealed(descent.q, group, most, limits), covariance, limits)
    for _ in range(SETTLING_PASSES):
        descent.sweep(np.zeros((1, 1)), group, most)
    return descent


def _revealed(q: np.ndarray, group: int, most: int, limits: Limits) -> np.ndarray:
    """The `most` largest terms of each group."""
    if limits == INT8:
        return reveal(q.astype(np.int8), group, most).values
    return reveal(q.astype(np.int16), group, most, limits=limits).values


def _times(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """[rows, J] times one [J, K], or each row times its own of [rows, J, K]."""
    return rows @ matrix if matrix.ndim == 2 else np.einsum("rj,rjk->rk", rows, matrix)
