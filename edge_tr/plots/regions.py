"""Memory over time: what lies where, and when, as rectangles over steps and addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.plots.scale import ticks
from edge_tr.plots.svg import element, from_width, number, percent, picture, text, title

TOP, HEIGHT, BOTTOM = 22, 300, 42
MOST_MARKS = 24


@dataclass(frozen=True)
class Block:
    """Bytes from `offset` on, from step `first` to step `last`; `kind` is a series, 0 only an outline."""

    name: str
    note: str
    offset: int
    bytes: int
    first: int
    last: int
    series: int
    layer: str = ""


def regions(label: str, blocks: Sequence[Block], steps: int, peak: int, size: int) -> str:
    """`steps` columns of one step each, `size` bytes high; the column `peak` is marked."""
    high = max(size, 1)
    shapes = [
        element(
            "rect", class_="band peak", x=percent(peak / steps), width=percent(1 / steps), y=TOP, height=HEIGHT,
            data_step=peak,
        ),
        text("bytes", -8, 12, "end", class_="dim"),
        _peak_text(peak, steps),
    ]  # fmt: skip
    for tick in ticks(0, high, 5):
        y = TOP + HEIGHT * (1 - tick / high)
        shapes.append(element("line", class_="grid", x1=0, x2="100%", y1=y, y2=y))
        shapes.append(text(f"{tick:,.0f}", -8, y + 4, "end", class_="dim"))
    shapes += [_block(block, steps, high) for block in blocks]
    shapes += [label for block in blocks for label in _label(block, blocks, steps, high)]
    shapes += _marks(steps)
    return picture(label, TOP + HEIGHT + BOTTOM, shapes, "plot gutter")


def _peak_text(peak: int, steps: int) -> str:
    at = (peak + 0.5) / steps
    anchor = "start" if at < 0.12 else "end" if at > 0.88 else "middle"
    return text("peak", percent(at), 14, anchor, class_="strong")


def _place(block: Block, high: int) -> tuple[float, float]:
    """Top and height."""
    tall = HEIGHT * block.bytes / high
    return TOP + HEIGHT * (1 - block.offset / high) - tall, tall


def _block(block: Block, steps: int, high: int) -> str:
    (y, tall), wide = _place(block, high), (block.last - block.first + 1) / steps
    kind = f"edge f{block.series}" if block.series else "view"
    return element(
        "rect", title(block.note), class_=f"block {kind}", x=percent(block.first / steps), width=percent(wide), y=y,
        height=tall, data_name=block.name, data_offset=block.offset, data_bytes=block.bytes, data_first=block.first,
        data_last=block.last, data_layer=block.layer or None,
    )  # fmt: skip


def _label(block: Block, blocks: Sequence[Block], steps: int, high: int) -> list[str]:
    """The name, in the middle of what no later block covers (an output in the place of its input)."""
    y, tall = _place(block, high)
    covering = [o.first for o in blocks if o.series and o.first > block.first and _meet(block, o)]
    end = min([*covering, block.last + 1])
    shown = from_width(len(block.name), (end - block.first) / steps)
    if tall < 15 or shown is None or not block.series:
        return []
    middle = percent((block.first + end) / 2 / steps)
    return [text(block.name, middle, y + tall / 2 + 4, "middle", class_=f"on {shown}".strip())]


def _meet(a: Block, b: Block) -> bool:
    """Whether two share an address in a step."""
    in_time = a.first <= b.last and b.first <= a.last
    return in_time and a.offset < b.offset + b.bytes and b.offset < a.offset + a.bytes


def _marks(steps: int) -> list[str]:
    """The steps' numbers, as many as there is room for."""
    base, every = TOP + HEIGHT, -(-steps // MOST_MARKS)
    shapes = [element("line", class_="axis", x1=0, x2="100%", y1=base, y2=base)]
    for step in range(0, steps, every):
        shown = from_width(len(str(step)) + 1, every / steps) or ("w640" if step % (2 * every) else "")
        shapes.append(
            text(number(step), percent((step + 0.5) / steps), base + 16, "middle", class_=f"dim {shown}".strip())
        )
    return [*shapes, text("layer (its number in the table)", "50%", base + 34, "middle", class_="dim")]
