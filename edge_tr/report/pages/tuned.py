"""budget.html: what `edge-tr tune` tried, what each choice of terms costs, and why it took the one that it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.plots import Point, Series, chart
from edge_tr.report import tuned
from edge_tr.report.pages.overview import Card
from edge_tr.report.pages.shell import render, svg, wilson
from edge_tr.tuning.tuning import Row, Tuning

DEPTH = 8.0
"""Points below the best that matter at least; what is further down is left out of the pictures."""


@dataclass(frozen=True)
class _Kind:
    """A share of samples, in %: its name, of whose samples, and how many these are."""

    name: str
    colour: int
    value: Callable[[Row], float | None]
    samples: int


def tuning_page(tuning: Tuning) -> str:
    """The page. Accuracy is shown where there are labels, else agreement with the model as given."""
    kinds = _kinds(tuning)
    lowest = _lowest(tuning, kinds)
    left_out = sum(any((kind.value(row) or 0) < lowest for kind in kinds) for row in tuning.rows)
    axes = {
        "terms per MAC": lambda row: row.point.terms_per_mac,
        "cycles of the layers with weights (estimated)": lambda row: float(row.point.cycles_estimated),
        "flash of the layers with weights, bytes (estimated)": lambda row: float(row.point.flash_estimated),
    }
    return render(
        "tune",
        [],
        title=f"{tuning.model}: which terms to keep",
        subtitle=f"edge-tr tune {tuning.goal}, {tuning.calibration_samples:,} calibration samples",
        footer=f"model SHA-256 {tuning.model_sha256}",
        tuning=tuning,
        cards=_cards(tuning),
        why=_why(tuning),
        notes=tuned.notes(tuning),
        charts=[_chart(tuning, kinds, name, x, lowest) for name, x in axes.items()],
        left_out=left_out,
        lowest=lowest,
        heads=tuned.HEADS,
        rows=[(tuned.cells(row), row is tuning.chosen) for row in tuning.rows],
    )


def _kinds(tuning: Tuning) -> list[_Kind]:
    calibrated = _Kind(
        "agreement on calibration samples", 7, lambda row: row.point.agreement, tuning.calibration_samples
    )
    if not tuning.test_samples:
        return [calibrated]
    if tuning.original_accuracy is None:
        return [_Kind("agreement on test samples", 1, lambda row: row.test_agreement, tuning.test_samples), calibrated]
    return [_Kind("accuracy on test samples", 1, lambda row: row.test_accuracy, tuning.test_samples), calibrated]


def _lowest(tuning: Tuning, kinds: list[_Kind]) -> float:
    """From where on the pictures begin: what is close to the best, and the chosen point."""
    values = [value for row in tuning.rows for kind in kinds if (value := kind.value(row)) is not None]
    chosen = [value for kind in kinds if (value := kind.value(tuning.chosen)) is not None]
    return min(max(values) - DEPTH, min(chosen) - 2.0)


def _chart(
    tuning: Tuning, kinds: list[_Kind], name: str, x: Callable[[Row], float], lowest: float
) -> tuple[str, Markup]:
    series = []
    for number, kind in enumerate(kinds):
        rows = [(row, kind.value(row)) for row in tuning.rows]
        points = [
            _point(row, x(row), y, kind.samples, tuning, number) for row, y in rows if y is not None and y >= lowest
        ]
        series.append(Series(kind.name, points, kind.colour))
    label = f"Per cent of samples over {name}: " + "; ".join(
        f"{of.name} {', '.join(point.label for point in of.points)}" for of in series
    )
    return name, svg(chart(label, series, name, "per cent of samples, with 95 % intervals"))


def _point(row: Row, x: float, y: float, samples: int, tuning: Tuning, kind: int) -> Point:
    low, high = (100 * end for end in wilson(y / 100 * samples, samples))
    chosen = row is tuning.chosen and kind == 0
    label = f"chosen: {y:.1f} %" if chosen else f"{x:,.6g}: {y:.1f} %"
    return Point(x, y, label, low, high, chosen)


def _cards(tuning: Tuning) -> list[Card]:
    point, row = tuning.chosen.point, tuning.chosen
    shares = [f"agreement {point.agreement:.1f} % on calibration samples", *filter(None, [tuned.promise(tuning)])]
    if row.test_accuracy is not None:
        shares.append(f"accuracy {row.test_accuracy:.2f} % on test samples, {tuning.original_accuracy:.2f} % as given")
    return [
        Card(
            "Terms", f"{point.terms_per_mac:.2f}", "a MAC",
            (f"{tuning.lossless_terms_per_mac:.2f} with all terms", *shares),
        ),
        Card("Cycles", f"{point.cycles_estimated:,}", "", ("estimated, of the layers with weights; not measured",)),
        Card("Flash", f"{point.flash_estimated:,}", "bytes", ("estimated, of the layers with weights",)),
    ]  # fmt: skip


def _why(tuning: Tuning) -> str:
    option, _, limit = tuning.goal.partition(" ")
    estimate = tuning.chosen.estimate
    measured = {
        "--max-loss": "nothing"
        if estimate is None
        else f"{estimate.loss:.2f}, with a standard error of {estimate.error:.2f}",
        "--max-terms": f"{tuning.chosen.point.issued_per_mac:.3f} a MAC",
        "--max-cycles": f"{tuning.chosen.point.cycles_estimated:,}",
        "--max-flash": f"{tuning.chosen.point.flash_estimated:,} bytes",
    }[option]
    most = "the fewest terms" if option == "--max-loss" else "the most terms"
    return (
        f"Of the {len(tuning.rows)} points that were computed, the chosen one has {most} of those that meet {option} "
        f"{limit}: it has {measured}."
    )
