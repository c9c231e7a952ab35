"""What all pages share: templates, numbers in words, and an interval for a share of samples."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jinja2
from markupsafe import Markup

from edge_tr import __version__
from edge_tr.plots import STYLE
from edge_tr.resources import folder

Z = 1.959964
"""Standard deviations on both sides that hold 95 % of a normal distribution."""


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("codegen_templates")),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = lambda value: f"{value:,.0f}"
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment


def render(name: str, contents: Sequence[tuple[str, str]], **values: object) -> str:
    """The page of a template in report/; `contents`: sections that are there, by their ids."""
    template = _environment().get_template(f"report/{name}.html.j2")
    return template.render(style=Markup(STYLE), contents=contents, version=__version__, **values)


def svg(text: str) -> Markup:
    """A picture, for a template."""
    return Markup(text)


def wilson(right: float, samples: int) -> tuple[float, float]:
    """The 95 % interval of a share when `right` of `samples` were (Wilson's score interval)."""
    if not samples:
        return 0.0, 1.0
    share, square = right / samples, Z * Z
    middle = (share + square / (2 * samples)) / (1 + square / samples)
    half = Z * math.sqrt(share * (1 - share) / samples + square / (4 * samples**2)) / (1 + square / samples)
    return max(0.0, middle - half), min(1.0, middle + half)


def milliseconds(cycles: float, clock_mhz: float | None) -> str:
    """`2.49 ms at 25 MHz`; empty where the clock is not known."""
    if not clock_mhz:
        return ""
    value = cycles / clock_mhz / 1e3
    text = f"{value * 1000:.3g} µs" if value < 0.1 else f"{value:,.3g} ms" if value < 1000 else f"{value:,.0f} ms"
    return f"{text} at {clock_mhz:g} MHz"


def shape_text(shape: Sequence[int]) -> str:
    """`25 x 5 x 64`, without a batch of one."""
    inner = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return " × ".join(map(str, inner)) or "scalar"
