"""Nested budgets in one table: what each level has more than the one below it, as byte lists (`lower.lists`).

With terms sorted by magnitude a smaller budget is a prefix of a larger one's terms. So a row is cut into lists, one a
level, and level L of a dial is the sum of lists 0 to L: every term is stored once. A list holds the signed digits of
the difference between two levels' weights, which makes the sums telescope for any weights; where the larger budget
keeps +2^7 of what the smaller one had to halve (`tr.reveal`, the int8 rule), the difference is that half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edge_tr.lower.lists import PIXELS, Lists, encode_lists
from edge_tr.operators import DepthwiseParams, DotParams
from edge_tr.tr.reveal import MAX_GROUP, TermArrays, reveal


@dataclass(frozen=True)
class LevelLists:
    """`words` uint8, row after row and in a row level after level; `starts` [rows * levels + 1] counts bytes: a level
    that adds nothing to a row has no bytes. `by_level`: each level's own lists."""

    starts: np.ndarray
    words: np.ndarray
    by_level: tuple[Lists, ...]


@dataclass(frozen=True)
class Strips:
    """A depthwise layer's channel in eight strips of output rows side by side (tr_levels.c): elements of a strip."""

    height: int
    width: int

    @classmethod
    def of(cls, params: DepthwiseParams) -> Strips:
        (rows, columns, _), (kh, kw) = params.output_shape, params.kernel
        return cls(
            (-(-rows // PIXELS) - 1) * params.stride[0] + (kh - 1) * params.dilation[0] + 1,
            (columns - 1) * params.stride[1] + (kw - 1) * params.dilation[1] + 1,
        )

    def offsets(self, params: DepthwiseParams) -> np.ndarray:
        """int64 [K]: elements from a window's corner to each of its taps."""
        y, x = np.mgrid[: params.kernel[0], : params.kernel[1]]
        return (y * params.dilation[0] * self.width + x * params.dilation[1]).ravel()


def names_of(params: DotParams) -> np.ndarray:
    """int64 [K], ascending: what lists call each element of the reduction axis."""
    if isinstance(params, DepthwiseParams):
        return Strips.of(params).offsets(params)
    return np.arange(params.weights.shape[1])


def encode_levels(levels: Sequence[np.ndarray], names: np.ndarray, largest: int | None) -> LevelLists:
    """Lists of all rows and levels of weights int8 [rows, K], from the fewest terms to the most; see `encode_lists`."""
    rows = len(levels[0])
    parts = [encode_lists(_named(terms, names), rows, largest) for terms in differences(levels)]
    filled = [_filled(terms, rows) for terms in differences(levels)]
    pieces = [
        part.words[part.starts[row] : part.starts[row + 1]] if has[row] else np.zeros(0, np.uint8)
        for row in range(rows)
        for part, has in zip(parts, filled)
    ]
    starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    return LevelLists(starts, np.concatenate(pieces), tuple(parts))


def differences(levels: Sequence[np.ndarray]) -> list[TermArrays]:
    """The signed digits that each level adds. ValueError if one adds more to a weight than an int8 holds."""
    whole = [level.astype(np.int16) for level in levels]
    steps = [whole[0], *(after - before for before, after in pairwise(whole))]
    if any((step != step.astype(np.int8)).any() for step in steps):
        raise ValueError("levels that are not nested")
    return [reveal(step.astype(np.int8), MAX_GROUP, None).term_arrays() for step in steps]


def _named(terms: TermArrays, names: np.ndarray) -> TermArrays:
    return terms._replace(element=names[terms.element])


def _filled(terms: TermArrays, rows: int) -> np.ndarray:
    """bool [rows]: rows with a term."""
    return np.bincount(terms.row, minlength=rows) > 0


def envelope(levels: Sequence[DotParams], biases: Sequence[np.ndarray], params: DotParams) -> tuple[np.ndarray, ...]:
    """(weights int8 [rows, K], bias int32 [rows]) whose reach is that of every level's: what constants that serve all
    levels are proven for. `biases`, int64 [rows] by level: what sums lack; `params` is the largest level's.

    Rows without a weight, whose result is a constant, keep none only if that is the same at all levels.
    """
    stack = np.stack([level.weights for level in levels])
    at = np.abs(stack.astype(np.int16)).argmax(axis=0)
    weights = np.take_along_axis(stack, at[None], axis=0)[0]
    lacks = [lack - biases[-1] for lack in biases]
    values = np.stack([*(level.bias.astype(np.int64) for level in levels), *lacks])
    far = np.take_along_axis(values, np.abs(values).argmax(axis=0)[None], axis=0)[0]
    varies = ~weights.any(axis=1) & (np.stack(lacks) != 0).any(axis=0)
    weights[varies, 0] = 1
    return weights, np.clip(far, np.iinfo(np.int32).min, np.iinfo(np.int32).max).astype(np.int32)
