"""How the terms of weights spread over exponents, and how many a weight has."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edge_tr.tr.hese import terms


def by_exponent(arrays: Iterable[np.ndarray]) -> tuple[int, ...]:
    """Terms with exponent 0, 1, 2, ... of integer weights of any shape; no entry behind the largest exponent."""
    total = np.zeros(0, np.int64)
    for weights in arrays:
        found = terms(weights)
        used = np.arange(found.exponents.shape[-1]) < found.counts[..., None]
        total = _sum(total, np.bincount(found.exponents[used], minlength=1))
    return _trimmed(total)


def by_weight(arrays: Iterable[np.ndarray]) -> tuple[int, ...]:
    """Weights that have 0, 1, 2, ... terms; no entry behind the most."""
    total = np.zeros(0, np.int64)
    for weights in arrays:
        total = _sum(total, np.bincount(terms(weights).counts.ravel(), minlength=1))
    return _trimmed(total)


def _sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Element by element; the shorter one goes on with zeros."""
    total = np.zeros(max(len(a), len(b)), np.int64)
    total[: len(a)] += a
    total[: len(b)] += b
    return total


def _trimmed(counts: np.ndarray) -> tuple[int, ...]:
    return tuple(int(n) for n in np.trim_zeros(counts, "b"))
