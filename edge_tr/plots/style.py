"""Colours and letters of all pictures, as CSS: variables for light and dark, and the classes that shapes use."""

from __future__ import annotations

_LIGHT = """\
--ink:#1b2430;--dim:#55606e;--line:#d9dfe7;--page:#f4f6f9;--card:#ffffff;--soft:#e9eef4;--accent:#0a5cc0;--good:#116b36;
--bad:#b3261e;--warn:#8a5a00;--s1:#0a5cc0;--s2:#c2560a;--s3:#0f7a57;--s4:#7d3cb5;--s5:#6e6400;--s6:#a12f52;--s7:#4b5563;"""
_DARK = """\
--ink:#e4eaf2;--dim:#a6b1bf;--line:#363f4b;--page:#0e1217;--card:#171d25;--soft:#29313c;--accent:#74b6ff;--good:#5fd08f;
--bad:#ff938a;--warn:#f0b849;--s1:#74b6ff;--s2:#ffa564;--s3:#52cfa2;--s4:#c79bf2;--s5:#d8c94d;--s6:#f58fae;--s7:#a8b3c2;"""
_SHAPES = """\
.plot text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink)}
.plot .strong{font-weight:600}.plot .on{fill:var(--card);font-weight:500}
.plot .dim{fill:var(--dim);paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.plot .grid{stroke:var(--line);stroke-width:1}.plot .axis{stroke:var(--dim);stroke-width:1}
.plot .track,.plot .band{fill:var(--soft)}.plot .edge{stroke:var(--card);stroke-width:1}
.plot .curve{fill:none;stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.plot .whisker{stroke-width:1.5}.plot .axis.whisker{stroke:var(--ink)}
.plot .ring{fill:none;stroke:var(--ink);stroke-width:2}
.plot .view{fill:none;stroke:var(--ink);stroke-dasharray:3 2}
.plot .outline{fill:none;stroke:var(--dim);stroke-width:1.25}
.plot .link{fill:none;stroke:var(--dim);stroke-width:1.5}
.plot .mark{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 3}
.plot .bad{fill:var(--bad)}.plot .good{fill:var(--good)}
.plot.gutter{margin-left:58px;width:calc(100% - 58px)}
"""
_SERIES = "".join(
    f".plot .f{n},.f{n}{{fill:var(--s{n})}}.plot .l{n}{{stroke:var(--s{n})}}.b{n}{{background:var(--s{n})}}\n"
    for n in range(1, 8)
)
_WIDTHS = "".join(
    f"@container (max-width:{width - 1}px){{.plot .w{width}{{display:none}}}}\n" for width in (340, 480, 640, 800, 960)
)
STYLE = f"""\
:root{{color-scheme:light dark;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
@media print{{:root{{color-scheme:light;{_LIGHT}}}}}
.fig{{container-type:inline-size}}
{_SHAPES}{_SERIES}{_WIDTHS}"""
"""For a page; pictures stand in an element of class `fig`, whose width decides which labels there is room for."""
SERIES = 7


def standalone(svg: str, width: int, height: int) -> str:
    """A picture as a file of its own, on a card of that many pixels."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    style = STYLE.replace(":root", "svg")
    return (
        f'{head}\n<style>{style}svg{{background:none}}</style>\n<rect width="{width}" height="{height}" '
        f'fill="var(--card)"/>\n<svg x="16" y="12" width="{width - 32}" height="{height - 20}" '
        f'overflow="visible">{svg}</svg>\n</svg>\n'
    )
