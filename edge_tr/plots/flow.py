"""A graph as rows in the order in which they run, with arcs on the left for what skips rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_tr.plots.svg import element, title

ROW, TRACK = 40, 12


@dataclass(frozen=True)
class Node:
    """A row: `reads` are names of earlier rows (or of itself: a state)."""

    name: str
    reads: Sequence[str]
    series: int


def flow(nodes: Sequence[Node], row: int = ROW) -> str:
    """Dots and links, `row` pixels a node; the texts stand beside it, in HTML."""
    at = {node.name: number for number, node in enumerate(nodes)}
    links = [(at[name], to) for to, node in enumerate(nodes) for name in node.reads if name in at and at[name] < to]
    tracks = _tracks([(a, b) for a, b in links if b - a > 1])
    width = TRACK * (max(tracks.values(), default=-1) + 1) + 22
    x = width - 11
    shapes = [_link(a, b, x, tracks.get((a, b)), row) for a, b in links]
    shapes += [
        element(
            "circle", title(node.name), class_=f"f{node.series}", cx=x, cy=row * (n + 0.5), r=6, data_layer=node.name
        )
        for n, node in enumerate(nodes)
    ]
    return element("svg", *shapes, class_="plot flow", width=width, height=row * len(nodes), aria_hidden="true")


def _link(a: int, b: int, x: float, track: int | None, row: int) -> str:
    top, bottom = row * (a + 0.5), row * (b + 0.5)
    if track is None:
        return element("path", class_="link", d=f"M{x} {top:g}V{bottom:g}", data_from=a, data_to=b)
    left = x - 10 - TRACK * track
    near = left + 8  # where a corner begins
    down = f"Q{left} {top:g} {left} {top + 8:g}V{bottom - 8:g}Q{left} {bottom:g} {near} {bottom:g}"
    bend = f"M{x} {top:g}H{near}{down}H{x}"
    return element("path", class_="link", d=bend, data_from=a, data_to=b)


def _tracks(links: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], int]:
    """A track of its own for each link that runs beside another; the shortest are nearest to the dots."""
    taken: dict[tuple[int, int], int] = {}
    for link in sorted(set(links), key=lambda link: (link[1] - link[0], link)):
        beside = {track for other, track in taken.items() if other[0] < link[1] and link[0] < other[1]}
        taken[link] = next(track for track in range(len(beside) + 1) if track not in beside)
    return taken
