"""A tuning as text, and as one HTML page with an SVG plot; no libraries, same input same bytes."""

from __future__ import annotations

from html import escape

from edge_tr.tuning.tuning import Row, Tuning

WIDTH, HEIGHT, MARGIN = 640, 360, 56
HEADS = ("terms/MAC", "terms/weight", "mean k", "Mcycles~", "flash KB~", "loss~", "agree", "test agree", "test acc")


def text(tuning: Tuning) -> str:
    """The Pareto table, the chosen point marked."""
    cells = [HEADS, *(_cells(row) for row in tuning.rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADS))]
    marks = ["  ", *("* " if row is tuning.chosen else "  " for row in tuning.rows)]
    table = [
        mark + "  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for mark, line in zip(marks, cells)
    ]
    return "\n".join([*_notes(tuning), "", *table])


def html(tuning: Tuning) -> str:
    """budget.html."""
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADS)
    rows = "".join(
        f"<tr{' class=chosen' if row is tuning.chosen else ''}>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row))
        + "</tr>\n"
        for row in tuning.rows
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{escape(tuning.model)}: terms</title>
<style>body{{font:15px/1.5 sans-serif;max-width:50em;margin:2em auto}}td,th{{text-align:right;padding:0 .6em}}
.chosen{{font-weight:bold}}</style>
<h1>{escape(tuning.model)}</h1>
<p>{"<br>".join(escape(line) for line in _notes(tuning))}</p>
{_plot(tuning)}
<table><tr>{head}</tr>
{rows}</table>
</html>
"""


def _notes(tuning: Tuning) -> list[str]:
    lines = [
        f"{tuning.model}: {tuning.goal}, {tuning.calibration_samples} calibration samples, "
        f"lossless {tuning.lossless_terms_per_mac:.2f} terms per MAC",
        "terms/MAC: kept terms, weighted by MACs; zero weights cost nothing. loss~: points of accuracy, estimated "
        "from the original's own probabilities; loss~ and agree (%) are on the calibration set. Cycles and flash "
        "are the cost model's for the layers with weights.",
    ]
    if tuning.original_accuracy is not None:
        lines.append(f"original on {tuning.test_samples} test samples: {tuning.original_accuracy:.2f} %")
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    p = row.point
    return (
        f"{p.terms_per_mac:.3f}",
        f"{p.terms_per_weight:.3f}",
        f"{p.mean_k:.2f}" if p.mean_k else "",
        f"{p.cycles_estimated / 1e6:.2f}",
        f"{p.flash_estimated / 1024:.1f}",
        f"{p.loss:.2f}",
        f"{p.agreement:.1f}",
        _percent(row.test_agreement),
        _percent(row.test_accuracy),
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _plot(tuning: Tuning) -> str:
    """Agreement over terms per MAC, on the test set if there is one, as inline SVG."""
    tested = tuning.test_samples > 0
    points = [
        (row.point.terms_per_mac, row.test_agreement if tested else row.point.agreement, row) for row in tuning.rows
    ]
    right, low = max(x for x, _, _ in points) * 1.05, min(99.0, *(y for _, y, _ in points))
    low -= low % 10

    def place(x: float, y: float) -> tuple[float, float]:
        across = MARGIN + x / right * (WIDTH - 2 * MARGIN)
        return round(across, 1), round(HEIGHT - MARGIN - (y - low) / (100 - low) * (HEIGHT - 2 * MARGIN), 1)

    line = " ".join(f"{x},{y}" for x, y in (place(x, y) for x, y, _ in sorted(points, key=lambda p: p[0])))
    dots = "".join(
        f'<circle cx="{place(x, y)[0]}" cy="{place(x, y)[1]}" r="{6 if row is tuning.chosen else 3.5}">'
        f"<title>{x:.3f} terms per MAC, {y:.2f} %</title></circle>"
        for x, y, row in points
    )
    labels = "".join(
        f'<text x="{place(0, level)[0] - 8}" y="{place(0, level)[1] + 4}" text-anchor="end">{level:.0f} %</text>'
        for level in (low, (low + 100) / 2, 100)
    )
    ticks = "".join(
        f'<text x="{place(right * i / 4, low)[0]}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">'
        f"{right * i / 4:.2f}</text>"
        for i in range(5)
    )
    frame = f"M{MARGIN},{MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}"
    return f"""<svg viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12" fill="#246">
<path d="{frame}" fill="none" stroke="#888"/>{labels}{ticks}
<polyline points="{line}" fill="none" stroke="#246"/>{dots}
<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">terms per MAC</text>
<text x="{MARGIN}" y="{MARGIN - 16}">agreement on the {"test" if tested else "calibration"} set</text>
</svg>"""
