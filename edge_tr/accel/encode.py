"""Weights as signed digits that make few term words, which need not be the digits that are fewest.

A word adds three terms of one plane from each bank, so a row of weights takes sum over planes of max over banks of
ceil(terms / 3) words, and one more for each two doublings without any. Most values have several encodings: 3 is 2 + 1
or 4 - 1, and with one term more than the least (HESE) 4 is 2 + 2 too. Weight after weight takes the encoding that
makes the row shortest until nothing gets shorter. The sums, and so all results, stay the same.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from edge_tr.formats import accelerator as f
from edge_tr.tr.hese import terms

PLANES = 8
PORTS = f.LANES.value // f.BANKS.value
EXTRA_TERMS = 1  # over the least; more gain nothing that can be measured
PASSES = 4
MOST_DOUBLINGS = 2
"""Of the accumulator before a word."""
_WORD = 100.0  # of the score; less counts how far a plane is from taking a word less


@functools.cache
def encodings() -> np.ndarray:
    """int8 [256, k, 8], by value modulo 256: digits -2 to 2 of planes 0 to 7, fewest terms first, padded with the
    first one."""
    values = [_encodings(value) for value in range(-128, 128)]
    most = max(map(len, values))
    padded = [found + found[:1] * (most - len(found)) for found in values]
    return np.roll(np.array(padded, np.int8), 128, axis=0)


def _encodings(value: int) -> list[tuple[int, ...]]:
    least = int(terms(np.array([value], np.int8)).counts[0])
    found: list[tuple[int, ...]] = []

    def extend(rest: int, digits: tuple[int, ...], left: int) -> None:
        if len(digits) == PLANES:
            if rest == 0:
                found.append(digits)
            return
        for digit in range(-2, 3):
            if (rest - digit) % 2 == 0 and abs(digit) <= left:
                extend((rest - digit) // 2, (*digits, digit), left - abs(digit))

    extend(value, (), least + EXTRA_TERMS)
    return sorted(found, key=lambda digits: sum(map(abs, digits)))


def encode(weights: np.ndarray, banks: Sequence[int]) -> np.ndarray:
    """int8 digits [rows, n, 8] of int8 weights [rows, n] whose values lie in `banks`."""
    return _encode(weights.tobytes(), len(weights), tuple(banks))


@functools.lru_cache(maxsize=4096)  # a layer is scheduled several times, for several layouts of its tensors
def _encode(data: bytes, height: int, banks: tuple[int, ...]) -> np.ndarray:
    weights, at = np.frombuffer(data, np.int8).reshape(height, len(banks)), np.array(banks)
    table = encodings()
    sizes = np.abs(table)
    values = weights.astype(np.int64) & 255
    rows, chosen = np.arange(len(weights)), np.zeros(weights.shape, np.int64)
    counts = np.zeros((len(weights), f.BANKS.value, PLANES), np.int16)  # terms
    for bank in range(f.BANKS.value):
        counts[:, bank] = sizes[values[:, at == bank], 0].sum(axis=1)
    useful = [i for i in range(weights.shape[1]) if weights[:, i].any()]
    score = _score([counts[:, bank, None] for bank in range(f.BANKS.value)])[:, 0]
    for _ in range(PASSES):
        before = score.copy()
        for i in useful:
            bank, options = banks[i], sizes[values[:, i]]
            trial = [counts[:, other, None] for other in range(f.BANKS.value)]
            trial[bank] = trial[bank] + options - options[rows, chosen[:, i]][:, None]
            scores = _score(trial)
            best = scores.argmin(axis=1)
            better = scores[rows, best] < score - 1e-3
            chosen[:, i] = np.where(better, best, chosen[:, i])
            score = np.where(better, scores[rows, best], score)
            counts[:, bank] = np.where(better[:, None], trial[bank][rows, best], counts[:, bank])
        if (score == before).all():
            break
    return table[values, chosen]


def _score(banks: Sequence[np.ndarray]) -> np.ndarray:
    """float32 [...] of terms by bank, int16 [..., plane]: words, and a little for what makes a plane's last."""
    words = (functools.reduce(np.maximum, banks) + PORTS - 1) // PORTS
    over = sum(np.maximum(bank - PORTS * (words - 1), 0) for bank in banks)
    length = words.sum(axis=-1) + _bridges()[np.packbits(words > 0, axis=-1, bitorder="little")[..., 0]]
    return _WORD * length.astype(np.float32) + np.sqrt(np.where(words > 0, over, 0), dtype=np.float32).sum(axis=-1)


@functools.cache
def _bridges() -> np.ndarray:
    """int64 [256], by the set of planes that have terms: words that only double, and one at plane 0 if it has none."""
    return np.array([_bridge([plane for plane in range(PLANES) if used >> plane & 1]) for used in range(1 << PLANES)])


def _bridge(planes: Sequence[int]) -> int:
    stops = sorted({0, *planes})
    gaps = np.diff(stops).tolist()
    return sum(-(-gap // MOST_DOUBLINGS) - 1 for gap in gaps) + (0 not in planes)
