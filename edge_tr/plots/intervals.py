"""Estimates of one figure beside each other, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.plots.scale import Axis, ticks
from edge_tr.plots.svg import element, percent, picture, text, title

ROW = 42


@dataclass(frozen=True)
class Estimate:
    """A share, 0 to 1, between `low` and `high`."""

    label: str
    value: float
    low: float
    high: float
    series: int = 1


def intervals(label: str, rows: Sequence[Estimate]) -> str:
    """The axis ends at 100 % and begins at a round number below the lowest end."""
    lowest = min(row.low for row in rows)
    start = max(0.0, 1 - 1.1 * (1 - lowest)) if lowest < 1 else 0.9
    axis = Axis(100 * start, 100.0)
    base = ROW * len(rows) + 8
    shapes = []
    for tick in ticks(axis.low, axis.high, 4):
        at = axis.share(tick)
        anchor = "start" if at < 0.05 else "end" if at > 0.95 else "middle"
        shapes.append(element("line", class_="grid", x1=percent(at), x2=percent(at), y1=0, y2=base))
        shapes.append(text(f"{tick:g} %", percent(at), base + 16, anchor, class_="dim"))
    for n, row in enumerate(rows):
        shapes += _row(row, n * ROW, axis)
    return picture(label, base + 22, shapes)


def _row(row: Estimate, y: float, axis: Axis) -> list[str]:
    low, high, value = (axis.share(100 * v) for v in (row.low, row.high, row.value))
    at = y + 28
    shown = f"{row.value:.2%} ({row.low:.1%} to {row.high:.1%})"
    line, a, b = f"whisker l{row.series}", percent(low), percent(high)
    return [
        text(row.label, 0, y + 14),
        text(shown, "100%", y + 14, "end", class_="dim"),
        element("line", class_=line, x1=a, x2=b, y1=at, y2=at, data_label=row.label),
        element("line", class_=line, x1=a, x2=a, y1=at - 5, y2=at + 5),
        element("line", class_=line, x1=b, x2=b, y1=at - 5, y2=at + 5),
        element(
            "circle", title(f"{row.label}: {shown}"), class_=f"point f{row.series}", cx=percent(value), cy=at, r=5,
            data_label=row.label, data_value=repr(row.value),
        ),
    ]  # fmt: skip
