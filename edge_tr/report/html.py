"""The check as one HTML file without anything from outside: figures, and plots as inline SVG."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jinja2

from edge_tr import __version__
from edge_tr.manifest import BuildRecord, Manifest
from edge_tr.report.checked import cost_text, levels_rows, metric_text, mismatch_text, samples_text
from edge_tr.resources import folder
from edge_tr.target.outcome import CheckReport, LevelsReport


@dataclass(frozen=True)
class Bar:
    """One bar of a plot; `share` of the longest, 0 to 1."""

    label: str
    text: str
    share: float


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("codegen_templates")),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report/report.html.j2")


def html_report(manifest: BuildRecord, report: CheckReport, levels: LevelsReport | None = None) -> str:
    """report.html; the same inputs give the same bytes. `levels`: of a build with several budgets, all of them, of
    which `report` is the one with the most terms."""
    return _template().render(
        version=__version__,
        manifest=manifest,
        report=report,
        outcome=levels or report,
        levels=None if levels is None else levels_rows(levels),
        cost=cost_text(report),
        samples=samples_text(report),
        metric=None if report.metric is None else metric_text(report.metric),
        mismatch=None if report.first_mismatch is None else mismatch_text(report.first_mismatch),
        memory=_memory(manifest),
        plots=_plots(manifest, report),
    )


def _memory(manifest: BuildRecord) -> list[Bar]:
    return [
        Bar(m.name, f"{m.used / m.limit:.1%} of {m.limit:,} {m.unit}: {m.used:,}", min(1.0, m.used / m.limit))
        for m in manifest.memory_use
    ]


def _plots(manifest: BuildRecord, report: CheckReport) -> dict[str, list[Bar]]:
    """Title -> bars, empty plots left out."""
    dots = manifest.products
    plots = {
        f"{str(report.cost.unit).capitalize()} per layer, first sample": [(c.name, c.cost) for c in report.layer_costs],
        "Terms per layer": [(layer.name, layer.terms) for layer in dots],
        "Flash bytes per layer (tables, biases, multipliers)": [(layer.name, layer.flash_bytes) for layer in dots],
        "Estimated cycles with these kernels and with others, by flash": _choices(manifest),
    }
    return {title: _bars(values) for title, values in plots.items() if any(value for _, value in values)}


def _choices(manifest: BuildRecord) -> list[tuple[str, float]]:
    """Where there is a choice."""
    found = manifest.alternatives if isinstance(manifest, Manifest) else ()
    named = [(f"{o.flash_bytes:,} bytes{', this build' if o.chosen else ''}", o.cycles_estimated) for o in found]
    return named if len(named) > 1 else []


def _bars(values: list[tuple[str, float]]) -> list[Bar]:
    longest = max(value for _, value in values) or 1
    return [Bar(label, f"{value:,.0f}", value / longest) for label, value in values]
