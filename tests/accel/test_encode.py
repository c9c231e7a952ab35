"""Encodings that make few words: the values stay, and no row gets longer than with the fewest terms."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.accel.encode import EXTRA_TERMS, PLANES, encode, encodings
from edge_tr.tr.hese import terms

WEIGHTS = 1 << np.arange(PLANES)
VALUES = np.arange(-128, 128)


def length(digits: np.ndarray, banks: np.ndarray) -> np.ndarray:
    """Words of rows of digits [rows, n, planes], plane by plane as the array plays them."""
    lengths = []
    for row in np.abs(digits.astype(np.int64)):
        words, doublings = 0, 0
        for plane in reversed(range(PLANES)):
            here = max(-(-int(row[banks == b, plane].sum()) // 3) for b in range(3))
            if words and (here or doublings == 2 or plane == 0):  # a word may double twice before it adds
                here, doublings = max(here, 1), 0
            words += here
            doublings += words > 0
        lengths.append(max(words, 1))
    return np.array(lengths)


def fewest(weights: np.ndarray) -> np.ndarray:
    """The digits of HESE, int64 [rows, n, planes]."""
    encoded = terms(weights.ravel())
    digits = np.zeros((weights.size, PLANES), np.int64)
    for i, n in enumerate(encoded.counts):
        digits[i, encoded.exponents[i, :n].astype(int)] = encoded.signs[i, :n]
    return digits.reshape(*weights.shape, PLANES)


def test_every_encoding_of_every_value_is_that_value_and_the_first_has_fewest_terms() -> None:
    table = encodings().astype(np.int64)
    assert (table @ WEIGHTS == ((np.arange(256) + 128) % 256 - 128)[:, None]).all()
    least = terms(VALUES.astype(np.int8)).counts
    sizes = np.abs(table).sum(axis=-1)[VALUES & 255]
    assert (sizes[:, 0] == least).all() and (sizes.max(axis=1) <= least + EXTRA_TERMS).all()


@pytest.mark.parametrize("seed", range(6))
def test_rows_keep_their_values_and_never_get_longer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 97))
    banks = rng.integers(0, 3, n) if seed % 2 else np.arange(n) % 3
    weights = np.clip(rng.normal(0, rng.choice([2, 30, 90]), (12, n)).round(), -128, 127).astype(np.int8)
    weights[0], weights[1], weights[2] = 0, 127, -128
    digits = encode(weights, banks.tolist())
    assert (digits.astype(np.int64) @ WEIGHTS == weights).all()
    assert (length(digits, banks) <= length(fewest(weights), banks)).all()


def test_full_rows_get_a_tenth_shorter() -> None:
    weights = np.clip(np.random.default_rng(7).normal(0, 40, (64, 96)).round(), -128, 127).astype(np.int8)
    banks = np.arange(96) % 3
    assert length(encode(weights, banks.tolist()), banks).sum() < 0.9 * length(fewest(weights), banks).sum()
