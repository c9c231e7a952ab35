"""Weights as exponent-ordered lists of offsets into pre-shifted activations: no shift at run time."""

from __future__ import annotations

import numpy as np

from edge_tr.formats.term_table import LAYOUT, PLANE_OFFSET, PLANE_ROW, Table
from edge_tr.kernels.cost import Work, column
from edge_tr.kernels.patches import PatchKernel
from edge_tr.kernels.product import Task
from edge_tr.kernels.tables import table_of
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed

MAX_PLANE_OFFSETS = 1 << PLANE_OFFSET.bits
DATA_PLANE_LIMIT = 7
"""Planes that an int16 holds when activations may be +-256, as truncation to s terms can make them."""
SHIFT = column(2, 8, 8, 5, 5, 7, 7)
"""Cycles of one element of a pre-shifted plane."""
TERM = column(1, 7.5, 7.5, 6, 6, 8, 8)
"""Cycles of one term."""


class PlanesKernel(PatchKernel):
    """The patch, and copies of it shifted by each exponent."""

    name = "planes"
    doc = "exponent-ordered term lists on pre-shifted activations"
    nine_bits = True
    symbol = "tr_dot_planes"

    def takes(self, task: Task) -> bool:
        words = len_of_longest(task.revealed, task.setting)
        offsets = task.revealed.values.shape[1] * plane_count(task.revealed, task.setting)
        return offsets <= MAX_PLANE_OFFSETS and words < MAX_PLANE_OFFSETS

    def table(self, revealed: Revealed, setting: TrSetting) -> Table:
        return plane_table(revealed, setting)

    def scratch_bytes(self, depth: int, planes: int) -> int:
        return 2 * depth * planes

    def inner_cycles(self, work: Work, planes: int, isa: str) -> float:
        shifted = work.patches * work.depth * max(0, planes - 1)
        return work.positions * work.terms * TERM[isa] + shifted * SHIFT[isa]


def len_of_longest(revealed: Revealed, setting: TrSetting) -> int:
    """No row has more terms, those counted several times that have no plane of their own."""
    times = 1 << max(0, int(revealed.term_arrays().exponent.max(initial=0)) + 1 - plane_count(revealed, setting))
    return times * int(revealed.counts.sum(axis=1, dtype=np.int64).max(initial=0))


def plane_count(revealed: Revealed, setting: TrSetting) -> int:
    """How many pre-shifted copies of a patch layout PLANES needs for these weights."""
    exponents = revealed.term_arrays().exponent
    highest = int(exponents.max(initial=0))
    limit = DATA_PLANE_LIMIT if setting.data_terms is not None else DATA_PLANE_LIMIT + 1
    return min(highest + 1, limit)


def plane_table(revealed: Revealed, setting: TrSetting) -> Table:
    """Layout PLANES: per row its positive terms' offsets, then its negative ones', highest exponent first.

    With a data budget, a term 2^7 is two terms 2^6: 256 << 7 does not fit the int16 planes. Nor does 255 << 8.
    """
    rows, depth = revealed.values.shape
    planes = plane_count(revealed, setting)
    terms = revealed.term_arrays().below(planes)
    order = np.lexsort((terms.element, -terms.exponent.astype(np.int64), terms.sign < 0, terms.row))
    offsets = terms.exponent[order].astype(np.int64) * depth + terms.element[order]
    per_row = np.bincount(terms.row, minlength=rows)
    positive = np.bincount(terms.row[terms.sign > 0], minlength=rows)
    starts = np.concatenate([[0], np.cumsum(per_row + 1)])
    heads = PLANE_ROW.pack_words(positive=positive)
    words = np.insert(PLANE_OFFSET.pack_words(offset=offsets), np.cumsum(per_row) - per_row, heads)
    return table_of(LAYOUT.PLANES, setting, depth, starts, words, planes)
