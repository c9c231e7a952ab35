"""Cycles per layer as a picture, without a plotting package."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

ROW, LEFT, WIDTH, RIGHT = 22, 180, 420, 120  # pixels


def layer_bars(names: Sequence[str], cycles: Sequence[int]) -> str:
    """An SVG with a bar for each layer."""
    most = max([*cycles, 1])
    rows = []
    for n, (name, count) in enumerate(zip(names, cycles)):
        top, width = n * ROW, WIDTH * count / most
        rows += [
            f'<text x="{LEFT - 6}" y="{top + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top + 3}" width="{width:.1f}" height="{ROW - 6}" fill="#4477aa"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{top + 15}">{count:,}</text>',
        ]
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{ROW * len(names)}"'
    style = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(rows)}</svg>'
