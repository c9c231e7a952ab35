"""Fields of values as shades."""

from __future__ import annotations

from collections.abc import Sequence

from edge_tr.plots.svg import element, number

DEEPEST = 0.42
"""Of a shade behind text: dark enough to be seen, light enough to be read on."""


def shade(share: float) -> str:
    """The opacity of a colour behind text for a share, 0 to 1."""
    return number(DEEPEST * share**0.6)


def heat(
    label: str, rows: Sequence[Sequence[int]], low: int, high: int, marked: tuple[int, int] | None, class_: str
) -> str:
    """One square a value, from transparent at `low` to full at `high`; `marked` is a (row, column) with a frame."""
    high_count, wide = len(rows), len(rows[0])
    span = (high - low) or 1
    cells = [
        element("rect", x=x, y=y, width=1, height=1, fill_opacity=number((value - low) / span), data_value=value)
        for y, row in enumerate(rows)
        for x, value in enumerate(row)
    ]
    shapes = [element("rect", class_="track", width=wide, height=high_count), element("g", *cells, class_=class_)]
    if marked is not None:
        y, x = marked
        shapes.append(element("rect", class_="outline frame", x=x, y=y, width=1, height=1))
    return element(
        "svg", *shapes, class_="plot heat", view_box=f"-0.3 -0.3 {wide + 0.6} {number(high_count + 0.6)}", role="img",
        aria_label=label, focusable="false",
    )  # fmt: skip
