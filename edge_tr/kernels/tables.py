"""Weights as a packed table: its header's fields, around what a kernel puts behind them."""

from __future__ import annotations

import numpy as np

from edge_tr.formats.term_table import Table
from edge_tr.prepared.budget import TrSetting


def table_of(
    layout: int, setting: TrSetting, depth: int, starts: np.ndarray, words: np.ndarray, planes: int = 0
) -> Table:
    """Rows of weights of which `starts` [rows + 1] counts words; see `formats.term_table`."""
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
