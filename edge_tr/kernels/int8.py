"""Weights as they are, multiplied: the baseline."""

from __future__ import annotations

import numpy as np

from edge_tr.formats.term_table import LAYOUT, Table
from edge_tr.kernels.cost import Work, column
from edge_tr.kernels.patches import PatchKernel
from edge_tr.kernels.tables import table_of
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed

MAC = column(1, 8.8, 39.8, 5, 5, 9, 46)
"""Cycles of one multiplication."""


class Int8Kernel(PatchKernel):
    """The patch alone."""

    name = "int8"
    doc = "the int8 multiply baseline"
    symbol = "tr_dot_int8"

    def table(self, revealed: Revealed, setting: TrSetting) -> Table:
        return int8_table(revealed, setting)

    def scratch_bytes(self, depth: int, planes: int) -> int:
        return 2 * depth

    def inner_cycles(self, work: Work, planes: int, isa: str) -> float:
        return work.positions * work.rows * work.depth * MAC[isa]


def int8_table(revealed: Revealed, setting: TrSetting) -> Table:
    """Layout INT8: the revealed weights as they are."""
    rows, depth = revealed.values.shape
    starts = np.arange(rows + 1) * depth
    return table_of(LAYOUT.INT8, setting, depth, starts, revealed.values.ravel())
