"""SVG elements as text, escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_CAMEL = {"view_box": "viewBox", "preserve_aspect": "preserveAspectRatio"}
LETTER = 6.7
"""Pixels of a letter of 12 pixel text, about."""
_WIDTHS = (0, 340, 480, 640, 800, 960)
"""Of a picture, from which on a text may be shown: there is a CSS class `w` for each."""


def number(value: float) -> str:
    """At most two decimals, none where they are zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def percent(share: float) -> str:
    """A share, 0 to 1, as a length of SVG."""
    return f"{number(100 * share)}%"


def element(name: str, *children: str, **attributes: object) -> str:
    """`class_` is class, `data_x` is data-x, `view_box` viewBox; attributes that are None are left out.
    Children are SVG already."""
    named = ((_CAMEL.get(key) or key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    parts = "".join(f' {key}="{_text(value)}"' for key, value in named if value is not None)
    inner = "".join(children)
    return f"<{name}{parts}>{inner}</{name}>" if inner else f"<{name}{parts}/>"


def _text(value: object) -> str:
    return number(value) if isinstance(value, float) else escape(str(value))


def text(content: str, x: object, y: float, anchor: str = "start", **attributes: object) -> str:
    """`anchor`: start, middle or end."""
    return element("text", escape(content), x=x, y=y, text_anchor=None if anchor == "start" else anchor, **attributes)


def title(content: str) -> str:
    """What a browser shows when the pointer rests on the parent."""
    return element("title", escape(content))


def picture(label: str, height: float, children: Iterable[str], class_: str = "plot") -> str:
    """An SVG as wide as its parent; `label` says in words what it shows."""
    return element(
        "svg", *children, class_=class_, width="100%", height=height, role="img", aria_label=label, focusable="false"
    )


def from_width(letters: int, share: float) -> str | None:
    """The class of a text of so many letters in a share of the picture's width, 0 to 1; None where it never fits."""
    needed = (letters * LETTER + 6) / share if share else 1e9
    return next((f"w{width}" if width else "" for width in _WIDTHS if max(width, 320) >= needed), None)


def stretched(children: Iterable[str], y: float, height: float) -> str:
    """Shapes in a box of 100 by 100 that is as wide as the picture and `height` high; lines keep their width."""
    return element(
        "svg", *children, x=0, y=y, width="100%", height=height, view_box="0 0 100 100", preserve_aspect="none",
        overflow="visible",
    )  # fmt: skip
