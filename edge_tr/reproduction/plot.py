"""Curves of quality over terms per MAC, as SVG; no libraries, same input same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge_tr.reproduction.accounting import Measured

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 170, 40, 52
COLOURS = ("#999999", "#d95f02", "#7570b3", "#1b9e77", "#e7298a", "#66a61e")
TICKS = 5
DEPTH = 20.0
"""Percent below the best that the plot shows; worse points are left out."""


def plot(title: str, rows: Sequence[Measured], axis: str) -> str:
    """One line a curve, in the order of `rows`; y is the accuracy, or the agreement where there is none.

    axis  the text beside the y axis
    """
    values = [(row, row.agreement if row.accuracy is None else row.accuracy) for row in rows]
    best = max(value for _, value in values)
    values = [(row, value) for row, value in values if value > best - DEPTH]
    low = min(value for _, value in values)
    low, high = low - 0.05 * (best - low) - 0.1, best + 0.05 * (best - low) + 0.1
    right = max(row.terms for row, _ in values) * 1.03

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x / right * (WIDTH - LEFT - RIGHT)
        return round(across, 1), round(HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    curves = list(dict.fromkeys(row.curve for row, _ in values))
    shapes = []
    for number, (curve, colour) in enumerate(zip(curves, COLOURS)):
        points = sorted((row.terms, value, row.name) for row, value in values if row.curve == curve)
        line = " ".join(f"{x},{y}" for x, y in (place(x, y) for x, y, _ in points))
        dots = "".join(_dot(place(x, y), f"{name}: {x:.2f} terms per MAC, {y:.2f}", colour) for x, y, name in points)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>{dots}')
        at = TOP + 8 + 20 * number
        shapes.append(f'<circle cx="{WIDTH - RIGHT + 18}" cy="{at}" r="4" fill="{colour}"/>')
        shapes.append(f'<text x="{WIDTH - RIGHT + 28}" y="{at + 4}">{escape(curve)}</text>')
    ticks = []
    for i in range(TICKS):
        x, y = right * i / (TICKS - 1), low + (high - low) * i / (TICKS - 1)
        ticks.append(f'<text x="{place(x, low)[0]}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:.2f}</text>')
        ticks.append(f'<text x="{LEFT - 8}" y="{place(0, y)[1] + 4}" text-anchor="end">{y:.1f}</text>')
    lines = "\n".join([*ticks, *shapes])
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"
 font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<path d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#888"/>
<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>
<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">terms per MAC</text>
<text x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})">{escape(axis)}</text>
{lines}
</svg>
"""


def _dot(at: tuple[float, float], title: str, colour: str) -> str:
    return f'<circle cx="{at[0]}" cy="{at[1]}" r="3.5" fill="{colour}"><title>{escape(title)}</title></circle>'
