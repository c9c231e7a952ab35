"""Term lists of one byte a term: a row's terms by exponent, as element numbers, for loops that serve many pixels.

A row is a sequence of runs (`formats.term_table.LIST_RUN`). A run names elements of one block of 256 whose activations
are added, then those that are subtracted; before it accumulators may be doubled, so that exponents fall from the
highest on (Horner). With pixels in 16-bit lanes a run may end in a flush: the accumulators are added to 32-bit
sums, which are then shifted by what the exponent falls until the next flush. Flushes stand where the lanes might
overflow otherwise: they are as few as the weights allow, and proven by counting terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT, LIST_BLOCK, LIST_RUN
from edge_tr.kernels.cost import ROW, Work, column, packing
from edge_tr.kernels.generated import largest_held
from edge_tr.kernels.kernel import Made, OneBudgetKernel
from edge_tr.kernels.product import Task
from edge_tr.kernels.straightline import LANE_MAX
from edge_tr.kernels.tables import table_of
from edge_tr.operators import ConvParams, DepthwiseParams
from edge_tr.tr.reveal import TermArrays

BLOCK = LIST_BLOCK.value
MAX_LIST_DEPTH = BLOCK << 8
PIXELS = 8
"""That one reading of a convolution's lists serves; words of two, so four words an element."""
MOST = 255
"""Elements a run can name on either side."""
EXPONENTS = 8
"""That the fields of a run can tell apart: a term of 2^8 is two of 2^7."""
FEW = 6
"""Terms that cost less twice, in the run of the exponent below, than a run of their own (one pixel; Armv6-M, RV32)."""


TERM = column(6, 15.2, 15.2, 14.5, 14.5, 17, 17)
"""Cycles of one term of a list, for eight pixels."""
READ_RUN = column(12, 60, 60, 50, 50, 65, 65)
"""Cycles of one run of a list."""
FLUSH = column(24, 75, 75, 55, 55, 65, 65)
"""Cycles of one flush, of eight pixels."""
BYTE_TERM = column(2, 5.2, 5.2, 5.6, 5.6, 6, 6)
"""Cycles of one term of a list, for one pixel."""


class ListsKernel(OneBudgetKernel):
    """Convolutions eight pixels at once, fully connected layers on their input's bytes as they are."""

    name = "lists"
    doc = "byte lists of terms, read once for eight pixels"
    sums = True
    tile = PIXELS
    load_bytes = 1
    nine_bits = True

    def takes(self, task: Task) -> bool:
        if isinstance(task.params, DepthwiseParams) or task.revealed.values.shape[1] > MAX_LIST_DEPTH:
            return False
        return isinstance(task.params, ConvParams) or not task.cut

    def made(self, task: Task, work: Work) -> Made:
        pixels = isinstance(task.params, ConvParams)
        lists = encode_lists(task.revealed.term_arrays(), work.rows, largest_held(task.cut) if pixels else None)
        body = term_table.encode(table_of(LAYOUT.LISTS, task.setting, work.depth, lists.starts, lists.words))
        scratch = 2 * PIXELS * work.depth if pixels else 0
        return Made(body, scratch, work.estimate(_cycles(work, task, lists), len(body), task.isa))


def _cycles(work: Work, task: Task, lists: Lists) -> float:
    """Of lists that are in convolutions read for eight pixels at once, else for one row of bytes."""
    isa, reading = task.isa, lists.runs * READ_RUN[task.isa]
    if not isinstance(task.params, ConvParams):
        return work.positions * (lists.terms * BYTE_TERM[isa] + reading + work.rows * ROW[isa])
    reading = lists.terms * TERM[isa] + reading + lists.flushes * FLUSH[isa]
    tiles = -(-work.positions // PIXELS)
    return tiles * (reading + PIXELS // 2 * packing(work, task.params, isa) + work.rows * ROW[isa])


@dataclass(frozen=True)
class Lists:
    """`words` uint8, row after row; `starts` [rows + 1] counts bytes; how many terms, runs and flushes there are."""

    starts: np.ndarray
    words: np.ndarray
    terms: int
    runs: int
    flushes: int


class _Runs(NamedTuple):
    """Runs row after row, in each by falling exponent: int64 [runs], but for `names`, uint8: element numbers, run after
    run, added ones first."""

    row: np.ndarray
    power: np.ndarray
    block: np.ndarray
    size: np.ndarray
    added: np.ndarray
    names: np.ndarray


def encode_lists(terms: TermArrays, rows: int, largest: int | None) -> Lists:
    """Lists of all rows; `largest` is the largest |x| in a 16-bit lane, None for 32-bit accumulators."""
    terms = terms.below(EXPONENTS)
    if largest is None:
        terms = _folded(terms)
    limit = None if largest is None else LANE_MAX // largest
    runs = _with_empty_rows(_cut(terms, min(limit or MOST, MOST)), rows)
    double, flush, shift = _scheduled(runs, limit)
    last = np.append(runs.row[1:] != runs.row[:-1], True)
    heads = LIST_RUN.pack_words(
        added=runs.added, subtracted=runs.size - runs.added, block=runs.block, double=double, flush=flush, shift=shift,
        last=last,
    )  # fmt: skip
    at = np.cumsum(runs.size) - runs.size + LIST_RUN.size * np.arange(len(runs.size))  # of each run's first byte
    words = np.zeros(len(runs.names) + LIST_RUN.size * len(heads), np.uint8)
    is_head = np.zeros(len(words), bool)
    is_head[(at[:, None] + np.arange(LIST_RUN.size)).ravel()] = True
    words[is_head], words[~is_head] = heads.astype("<u4").view(np.uint8), runs.names
    starts = np.append(at[np.searchsorted(runs.row, np.arange(rows))], len(words))
    return Lists(starts, words, len(runs.names), len(heads), int(flush.sum()))


def _folded(terms: TermArrays) -> TermArrays:
    """The same sums with few terms of an exponent, in one row and block, as twice as many of the exponent below if
    that has a run anyway: 32-bit accumulators do not mind."""
    place = terms.row.astype(np.int64) * (1 + terms.element.max(initial=0) // BLOCK) + terms.element // BLOCK
    places = int(place.max(initial=0)) + 1
    for power in range(int(terms.exponent.max(initial=0)), 0, -1):
        at = terms.exponent == power
        few = np.bincount(place[at], minlength=places) <= FEW
        few &= np.bincount(place[terms.exponent == power - 1], minlength=places) > 0
        moved = at & few[place]
        lower = terms._replace(exponent=np.where(moved, terms.exponent - 1, terms.exponent))
        terms = TermArrays(*(np.concatenate([column, column[moved]]) for column in lower))
        place = np.concatenate([place, place[moved]])
    return terms


def _cut(terms: TermArrays, most: int) -> _Runs:
    """Terms of one row, exponent and block, at most `most` in a run, by element."""
    order = np.lexsort((terms.element, -terms.exponent.astype(np.int64), terms.row))
    row, element, exponent, sign = (column[order].astype(np.int64) for column in terms)
    block, count = element // BLOCK, np.arange(len(row))
    begins = np.ones(len(row), bool)
    begins[1:] = (np.diff(row) != 0) | (np.diff(exponent) != 0) | (np.diff(block) != 0)
    within = count - np.maximum.accumulate(np.where(begins, count, 0))
    first = np.flatnonzero(within % most == 0)
    run = np.cumsum(within % most == 0) - 1
    named = np.lexsort((element, sign < 0, run))
    sizes = (np.bincount(of, minlength=len(first)) for of in (run, run[sign > 0]))
    return _Runs(row[first], exponent[first], block[first], *sizes, (element[named] % BLOCK).astype(np.uint8))


def _with_empty_rows(runs: _Runs, rows: int) -> _Runs:
    """Rows without a term have one run that names nothing."""
    empty = np.setdiff1d(np.arange(rows), runs.row)
    row = np.concatenate([runs.row, empty])
    order = np.argsort(row, kind="stable")
    columns = (np.concatenate([column, np.zeros_like(empty)])[order] for column in runs[1:-1])
    return _Runs(row[order], *columns, runs.names)


def _scheduled(runs: _Runs, limit: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(double, flush, shift) of each run: lanes hold at most `limit` times the largest |x|."""
    double, flush = np.zeros(len(runs.row), np.int64), np.zeros(len(runs.row), bool)
    power, size, at = runs.power.tolist(), runs.size.tolist(), 0
    for _, numbers in groupby(range(len(power)), runs.row.tolist().__getitem__):
        bound = before = 0  # what a lane may hold, in units of 2^before times the largest |x|
        for exponent, group in groupby(numbers, power.__getitem__):
            members = list(group)
            begins = members[0] == at
            fall, before = 0 if begins else before - exponent, exponent
            merges = limit is None or (bound << fall) + sum(size[n] for n in members) <= limit
            if not (begins or merges):
                flush[members[0] - 1], bound = True, 0
            bound <<= fall
            for n in members:
                if limit is not None and bound + size[n] > limit:
                    flush[n - 1], bound = True, 0
                bound += size[n]
            double[members[0]] = fall if merges else 0
        at = members[-1] + 1
        flush[members[-1]] = True
    return double, flush, _shifts(runs, flush)


def _shifts(runs: _Runs, flush: np.ndarray) -> np.ndarray:
    """By how much the exponent falls from each flush to the next one of its row, or to 0."""
    flushing = np.flatnonzero(flush)
    following = np.append(runs.power[flushing[1:]], 0)
    following[np.append(runs.row[flushing[1:]] != runs.row[flushing[:-1]], True)] = 0
    shift = np.zeros(len(flush), np.int64)
    shift[flushing] = runs.power[flushing] - following
    return shift


def interpret_lists(lists: Lists, row: int, x: np.ndarray) -> np.ndarray:
    """int64 [pixels]: a row's sums for x, int [depth, pixels], in 16-bit lanes, or 32-bit ones for one pixel; the C
    code's mirror."""
    data, at = lists.words, int(lists.starts[row])
    accumulators, sums = np.zeros(x.shape[1], np.int64), np.zeros(x.shape[1], np.int64)
    while True:
        run = LIST_RUN.unpack(data[at : at + LIST_RUN.size].tobytes())
        at += LIST_RUN.size
        accumulators <<= run["double"]
        for count, sign in ((run["added"], 1), (run["subtracted"], -1)):
            accumulators += sign * x[run["block"] * BLOCK + data[at : at + count].astype(np.int64)].sum(axis=0)
            at += count
        if run["flush"]:
            sums = (sums + accumulators.astype(np.int16 if x.shape[1] > 1 else np.int32)) << run["shift"]
            accumulators[:] = 0
        if run["last"]:
            return sums
