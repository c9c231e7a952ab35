"""HESE: integers as few signed powers of two, in one pass from the top bit down.

A term is `sign * 2^exponent`; a value is the sum of its terms, largest first, no
exponent twice. Signed-digit forms are not unique (3 = 2 + 1 = 4 - 1), so an
encoding is a rule that picks one. Both rules here look at the magnitude's bits
through a window of two, keep one bit of state, and give -v the negated digits of v.

`Encoding.MINIMAL` (the default) subtracts the nearest power of two until nothing is
left; a remainder of 3 * 2^j has two nearest and takes the lower value. This is a
minimum-length form and, among those, the one with the least truncation error:

* Let 2^a <= v < 2^(a+1). A minimal form leads with 2^a or 2^(a+1). The non-adjacent
  form (NAF) leads with the nearest of the two except for 4/3 < v / 2^a < 3/2, where it
  leads with 2^(a+1) - 2^(a-1) = 2^a + 2^(a-1); leading with 2^a, the nearest, and then
  2^(a-1) costs the same two terms. So the nearest is never longer than the NAF.
* The nearest power leaves the least |v - term|, and likewise at each later step, so the
  vector of |v - prefix sum| is the lexicographically smallest of all minimal forms.

`Encoding.PAPER` is the two-bit-window rule of term quantization (Kung, McDanel, Zhang,
"Term Quantization: Furthering Quantization at Run Time", SC20), kept for
parity with the paper. It is exact but not always minimal: 55 = 2^6 - 2^4 + 2^3 - 2^0,
while the minimal form is 2^6 - 2^3 - 2^0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import NamedTuple

import numpy as np

MAX_MAGNITUDE = 1 << 15
"""Largest |value| that the array functions take: all of int16."""


class Encoding(Enum):
    """Which signed-digit form a value gets; see the module's text."""

    MINIMAL = "minimal"
    PAPER = "paper"


class Term(NamedTuple):
    """One signed power of two: sign is +1 or -1, exponent is >= 0."""

    sign: int
    exponent: int

    @property
    def value(self) -> int:
        return self.sign << self.exponent


@dataclass(frozen=True)
class TermArray:
    """The terms of an array of values, largest first, in fixed-width rows.

    signs      int8 [..., T], +1 or -1; 0 past the value's last term
    exponents  int8 [..., T], 0..15; 0 past the value's last term
    counts     int8 [...], number of terms, 0..T
    """

    signs: np.ndarray
    exponents: np.ndarray
    counts: np.ndarray

    def values(self, limit: int | None = None) -> np.ndarray:
        """int32 [...]: the sum of the `limit` largest terms of each value (None: of all)."""
        powers = self.signs[..., :limit].astype(np.int32) << self.exponents[..., :limit]
        return powers.sum(axis=-1, dtype=np.int32)


def encode(value: int, encoding: Encoding = Encoding.MINIMAL) -> tuple[Term, ...]:
    """The terms of `value` (any integer), exponents strictly descending; () for 0."""
    if value == 0:
        return ()
    scan = _scan_minimal if encoding is Encoding.MINIMAL else _scan_paper
    negate = -1 if value < 0 else 1
    return tuple(Term(negate * sign, exponent) for sign, exponent in scan(abs(value)))


def terms(values: np.ndarray, encoding: Encoding = Encoding.MINIMAL) -> TermArray:
    """Encode an integer array of any shape, |values| <= 2^15, by table look-up.

    The width T is that of the smallest table that holds the values (4 for int8 in the
    minimal encoding), not of the longest value. Raises ValueError outside the range.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise ValueError(f"values must be integers, not {values.dtype}")
    magnitudes = np.abs(values.astype(np.int64))
    largest = int(magnitudes.max(initial=0))
    if largest > MAX_MAGNITUDE:
        raise ValueError(f"|value| must be at most {MAX_MAGNITUDE}, not {largest}")
    table = _table(max(128, 1 << (largest - 1).bit_length()), encoding)
    negate = np.where(values < 0, np.int8(-1), np.int8(1))[..., None]
    return TermArray(table.signs[magnitudes] * negate, table.exponents[magnitudes], table.counts[magnitudes])


def term_count(values: np.ndarray, encoding: Encoding = Encoding.MINIMAL) -> np.ndarray:
    """int8 [...]: the number of terms of each value; range as in `terms`."""
    return terms(values, encoding).counts


def _scan_minimal(magnitude: int) -> Iterator[Term]:
    """Digits of `magnitude` > 0 by repeatedly taking the nearest power of two.

    The bits scanned are (magnitude - 1).111..., which is `magnitude` as 0.999... is 1.
    What remains to encode is always the bits not yet scanned: as they are while `idle`
    is 0, inverted and negative while `idle` is 1. Skip idle bits; the first other bit, of
    weight 2^i, and the next one place the remainder r:
        equal:  1.5 * 2^i < r <= 2 * 2^i    (negative: 1.5 <= |r| < 2), nearest is 2^(i+1),
                and the remainder changes sign;
        not:          2^i < r <= 1.5 * 2^i  (negative: 1 <= |r| < 1.5), nearest is 2^i.
    """
    bits = (magnitude - 1) << 2 | 0b11  # of the ones below the point the window reaches two
    idle = 0
    i = magnitude.bit_length() - 1
    while i >= -1:
        bit, following = bits >> (i + 2) & 1, bits >> (i + 1) & 1
        if bit == idle:
            i -= 1
            continue
        yield Term(1 if bit else -1, i + 1 if following == bit else i)
        idle = following
        i -= 2


def _scan_paper(magnitude: int) -> Iterator[Term]:
    """Digits of `magnitude` > 0 by the paper's rule: a lone 1 is itself, a run of ones
    from bit a down to bit b is 2^(a+1) - 2^b."""
    previous = 0
    for i in reversed(range(magnitude.bit_length())):
        bit, following = magnitude >> i & 1, i > 0 and magnitude >> (i - 1) & 1
        if bit and not previous:
            yield Term(1, i + 1 if following else i)
        elif bit and not following:
            yield Term(-1, i)
        previous = bit


@cache
def _table(largest: int, encoding: Encoding) -> TermArray:
    """The terms of 0..largest, signs and exponents int8 [largest + 1, T]."""
    forms = [encode(value, encoding) for value in range(largest + 1)]
    width = max(map(len, forms))
    signs = np.zeros((largest + 1, width), np.int8)
    exponents = np.zeros_like(signs)
    for value, form in enumerate(forms):
        for position, term in enumerate(form):
            signs[value, position], exponents[value, position] = term
    return TermArray(signs, exponents, np.array([len(form) for form in forms], np.int8))
