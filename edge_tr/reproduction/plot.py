"""Curves of quality over terms per MAC, as SVG files beside a document."""

from __future__ import annotations

from collections.abc import Sequence

from edge_tr.plots import Point, Series, chart, standalone
from edge_tr.plots.chart import BOTTOM, HEIGHT, LEGEND, TOP
from edge_tr.reproduction.accounting import Measured

WIDTH, MARGIN = 760, 22
DEPTH = 20.0
"""Percent below the best that the plot shows; worse points are left out."""


def plot(title: str, rows: Sequence[Measured], axis: str) -> str:
    """One line a curve, in the order of `rows`; y is the accuracy, or the agreement where there is none.

    axis  the text beside the y axis
    """
    values = [(row, row.agreement if row.accuracy is None else row.accuracy) for row in rows]
    best = max(value for _, value in values)
    series = []
    for number, curve in enumerate(dict.fromkeys(row.curve for row, value in values if value > best - DEPTH)):
        points = [
            Point(row.terms, value, f"{row.name}: {row.terms:.2f} terms per MAC, {value:.2f}")
            for row, value in values
            if row.curve == curve and value > best - DEPTH
        ]
        series.append(Series(curve, points, number + 1))
    height = TOP + HEIGHT + BOTTOM + (LEGEND * len(series) if len(series) > 1 else 0)
    return standalone(chart(title, series, "terms per MAC", axis), WIDTH, height + MARGIN)
