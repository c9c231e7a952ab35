"""Curves and points over two axes, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.plots.scale import Axis, padded, short, ticks
from edge_tr.plots.svg import element, number, percent, picture, stretched, text, title

TOP, HEIGHT, BOTTOM, LEGEND = 30, 230, 44, 18


@dataclass(frozen=True)
class Point:
    """`low` and `high`: the interval around y; `chosen` points have a ring and their label beside them."""

    x: float
    y: float
    label: str
    low: float | None = None
    high: float | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Series:
    """Points of one kind, joined from left to right if `joined`."""

    name: str
    points: Sequence[Point]
    colour: int = 1
    joined: bool = True


def chart(
    label: str, series: Sequence[Series], x_name: str, y_name: str, y_axis: Axis | None = None, from_zero: bool = False
) -> str:
    """`x_name` and `y_name` name the axes with their units; the y axis begins where the data does, or at zero, or is
    `y_axis`."""
    points = [point for of in series for point in of.points]
    ys = [y for p in points for y in (p.y, p.low, p.high) if y is not None]
    y_axis = y_axis or (Axis(0, max(ys) * 1.08 or 1) if from_zero else padded(min(ys), max(ys), 0.08))
    xs = [p.x for p in points]
    x_axis = padded(min(xs), max(xs), 0.08)
    shapes = [text(y_name, 0, 12, class_="dim"), *_grid(y_axis), *_marks(x_axis, x_name)]
    for of in series:
        shapes += _drawn(of, x_axis, y_axis)
    if len(series) < 2:
        return picture(label, TOP + HEIGHT + BOTTOM, shapes)
    names = _legend(series)
    below = element("g", *shapes, transform=f"translate(0 {LEGEND * len(series)})")
    return picture(label, TOP + HEIGHT + BOTTOM + LEGEND * len(series), [*names, below])


def _grid(axis: Axis) -> list[str]:
    shapes = []
    for tick in ticks(axis.low, axis.high):
        y = _y(axis, tick)
        shapes.append(element("line", class_="grid", x1=0, x2="100%", y1=y, y2=y))
        shapes.append(text(_label(tick), 0, y - 4, class_="dim"))
    return shapes


def _marks(axis: Axis, name: str) -> list[str]:
    base = TOP + HEIGHT
    shapes = [element("line", class_="axis", x1=0, x2="100%", y1=base, y2=base)]
    for tick in ticks(axis.low, axis.high, 6):
        at = axis.share(tick)
        if 0.07 <= at <= 0.98:
            anchor = "end" if at > 0.94 else "middle"
            shapes.append(text(_label(tick), percent(at), base + 16, anchor, class_="dim"))
    return [*shapes, text(name, "50%", base + 34, "middle", class_="dim")]


def _label(tick: float) -> str:
    return short(tick) if abs(tick) >= 1000 else f"{tick:g}"


def _y(axis: Axis, value: float) -> float:
    return TOP + HEIGHT * (1 - axis.share(value))


def _drawn(series: Series, x_axis: Axis, y_axis: Axis) -> list[str]:
    shapes, colour = [], series.colour
    inside = sorted((p for p in series.points if y_axis.low <= p.y <= y_axis.high), key=lambda p: p.x)
    if series.joined and len(inside) > 1:
        places = ((100 * x_axis.share(p.x), 100 * (1 - y_axis.share(p.y))) for p in inside)
        line = " ".join(f"{number(x)},{number(y)}" for x, y in places)
        shapes.append(stretched([element("polyline", class_=f"curve l{colour}", points=line)], TOP, HEIGHT))
    for point in inside:
        shapes += _point(point, series, x_axis, y_axis)
    return shapes


def _point(point: Point, series: Series, x_axis: Axis, y_axis: Axis) -> list[str]:
    across, y, colour = x_axis.share(point.x), _y(y_axis, point.y), series.colour
    x, shapes = percent(across), []
    if point.low is not None and point.high is not None:
        top, bottom = (_y(y_axis, min(max(v, y_axis.low), y_axis.high)) for v in (point.high, point.low))
        shapes.append(
            element("line", class_=f"whisker l{colour}", x1=x, x2=x, y1=top, y2=bottom, data_label=point.label)
        )
    shapes.append(
        element(
            "circle", title(f"{series.name}: {point.label}"), class_=f"point f{colour}", cx=x, cy=y,
            r=5 if point.chosen else 4, data_label=point.label, data_x=repr(point.x), data_y=repr(point.y),
        )
    )  # fmt: skip
    if point.chosen:
        anchor, shift = ("end", -12) if across > 0.5 else ("start", 12)
        shapes.append(element("circle", class_="ring", cx=x, cy=y, r=9))
        beside = y + 20 if y < TOP + HEIGHT - 24 else y - 12
        shapes.append(text(point.label, x, beside, anchor, class_="strong", dx=shift))
    return shapes


def _legend(series: Sequence[Series]) -> list[str]:
    shapes = []
    for row, of in enumerate(series):
        y = LEGEND * row + 12
        shapes.append(element("circle", class_=f"f{of.colour}", cx=5, cy=y - 4, r=4))
        shapes.append(text(of.name, 14, y))
    return shapes
