"""Term lists of one byte a term: a row's terms by exponent, as element numbers, for loops that serve many pixels.

A row is a sequence of runs (`formats.term_table.LIST_RUN`). A run names elements of one block of 256 whose activations
are added, then those that are subtracted; before it accumulators may be doubled, so that exponents fall from the
highest on (Horner). With pixels in 16-bit lanes a run may end in a flush: the accumulators are added to 32-bit
sums, which are then shifted by what the exponent falls until the next flush. Flushes stand where the lanes might
overflow otherwise: they are as few as the weights allow, and proven by counting terms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

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


@dataclass
class _Run:
    power: int
    block: int
    added: np.ndarray
    subtracted: np.ndarray
    double: int = 0
    flush: bool = False
    shift: int = 0
    last: bool = False

    def encoded(self) -> bytes:
        head = LIST_RUN.pack(
            added=len(self.added),
            subtracted=len(self.subtracted),
            block=self.block,
            double=self.double,
            flush=int(self.flush),
            shift=self.shift,
            last=int(self.last),
        )
        return head + self.added.tobytes() + self.subtracted.tobytes()


def encode_lists(terms: TermArrays, rows: int, largest: int | None) -> Lists:
    """Lists of all rows; `largest` is the largest |x| in a 16-bit lane, None for 32-bit accumulators."""
    if largest is None:
        terms = _folded(terms)
    order = np.lexsort((terms.element, -terms.exponent.astype(np.int64), terms.row))
    row, element, exponent, sign = (column[order] for column in terms)
    ends = np.searchsorted(row, np.arange(rows + 1))
    limit = None if largest is None else LANE_MAX // largest
    encoded, runs, flushes = [], 0, 0
    for first, end in pairwise(ends.tolist()):
        mine = _row(element[first:end], exponent[first:end], sign[first:end], limit)
        encoded.append(b"".join(run.encoded() for run in mine))
        runs += len(mine)
        flushes += sum(run.flush for run in mine)
    starts = np.concatenate([[0], np.cumsum([len(data) for data in encoded])])
    return Lists(starts, np.frombuffer(b"".join(encoded), np.uint8), len(row), runs, flushes)


def _folded(terms: TermArrays) -> TermArrays:
    """The same sums with few terms of an exponent, in one row and block, as twice as many of the exponent below if
    that has a run anyway: 32-bit accumulators do not mind."""
    place = terms.row.astype(np.int64) * (1 + terms.element.max(initial=0) // BLOCK) + terms.element // BLOCK
    for power in range(int(terms.exponent.max(initial=0)), 0, -1):
        at, below = terms.exponent == power, terms.exponent == power - 1
        counts = np.bincount(place[at], minlength=int(place.max(initial=0)) + 1)
        moved = at & (counts[place] <= FEW) & np.isin(place, place[below])
        lower = terms._replace(exponent=np.where(moved, terms.exponent - 1, terms.exponent))
        terms = TermArrays(*(np.concatenate([column, column[moved]]) for column in lower))
        place = np.concatenate([place, place[moved]])
    return terms


def _row(element: np.ndarray, exponent: np.ndarray, sign: np.ndarray, limit: int | None) -> list[_Run]:
    """Runs of one row, whose terms come by falling exponent."""
    runs: list[_Run] = []
    bound = before = 0  # what a lane may hold, in units of 2^before times the largest |x|
    for power in np.unique(exponent)[::-1].tolist():
        at = exponent == power
        fall, before = before - power if runs else 0, power
        merges = limit is None or (bound << fall) + int(at.sum()) <= limit
        if runs and not merges:
            runs[-1].flush, bound = True, 0
        bound <<= fall
        for number, run in enumerate(_pieces(power, element[at], sign[at], min(limit or MOST, MOST))):
            size = len(run.added) + len(run.subtracted)
            if limit is not None and bound + size > limit:
                runs[-1].flush, bound = True, 0
            run.double = fall if merges and number == 0 else 0
            runs.append(run)
            bound += size
    runs = runs or [_Run(0, 0, np.zeros(0, np.uint8), np.zeros(0, np.uint8))]
    runs[-1].flush = runs[-1].last = True
    flushing = [run for run in runs if run.flush]
    for run, power in zip(flushing, [*(run.power for run in flushing[1:]), 0]):
        run.shift = run.power - power
    return runs


def _pieces(power: int, element: np.ndarray, sign: np.ndarray, most: int) -> Iterator[_Run]:
    """Terms of one exponent, by block, at most `most` in a run."""
    for block in np.unique(element // BLOCK).tolist():
        inside = np.flatnonzero(element // BLOCK == block)
        for start in range(0, len(inside), most):
            part = inside[start : start + most]
            names = (element[part] % BLOCK).astype(np.uint8)
            yield _Run(power, block, names[sign[part] > 0], names[sign[part] < 0])


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
