"""Weights of nine bits as they are, multiplied: of uint8 models, less their zero point."""

from __future__ import annotations

import numpy as np

from edge_tr.formats.term_table import LAYOUT, Table
from edge_tr.kernels.cost import Work, column
from edge_tr.kernels.patches import PatchKernel
from edge_tr.kernels.product import Task
from edge_tr.kernels.tables import table_of
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed

MAC = column(1, 8.8, 39.8, 5, 3, 9, 46)
"""Cycles of one multiplication."""


class Int16Kernel(PatchKernel):
    """The patch alone."""

    name = "int16"
    doc = "multiplication by weights of nine bits, for uint8 models and only for those"
    symbol = "tr_dot_int16"
    nine_bits = True

    def takes(self, task: Task) -> bool:
        return task.revealed.values.dtype == np.int16

    def table(self, revealed: Revealed, setting: TrSetting) -> Table:
        rows, depth = revealed.values.shape
        return table_of(LAYOUT.INT16, setting, depth, np.arange(rows + 1) * depth, revealed.values.ravel())

    def scratch_bytes(self, depth: int, planes: int) -> int:
        return 2 * depth

    def inner_cycles(self, work: Work, planes: int, isa: str) -> float:
        return work.positions * work.rows * work.depth * MAC[isa]
