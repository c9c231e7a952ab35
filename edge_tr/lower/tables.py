"""Revealed weights become packed tables, one function a layout.

Every function takes what term revealing kept of one layer's rows and gives a
`Table`; the arithmetic of a table is sum(sign * 2^exponent * patch[element]).
"""

from __future__ import annotations

import numpy as np

from edge_tr.formats.term_table import LAYOUT, NO_TERM, PLANE_OFFSET, PLANE_ROW, TERM_WORD, Table
from edge_tr.lower.lanes import Lanes
from edge_tr.lower.levels import LevelLists
from edge_tr.lower.lists import Lists
from edge_tr.lower.subsets import Subsets
from edge_tr.lower.twins import Twins
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed, TermArrays

MAX_PLANE_OFFSETS = 1 << PLANE_OFFSET.bits
DATA_PLANE_LIMIT = 7
"""Planes that an int16 holds when activations may be +-256, as truncation to s terms can make them."""


def term_table(revealed: Revealed, setting: TrSetting) -> Table:
    """Layout TERMS: every group's terms, largest first; an empty group is one NO_TERM word."""
    depth = revealed.values.shape[1]
    terms = revealed.term_arrays()
    counts = revealed.counts.astype(np.int64)
    groups = counts.shape[1]
    group_of_term = terms.row * groups + terms.element // setting.group
    words_per_group = np.maximum(counts, 1).ravel()
    ends = np.cumsum(words_per_group)
    words = np.full(int(ends[-1]), _word(exponent=NO_TERM.value), "<u2")
    first_of_group = np.cumsum(counts.ravel()) - counts.ravel()
    within_group = np.arange(len(group_of_term)) - first_of_group[group_of_term]
    words[(ends - words_per_group)[group_of_term] + within_group] = TERM_WORD.pack_words(
        index=terms.element % setting.group, exponent=terms.exponent, sign=terms.sign < 0
    )
    words[ends - 1] |= _word(last=1)
    starts = np.concatenate([[0], ends[groups - 1 :: groups]])
    return _table(LAYOUT.TERMS, setting, depth, 0, starts, words)


def _word(**fields: int) -> np.uint16:
    return np.uint16(int.from_bytes(TERM_WORD.pack(**fields), "little"))


def plane_count(revealed: Revealed, setting: TrSetting) -> int:
    """How many pre-shifted copies of a patch layout PLANES needs for these weights."""
    exponents = revealed.term_arrays().exponent
    highest = int(exponents.max(initial=0))
    limit = DATA_PLANE_LIMIT if setting.data_terms is not None else DATA_PLANE_LIMIT + 1
    return min(highest + 1, limit)


def plane_table(revealed: Revealed, setting: TrSetting) -> Table:
    """Layout PLANES: per row its positive terms' offsets, then its negative ones', highest exponent first.

    With a data budget, a term 2^7 is two terms 2^6: 256 << 7 does not fit the int16 planes.
    """
    rows, depth = revealed.values.shape
    planes = plane_count(revealed, setting)
    terms = _halved(revealed.term_arrays(), planes - 1)
    order = np.lexsort((terms.element, -terms.exponent.astype(np.int64), terms.sign < 0, terms.row))
    offsets = terms.exponent[order].astype(np.int64) * depth + terms.element[order]
    per_row = np.bincount(terms.row, minlength=rows)
    positive = np.bincount(terms.row[terms.sign > 0], minlength=rows)
    starts = np.concatenate([[0], np.cumsum(per_row + 1)])
    heads = PLANE_ROW.pack_words(positive=positive)
    words = np.insert(PLANE_OFFSET.pack_words(offset=offsets), np.cumsum(per_row) - per_row, heads)
    return _table(LAYOUT.PLANES, setting, depth, planes, starts, words)


def _halved(terms: TermArrays, top: int) -> TermArrays:
    """The same sum with every term above exponent `top` as two terms of half its size."""
    high = terms.exponent > top
    halved = terms._replace(exponent=np.minimum(terms.exponent, top))
    return TermArrays(*(np.concatenate([column, column[high]]) for column in halved))


def int8_table(revealed: Revealed, setting: TrSetting) -> Table:
    """Layout INT8: the revealed weights as they are."""
    rows, depth = revealed.values.shape
    starts = np.arange(rows + 1) * depth
    return _table(LAYOUT.INT8, setting, depth, 0, starts, revealed.values.ravel())


def list_table(lists: Lists, setting: TrSetting, depth: int) -> Table:
    """Layout LISTS."""
    return _table(LAYOUT.LISTS, setting, depth, 0, lists.starts, lists.words)


def levels_table(lists: LevelLists, setting: TrSetting, depth: int) -> Table:
    """Layout LISTS, whose rows are a channel's levels one after the other."""
    return _table(LAYOUT.LISTS, setting, depth, 0, lists.starts, lists.words)


def twins_table(twins: Twins, setting: TrSetting, depth: int) -> Table:
    """Layout TWINS."""
    return _table(LAYOUT.TWINS, setting, depth, 0, twins.starts, twins.words)


def lanes_table(lanes: Lanes, setting: TrSetting, depth: int) -> Table:
    """Layout LANES."""
    return _table(LAYOUT.LANES, setting, depth, 0, lanes.starts, lanes.words)


def subsets_table(subsets: Subsets, setting: TrSetting, depth: int) -> Table:
    """Layout SUBSETS."""
    return _table(LAYOUT.SUBSETS, setting, depth, 0, subsets.starts, subsets.words)


def fours_table(revealed: Revealed, setting: TrSetting) -> Table:
    """Layout FOURS: rows rounded up to four and elements to two, with zeros."""
    rows, depth = revealed.values.shape
    values = np.zeros((-(-rows // 4) * 4, -(-depth // 2) * 2), np.int8)
    values[:rows, :depth] = revealed.values
    return _by_fours(values, LAYOUT.FOURS, revealed, setting)


def dual_fours_table(revealed: Revealed, setting: TrSetting, layout: int, run: int) -> Table:
    """Layout FOURS_APART or FOURS_JOINT: rows rounded up to four, and a window's rows of `run` elements, with zeros."""
    rows, depth = revealed.values.shape
    values = np.zeros((-(-rows // 4) * 4, depth // run, -(-run // 4) * 4), np.int8)
    values[:rows, :, :run] = revealed.values.reshape(rows, -1, run)
    values = values.reshape(-1, 4)[:, [0, 2, 1, 3]].reshape(len(values), -1)
    if layout == LAYOUT.FOURS_JOINT:
        values[1::2] -= values[::2] < 0  # carried from the low byte
    return _by_fours(values, layout, revealed, setting)


def _by_fours(values: np.ndarray, layout: int, revealed: Revealed, setting: TrSetting) -> Table:
    """The weights four rows at a time, two elements at a time."""
    rows, depth = revealed.values.shape
    blocks, pairs = len(values) // 4, values.shape[1] // 2
    words = values.reshape(blocks, 2, 2, pairs, 2).transpose(0, 3, 1, 4, 2)  # block, pair, two rows, element, row
    starts = np.minimum(np.arange(rows + 1) // 4, blocks) * 8 * pairs
    starts[-1] = words.size
    return _table(layout, setting, depth, 0, starts, words.ravel())


def can_be_joint(values: np.ndarray, cut: bool) -> bool:
    """Whether layout FOURS_JOINT can hold the weights [rows, depth]: halfwords must not overflow, and a second row's
    sums must have 24 bits. `cut`: activations are truncated and may be +-256."""
    first, second = values[: len(values) // 2 * 2 : 2], values[1::2]
    reach = np.abs(second.astype(np.int64)).sum(axis=1) * (256 if cut else 128)
    return not ((first < 0) & (second == -128)).any() and bool((reach < 1 << 23).all())


def _table(layout: int, setting: TrSetting, depth: int, planes: int, starts: np.ndarray, words: np.ndarray) -> Table:
    return Table(
        layout=layout,
        group=setting.group,
        depth=depth,
        budget=setting.terms or 0,
        data_budget=setting.data_terms or 0,
        planes=planes,
        starts=starts,
        words=words,
    )
