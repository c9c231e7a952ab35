"""Term revealing: of each group of weights, keep only the largest terms.

Kung, McDanel, Zhang, "Term Quantization: Furthering Quantization at Run Time" (SC20):
the weights of one dot product are cut into groups of g along the reduction axis, and
the k largest terms (signed powers of two, see `hese`) of each group stay. Weights
keep more or fewer terms as their neighbours need them; the work per group is bounded.

Which k terms: by exponent, descending; on a tie, the lower element index first. A row
whose length is not a multiple of g ends in a shorter group with the full budget k; no
group reaches into the next row.

The int8 rule. A weight of 97..127 may lead with +2^7 (127 = 2^7 - 2^0), and +128 alone
is not an int8 value, while revealed weights are written back into int8 models. So the
second term of such a weight rides with its leader: it ranks directly behind it. If
the budget ends exactly between the two, the leader is kept as +2^6. Every revealed
value is therefore in -128..127 and no group exceeds its budget.

Weights of a uint8 file less their zero point are 256 values around zero, `limits`, of nine bits and then int16. Kept
terms may leave that range as well, at either end. Such a weight becomes the nearest value inside that has no more
terms, so that it can be written back.

The terms kept with a smaller budget are kept with every larger one, except such a +2^6.
Where no +2^7 is involved, a smaller budget is a prefix of the group's term list.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.tr.hese import Encoding, encode, terms

INT8 = (-128, 127)
MAX_GROUP = 256
PLANES = 8
"""Digit planes of an int8 weight; plane p holds the digits of weight 2^(7 - p)."""
WIDE_PLANES = PLANES + 1
"""Of one of nine bits."""


class TermArrays(NamedTuple):
    """Flat arrays, one entry a term, sorted by (row, group, exponent descending, element).

    row       intp, 0..rows-1
    element   intp, 0..K-1, the index along the reduction axis
    exponent  int8, 0..7, of nine bits 0..8
    sign      int8, +1 or -1
    """

    row: np.ndarray
    element: np.ndarray
    exponent: np.ndarray
    sign: np.ndarray

    def below(self, limit: int) -> TermArrays:
        """The same sums of smaller exponents: those of `limit` and more are two of half the size, or four."""
        terms = self
        while (high := terms.exponent >= limit).any():
            halved = terms._replace(exponent=np.where(high, terms.exponent - 1, terms.exponent))
            terms = TermArrays(*(np.concatenate([column, column[high]]) for column in halved))
        return terms


@dataclass(frozen=True)
class Revealed:
    """Weights after term revealing.

    group   elements per group, g
    values  [rows, K] of the weights' type, the sums of the kept terms
    counts  int16 [rows, groups], kept terms of each group, 0..k
    digits  int8 [rows, groups, planes, width], the kept signs (0: no term): plane p is
            exponent planes - 1 - p; width = min(g, K), zeros past the end of a row
    """

    group: int
    values: np.ndarray
    counts: np.ndarray
    digits: np.ndarray

    def term_arrays(self) -> TermArrays:
        """The kept terms in packing order."""
        row, group, plane, lane = np.nonzero(self.digits)
        sign = self.digits[row, group, plane, lane]
        exponent = self.digits.shape[2] - 1 - plane
        return TermArrays(row, group * self.group + lane, exponent.astype(np.int8), sign)


def reveal(
    weights: np.ndarray,
    group: int,
    budget: int | None,
    encoding: Encoding = Encoding.MINIMAL,
    limits: tuple[int, int] = INT8,
) -> Revealed:
    """Keep the `budget` largest terms of each `group` elements of every row.

    weights  int8, or int16 of nine bits [rows, K], K the reduction axis
    group    g, 1..256
    budget   k >= 1 terms a group, or None: all terms (lossless)
    limits   (least, most) that weights may be, where that is not all of int8

    Raises UsageError for a group or budget out of range, ValueError for other arrays.
    """
    if not 1 <= group <= MAX_GROUP:
        raise UsageError(f"group g={group} is out of range; use 1 to {MAX_GROUP} weights a group")
    if budget is not None and budget < 1:
        raise UsageError(f"budget k={budget} is out of range; use at least 1 term a group")
    if weights.dtype not in (np.int8, np.int16) or weights.ndim != 2:
        raise ValueError(f"weights must be int8 or int16 [rows, K], not {weights.dtype} {list(weights.shape)}")
    grouped = _group(weights, group)
    if weights.dtype == np.int8 and limits == INT8:
        digits = np.ascontiguousarray(_tables(encoding).digits[grouped.view(np.uint8)].swapaxes(-1, -2))
        if budget is not None:
            digits = _keep_largest(digits, _tables(encoding).rider[grouped.view(np.uint8)], budget)
    else:
        digits = _wide(grouped, budget, encoding, _both(limits, INT8) if weights.dtype == np.int8 else limits)
    values = _sums(digits).astype(weights.dtype)
    values = values.reshape(len(weights), values.shape[1] * values.shape[2])[:, : weights.shape[1]]
    return Revealed(group, values, np.count_nonzero(digits, axis=(-2, -1)).astype(np.int16), digits)


def truncate_data(limit: int, encoding: Encoding = Encoding.MINIMAL) -> np.ndarray:
    """int16 [511]: for d = x - zero_point in -255..255, entry d + 255 is the sum of the
    `limit` (s >= 1) largest terms of d, in -256..256. Raises UsageError for s < 1."""
    if limit < 1:
        raise UsageError(f"data budget s={limit} is out of range; use at least 1 term a value")
    return terms(np.arange(-255, 256), encoding).values(limit).astype(np.int16)


def cut_data(limit: int, zero_point: int) -> np.ndarray:
    """int16 [511], what a data budget makes of x - zero_point: as `truncate_data`, and where zero_point + value would
    be no int8 (5,334 of the 65,536 pairs of x and zero_point at s=1, 72 at s=3) the nearest sum of `limit` terms with
    which it is one. A tensor with s terms a value is a tensor of int8. Entries of differences that no int8 x has are
    within these values."""
    values = truncate_data(limit)
    inside = values[(values >= INT8[0] - zero_point) & (values <= INT8[1] - zero_point)]
    return values.clip(inside.min(), inside.max())


def _group(weights: np.ndarray, group: int) -> np.ndarray:
    """[rows, K] as [rows, groups, min(g, K)], each row padded with zeros."""
    rows, length = weights.shape
    width = max(1, min(group, length))
    groups = -(-length // width)
    padded = np.zeros((rows, groups * width), weights.dtype)
    padded[:, :length] = weights
    return padded.reshape(rows, groups, width)


def _keep_largest(digits: np.ndarray, rider: np.ndarray, budget: int) -> np.ndarray:
    """Digit planes (as in `Revealed`) with all but the first `budget` terms cleared.

    Read plane by plane, a group's digits are already in rank order, so a running count
    is the rank. A pair of +2^7 and its rider counts two at the leader's place.
    rider  int8 [rows, groups, width], the plane of a weight's rider, 0 if it has none
    """
    cost = (digits != 0).astype(np.int16)
    row, column, lane = np.nonzero(rider)
    leaders = row, column, 0, lane
    riders = row, column, rider[row, column, lane], lane
    cost[leaders] = 2
    cost[riders] = 0
    rows, groups, planes, width = cost.shape
    used = cost.reshape(rows, groups, planes * width).cumsum(axis=-1, dtype=np.int16).reshape(cost.shape)
    kept = used <= budget
    kept[riders] = kept[leaders]
    result = digits * kept
    halved = used[leaders] == budget + 1
    result[row[halved], column[halved], 1, lane[halved]] = 1
    return result


def _both(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return max(a[0], b[0]), min(a[1], b[1])


def _sums(digits: np.ndarray) -> np.ndarray:
    """int16 [rows, groups, width] of digit planes."""
    planes = digits.shape[-2]
    powers = np.left_shift(1, np.arange(planes - 1, -1, -1), dtype=np.int16)
    return (digits * powers[:, None]).sum(axis=-2, dtype=np.int16)


def _wide(weights: np.ndarray, budget: int | None, encoding: Encoding, limits: tuple[int, int]) -> np.ndarray:
    """Digit planes of int16 weights [rows, groups, width]: the `budget` largest terms of each group, none of which
    takes its weight beyond `limits`."""
    table = _wide_digits(encoding)
    digits = np.ascontiguousarray(table[weights].swapaxes(-1, -2))
    if budget is None:
        return digits
    digits = _keep_largest(digits, np.zeros(weights.shape, np.int8), budget)
    values, counts = _sums(digits), np.count_nonzero(digits, axis=-2)
    outside = (values < limits[0]) | (values > limits[1])
    nearest = _nearest(limits, encoding)
    digits.swapaxes(-1, -2)[outside] = table[nearest[counts[outside], weights[outside] - limits[0]]]
    return digits


@cache
def _nearest(limits: tuple[int, int], encoding: Encoding) -> np.ndarray:
    """int16 [terms, values]: of what lies inside `limits` and has at most so many terms, the nearest to each value from
    limits[0] on; of two, the smaller one."""
    values = np.arange(limits[0], limits[1] + 1)
    inside = values[np.argsort(np.abs(values), kind="stable")]
    lengths, distance = terms(inside, encoding).counts, np.abs(values[:, None] - inside)
    rows = [inside[np.where(lengths <= most, distance, 1 << 16).argmin(axis=1)] for most in range(WIDE_PLANES + 1)]
    return np.stack(rows).astype(np.int16)


class _Tables(NamedTuple):
    """Look-up by an int8 weight's bit pattern.

    digits  int8 [256, PLANES], the weight's digits, plane 0 first
    rider   int8 [256], plane of the second term behind a leading +2^7; 0 if none
    """

    digits: np.ndarray
    rider: np.ndarray


@cache
def _tables(encoding: Encoding) -> _Tables:
    digits = np.zeros((256, PLANES), np.int8)
    rider = np.zeros(256, np.int8)
    for weight in range(-128, 128):
        form = encode(weight, encoding)
        for sign, exponent in form:
            digits[weight, PLANES - 1 - exponent] = sign
        if form and form[0] == (1, PLANES - 1):
            rider[weight] = PLANES - 1 - form[1].exponent
    return _Tables(digits, rider)


@cache
def _wide_digits(encoding: Encoding) -> np.ndarray:
    """int8 [512, WIDE_PLANES] by an index of -255..255, of which the negative ones count from the end."""
    digits = np.zeros((512, WIDE_PLANES), np.int8)
    for weight in range(-255, 256):
        for sign, exponent in encode(weight, encoding):
            digits[weight, WIDE_PLANES - 1 - exponent] = sign
    return digits
