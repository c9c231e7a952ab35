"""The literal term-pair loop: weights and activations both as signed powers of two."""

from __future__ import annotations

import numpy as np

from edge_tr.formats.term_table import LAYOUT, NO_TERM, TERM_WORD, Table
from edge_tr.kernels.cost import Work, column
from edge_tr.kernels.patches import PatchKernel
from edge_tr.kernels.tables import table_of
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed

TERM = column(12, 90, 90, 60, 60, 65, 65)
"""Cycles of one weight term with all of an activation's."""
ENCODE = column(30, 150, 150, 90, 90, 110, 110)
"""Cycles of one activation into terms."""


class TermPairsKernel(PatchKernel):
    """The patch, and a word of terms for each of its activations."""

    name = "term-pairs"
    doc = "the literal term-pair MAC loop, both operands as terms"
    nine_bits = True
    symbol = "tr_dot_pairs"

    def table(self, revealed: Revealed, setting: TrSetting) -> Table:
        return term_table(revealed, setting)

    def scratch_bytes(self, depth: int, planes: int) -> int:
        return 2 * (depth + depth % 2) + 4 * depth

    def inner_cycles(self, work: Work, planes: int, isa: str) -> float:
        return work.positions * work.terms * TERM[isa] + work.patches * work.depth * ENCODE[isa]


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
    return table_of(LAYOUT.TERMS, setting, depth, starts, words)


def _word(**fields: int) -> np.uint16:
    return np.uint16(int.from_bytes(TERM_WORD.pack(**fields), "little"))
