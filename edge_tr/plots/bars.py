"""Bars: rows under each other, columns beside each other, and small ones inside a line of text or a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.plots.scale import short
from edge_tr.plots.svg import element, percent, picture, text, title

ROW = 40
COLUMNS_HEIGHT = 150


@dataclass(frozen=True)
class Bar:
    """`label` stands above it on the left, `shown` on the right; `low` and `high` are the ends of an interval around
    `value`, None: there is none."""

    label: str
    value: float
    shown: str
    low: float | None = None
    high: float | None = None
    series: int = 1


@dataclass(frozen=True)
class Part:
    """A piece of a bar, in the colour of a series."""

    name: str
    value: float
    series: int


def bars(label: str, rows: Sequence[Bar], longest: float | None = None) -> str:
    """One under the other; `longest` is the value of a full bar, by default the largest."""
    most = longest or max((row.high or row.value for row in rows), default=0) or 1
    shapes = [shape for n, row in enumerate(rows) for shape in _row(row, n * ROW, most)]
    return picture(label, ROW * len(rows), shapes)


def _row(row: Bar, y: float, most: float) -> list[str]:
    at = y + 20
    shapes = [
        text(row.label, 0, y + 14),
        text(row.shown, "100%", y + 14, "end", class_="dim"),
        element("rect", class_="track", y=at, width="100%", height=10, rx=2),
        element(
            "rect", title(f"{row.label}: {row.shown}"), class_=f"bar f{row.series}", y=at,
            width=percent(row.value / most), height=10, rx=2, data_label=row.label, data_value=row.value,
        ),
    ]  # fmt: skip
    if row.low is not None and row.high is not None:
        shapes.append(_whisker(row.low / most, row.high / most, at + 5))
    return shapes


def _whisker(low: float, high: float, y: float) -> str:
    """An interval across a bar."""
    return "".join(
        element("line", class_="axis whisker", x1=percent(a), x2=percent(b), y1=top, y2=bottom)
        for a, b, top, bottom in ((low, high, y, y), (low, low, y - 4, y + 4), (high, high, y - 4, y + 4))
    )


def columns(label: str, names: Sequence[str], filled: Sequence[float], outlined: Sequence[float], axis: str) -> str:
    """Columns side by side: `filled` inside of `outlined`, which stands for the whole; `axis` says what the names
    are."""
    most = max([*filled, *outlined, 1])
    each, base = 1 / max(1, len(names)), COLUMNS_HEIGHT + 20
    shapes = [element("line", class_="axis", x1=0, x2="100%", y1=base, y2=base)]
    for i, (name, inside, whole) in enumerate(zip(names, filled, outlined, strict=True)):
        left, wide = (i + 0.14) * each, 0.72 * each
        tall, taller = (COLUMNS_HEIGHT * value / most for value in (inside, whole))
        note = title(f"{name}: {inside:,.0f} of {whole:,.0f}")
        shapes += [
            element(
                "rect", note, class_="bar f1", x=percent(left), width=percent(wide), y=base - tall, height=tall,
                data_label=name, data_value=inside,
            ),
            element(
                "rect", note, class_="outline", x=percent(left), width=percent(wide), y=base - taller, height=taller,
                data_label=name, data_value=whole,
            ),
            text(short(inside), percent((i + 0.5) * each), base - max(tall, taller) - 6, "middle"),
            text(name, percent((i + 0.5) * each), base + 16, "middle", class_="dim"),
        ]  # fmt: skip
    shapes.append(text(axis, "50%", base + 34, "middle", class_="dim"))
    return picture(label, base + 40, shapes)


def small_columns(label: str, filled: Sequence[float], outlined: Sequence[float], most: float) -> str:
    """The same for a table's cell, 10 pixels a column, without text; the largest exponent is on the left."""
    shapes = [element("line", class_="axis", x1=0, x2=10 * len(filled), y1=29.5, y2=29.5)]
    for i, (inside, whole) in enumerate(zip(filled, outlined, strict=True)):
        tall, taller = (28 * value / (most or 1) for value in (inside, whole))
        shapes += [
            element("rect", class_="outline", x=10 * i + 1.5, width=7, y=29 - taller, height=taller),
            element("rect", class_="bar f1", x=10 * i + 1.5, width=7, y=29 - tall, height=tall, data_value=inside),
        ]
    svg = picture(label, 30, shapes, "plot small")
    return svg.replace('width="100%"', f'width="{10 * len(filled)}"', 1)


def inline_bar(share: float, series: int = 1, value: float | None = None) -> str:
    """A bar under a number in a table, `share` of the cell's width; it says nothing that the number does not."""
    rect = element("rect", class_=f"bar f{series}", width=percent(min(1, share)), height=5, rx=1, data_value=value)
    track = element("rect", class_="track", width="100%", height=5, rx=1)
    return element("svg", track, rect, class_="plot ib", width="100%", height=5, aria_hidden="true")


def meter(label: str, parts: Sequence[Part], limit: float) -> str:
    """How full something is: parts behind each other, over the whole width if the limit is exceeded."""
    whole = max(limit, sum(part.value for part in parts)) or 1
    shapes, at = [element("rect", class_="track", width="100%", height=14, rx=3)], 0.0
    for part in parts:
        shapes.append(
            element(
                "rect", title(f"{part.name}: {part.value:,.0f}"), class_=f"bar f{part.series}", x=percent(at / whole),
                width=percent(part.value / whole), height=14, data_label=part.name, data_value=part.value,
            )
        )  # fmt: skip
        at += part.value
    if limit < whole:
        where = percent(limit / whole)
        shapes.append(element("line", class_="mark", x1=where, x2=where, y1=0, y2=14))
    return picture(label, 14, shapes)
