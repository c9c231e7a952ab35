"""report.html: one build and, where there was one, its check."""

from __future__ import annotations

from collections.abc import Sequence

from edge_tr.manifest import Alternative, BuildRecord, Manifest, OverlayManifest
from edge_tr.plots import Point, Series, chart
from edge_tr.report.checked import cost_text, levels_rows, metric_text
from edge_tr.report.pages import accelerator, layers, memory, overview, quality, terms
from edge_tr.report.pages.shell import render, svg
from edge_tr.target.outcome import CheckReport, LevelsReport

SECTIONS = {
    "first-difference": "First difference", "accuracy": "Accuracy", "budgets": "Budgets", "outputs": "Outputs",
    "layers": "Layers", "terms": "Terms", "arena": "Memory over time", "choices": "Choices of kernels",
    "timeline": "Time line", "graph": "Graph", "details": "Details",
}  # fmt: skip


def html_report(manifest: BuildRecord, report: CheckReport | None, levels: LevelsReport | None = None) -> str:
    """`levels`: of a build with several budgets, all of them, of which `report` is the one with the most terms. Without
    a `report` the build alone is shown."""
    values = {
        "first-difference": quality.difference(_wrong(report, levels)),
        "accuracy": quality.accuracy(report),
        "budgets": quality.levels(manifest, levels or report),
        "outputs": report.outputs if report and len(report.outputs) > 1 else None,
        "layers": layers.table(manifest, report),
        "terms": terms.terms(manifest),
        "arena": memory.arena(manifest) if isinstance(manifest, Manifest) else None,
        "choices": _choices(manifest),
        "timeline": accelerator.timeline(manifest) if isinstance(manifest, OverlayManifest) else None,
        "graph": layers.graph(manifest) if manifest.layers else None,
        "details": True,
    }
    return render(
        "report",
        [(id_, name) for id_, name in SECTIONS.items() if values[id_]],
        title=f"{manifest.model} on {manifest.target}",
        subtitle=_subtitle(manifest, report),
        footer=f"edge-tr {manifest.edge_tr_version}, build {manifest.build_id}",
        manifest=manifest,
        report=report,
        verdict=overview.verdict(manifest, levels or report),
        cards=overview.cards(manifest, report),
        total=layers.total(manifest),
        counted=report.cost.unit if report and report.layer_costs else "",
        accelerated=isinstance(manifest, OverlayManifest),
        level_rows=None if levels is None else levels_rows(levels),
        cost=None if report is None else cost_text(report),
        metric=None if report is None or report.metric is None else metric_text(report.metric),
        folded=len(manifest.layers) > layers.OPEN_ROWS,
        **{id_.replace("-", "_"): value for id_, value in values.items()},
    )


def _wrong(report: CheckReport | None, levels: LevelsReport | None) -> CheckReport | None:
    """The first check that found a difference."""
    checks: Sequence[CheckReport] = levels.levels if levels else [report] if report else []
    return next((check for check in checks if check.first_mismatch is not None), None)


def _subtitle(manifest: BuildRecord, report: CheckReport | None) -> str:
    budgets = ", ".join(level.budget for level in manifest.levels)
    where = f"checked through {report.connection}" if report and report.connection else ""
    names = f"budget{'s' if len(manifest.levels) > 1 else ''} {budgets}"
    return ", ".join(filter(None, [names, where]))


def _choices(manifest: BuildRecord) -> object:
    """Cycles over flash of other choices of kernels, where there are any."""
    found = manifest.alternatives if isinstance(manifest, Manifest) else ()
    if len(found) < 2:
        return None
    points = [Point(of.flash_bytes, of.cycles_estimated, _choice(of), chosen=of.chosen) for of in found]
    label = f"Cycles over flash: {'; '.join(map(_choice, found))}"
    names = ("flash of the whole program, bytes (estimated)", "cycles of the layers with weights (estimated)")
    return svg(chart(label, [Series("kernels", points)], *names))


def _choice(of: Alternative) -> str:
    return "this build" if of.chosen else f"{of.flash_bytes:,} bytes, {of.cycles_estimated:,} cycles"
