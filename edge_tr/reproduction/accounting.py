"""How terms and term pairs are counted, and tables of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BASELINE_PAIRS = 64
"""Term pairs of one multiplication of 8-bit numbers in the paper's accounting: 8 x 8."""
DATA_BITS = 8


@dataclass(frozen=True)
class Measured:
    """A row of a table.

    curve      what it belongs to in a plot
    terms      kept weight terms per MAC
    pairs      per MAC, in the paper's accounting
    executed   pairs per MAC, zeros skipped; None: not counted
    accuracy   %, or a perplexity; None without labels
    agreement  % of decisions that are the int8 model's; None: not counted
    """

    name: str
    curve: str
    terms: float
    pairs: float
    executed: float | None
    accuracy: float | None
    agreement: float | None
    published: str = ""
    chosen: bool = False


def table(rows: Sequence[Measured], accuracy: str = "accuracy %") -> str:
    """Markdown; `accuracy` heads that column. Columns without any figure are left out."""
    columns = {
        "weights": [f"**{row.name}**" if row.chosen else row.name for row in rows],
        "terms/MAC": [f"{row.terms:.2f}" for row in rows],
        "pairs/MAC, paper": [_pairs(row.pairs) for row in rows],
        "executed pairs/MAC": [_figure(row.executed) for row in rows],
        accuracy: [_figure(row.accuracy) for row in rows],
        "agreement %": [_figure(row.agreement) for row in rows],
        "published": [row.published for row in rows],
    }
    kept = {head: cells for head, cells in columns.items() if any(cells)}
    lines = [[*kept], ["---"] * len(kept), *zip(*kept.values())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def quantised(weights: np.ndarray, bits: int) -> np.ndarray:
    """int8 of any shape, uniformly quantised to 2^bits - 1 levels over the array's range, to the nearest int8."""
    step = max(1, int(np.abs(weights.astype(np.int16)).max())) / (2 ** (bits - 1) - 1)
    return np.rint(np.rint(weights / step) * step).astype(np.int8)


def _pairs(pairs: float) -> str:
    """Pairs per MAC, and how much less than the baseline that is."""
    return f"{pairs:.1f} ({BASELINE_PAIRS / pairs:.0f}x less)" if pairs < BASELINE_PAIRS else f"{pairs:.0f}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
