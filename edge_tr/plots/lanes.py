"""What happens when: spans of time on lanes under each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.plots.scale import short, ticks
from edge_tr.plots.svg import element, from_width, percent, picture, text, title

LANE = 56
LEAST = 0.003
"""Of the whole: what is shorter has a line that is seen at any width."""


@dataclass(frozen=True)
class Span:
    """From `start` on, so long; of no length: a mark."""

    name: str
    note: str
    start: float
    length: float
    series: int = 1


@dataclass(frozen=True)
class Lane:
    """`name` stands above it, `note` on the right."""

    name: str
    note: str
    spans: Sequence[Span]


def lanes(label: str, rows: Sequence[Lane], end: float, unit: str) -> str:
    """From 0 to `end`."""
    whole, base = end or 1, LANE * len(rows) + 4
    shapes = []
    for tick in ticks(0, whole, 4):
        x = percent(tick / whole)
        shapes.append(element("line", class_="grid", x1=x, x2=x, y1=0, y2=base))
        anchor = "start" if tick == 0 else "end" if tick / whole > 0.93 else "middle"
        shapes.append(text(short(tick), x, base + 16, anchor, class_="dim"))
    for n, row in enumerate(rows):
        shapes += _lane(row, n * LANE, whole)
    shapes.append(text(unit, "50%", base + 34, "middle", class_="dim"))
    return picture(label, base + 40, shapes)


def _lane(lane: Lane, y: float, whole: float) -> list[str]:
    shapes = [
        text(lane.name, 0, y + 14, class_="strong"),
        text(lane.note, "100%", y + 14, "end", class_="dim"),
        element("rect", class_="track", y=y + 20, width="100%", height=26),
    ]
    for span in lane.spans:
        shapes += _span(span, y + 20, whole)
    return shapes


def _span(span: Span, y: float, whole: float) -> list[str]:
    share, x = span.length / whole, percent(span.start / whole)
    named = {"data_name": span.name, "data_start": repr(span.start), "data_length": repr(span.length)}
    if not span.length:
        line = element(
            "line", title(span.note), class_=f"whisker l{span.series}", x1=x, x2=x, y1=y - 4, y2=y + 30, **named
        )
        return [line]
    rect = element(
        "rect", title(span.note), class_=f"span edge f{span.series}", x=x, width=percent(share), y=y, height=26,
        data_layer=span.name, **named,
    )  # fmt: skip
    shown = from_width(len(span.name), share)
    if share < LEAST:
        return [rect, element("line", class_=f"whisker l{span.series}", x1=x, x2=x, y1=y, y2=y + 26)]
    if shown is None:
        return [rect]
    middle = percent((span.start + span.length / 2) / whole)
    return [rect, text(span.name, middle, y + 17, "middle", class_=f"on {shown}".strip())]
