"""How good the answers are: accuracy, recall and confusion by class, the first difference, each budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.manifest import BuildRecord
from edge_tr.plots import Bar, Estimate, Point, Series, bars, chart, heat, intervals, shade
from edge_tr.report.checked import mismatch_text
from edge_tr.report.pages.shell import shape_text, svg, wilson
from edge_tr.target.outcome import CheckReport, LevelsReport, TensorView

MOST_DIFFERENCES = 12


@dataclass(frozen=True)
class Share:
    """A cell of the confusion matrix; `shade` is an opacity, `kind` a CSS class."""

    text: str
    note: str
    shade: str
    kind: str


@dataclass(frozen=True)
class Accuracy:
    """What labels say; `recall` and `confusion` are empty where there are very many classes."""

    picture: Markup
    samples: int
    recall: Markup | None
    classes: tuple[str, ...]
    confusion: tuple[tuple[str, tuple[Share, ...]], ...]


def accuracy(report: CheckReport | None) -> Accuracy | None:
    """None without labels of classes."""
    if report is None or report.accuracy is None:
        return None
    samples = sum(map(sum, report.confusion)) or report.samples
    named = {
        "the device": report.accuracy, "golden": report.golden_accuracy, "the model as given": report.reference_accuracy
    }  # fmt: skip
    rows = [
        Estimate(name, value, *wilson(value * samples, samples), series)
        for series, (name, value) in zip((1, 3, 7), named.items())
        if value is not None
    ]
    label = f"Accuracy on {samples:,} samples: " + ", ".join(
        f"{row.label} {row.value:.2%}, 95 % interval {row.low:.2%} to {row.high:.2%}" for row in rows
    )
    classes = _classes(report)
    return Accuracy(
        svg(intervals(label, rows)), samples, _recall(report, classes), classes, tuple(_confusion(report, classes))
    )


def _classes(report: CheckReport) -> tuple[str, ...]:
    named = report.classes if len(report.classes) == len(report.confusion) else ()
    return named or tuple(str(n) for n in range(len(report.confusion)))


def _recall(report: CheckReport, classes: Sequence[str]) -> Markup | None:
    if not report.confusion:
        return None
    rows = []
    for n, (name, counts) in enumerate(zip(classes, report.confusion)):
        total = sum(counts)
        if total:
            low, high = wilson(counts[n], total)
            rows.append(Bar(name, counts[n] / total, f"{counts[n] / total:.1%} of {total:,}", low, high))
    label = "Recall by class: " + ", ".join(f"{row.label} {row.value:.1%}" for row in rows)
    return svg(bars(label, rows, longest=1.0))


def _confusion(report: CheckReport, classes: Sequence[str]) -> list[tuple[str, tuple[Share, ...]]]:
    """By row per cent: of the samples with a label, how many got which choice."""
    found = []
    for n, (name, counts) in enumerate(zip(classes, report.confusion)):
        total = sum(counts)
        cells = tuple(_share(name, classes[i], count, total, i == n) for i, count in enumerate(counts))
        found.append((name, cells))
    return found


def _share(label: str, choice: str, count: int, total: int, right: bool) -> Share:
    if not count:
        return Share("", "", "0", "")
    share = count / total
    text = f"{100 * share:.0f}" if share >= 0.0995 or share < 0.005 else f"{100 * share:.1f}"
    note = f"{label} taken for {choice}: {count:,} of {total:,}"
    return Share(text if share >= 0.005 else "<1", note, shade(share), "right" if right else "wrong")


@dataclass(frozen=True)
class Difference:
    """Where device and golden first differ: maps of the device's values, golden's and where they differ."""

    text: str
    where: str
    maps: tuple[tuple[str, Markup], ...]
    channels: Markup | None
    values: tuple[tuple[str, int, int, int], ...]


def difference(report: CheckReport | None) -> Difference | None:
    """None where nothing differs."""
    if report is None or report.first_mismatch is None:
        return None
    text, view = mismatch_text(report.first_mismatch), report.first_mismatch.view
    if view is None:
        return Difference(text, "", (), None, ())
    return Difference(text, _where(view), _maps(view), _by_channel(view), tuple(_values(view)))


def _where(view: TensorView) -> str:
    part = f"rows {view.top} to {view.top + len(view.got) - 1}, " if view.channel is not None else ""
    what = "columns" if view.channel is not None else "elements"
    part += f"{what} {view.left} to {view.left + len(view.got[0]) - 1}"
    channel = f" of channel {view.channel}" if view.channel is not None else ""
    share = f"{view.differing:,} of {view.elements:,} elements of the tensor ({shape_text((1, *view.shape))}) differ"
    return f"{share}. Shown: {part}{channel}."


def _maps(view: TensorView) -> tuple[tuple[str, Markup], ...]:
    wrapped = 16 if view.channel is None else None
    got, expected = (_wrapped(rows, wrapped) for rows in (view.got, view.expected))
    apart = [[abs(a - b) for a, b in zip(*rows)] for rows in zip(got, expected)]
    values = [value for rows in (got, expected) for row in rows for value in row]
    low, high, most = min(values), max(values), max(max(row) for row in apart)
    first = next((y, x) for y, row in enumerate(apart) for x, value in enumerate(row) if value)
    return (
        ("The device's", svg(heat(f"The device's values, {low} to {high}", got, low, high, first, "ink"))),
        ("Golden's", svg(heat(f"Golden's values, {low} to {high}", expected, low, high, first, "ink"))),
        ("Difference", svg(heat(f"Where they differ, by up to {most}", apart, 0, most, first, "bad"))),
    )


def _wrapped(rows: Sequence[Sequence[int]], width: int | None) -> list[list[int]]:
    """One long row as several, the last one filled up."""
    if width is None or len(rows[0]) <= width:
        return [list(row) for row in rows]
    flat = list(rows[0])
    flat += [flat[-1]] * (-len(flat) % width)
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def _by_channel(view: TensorView) -> Markup | None:
    wrong = [(n, count) for n, count in enumerate(view.by_channel) if count]
    if len(view.by_channel) < 2 or not wrong:
        return None
    each = view.elements // len(view.by_channel)
    rows = [Bar(f"channel {n}", count, f"{count:,} of {each:,}", series=2) for n, count in wrong[:MOST_DIFFERENCES]]
    return svg(bars("Elements that differ, by channel", rows, longest=each))


def _values(view: TensorView) -> list[tuple[str, int, int, int]]:
    found = []
    for y, (got, expected) in enumerate(zip(view.got, view.expected)):
        for x, (a, b) in enumerate(zip(got, expected)):
            if a != b:
                place = (
                    f"row {view.top + y}, column {view.left + x}" if view.channel is not None else f"{view.left + x}"
                )
                found.append((place, a, b, a - b))
    return found[:MOST_DIFFERENCES]


@dataclass(frozen=True)
class Levels:
    """Accuracy, cost and flash of each budget."""

    charts: tuple[tuple[str, Markup], ...]


def levels(manifest: BuildRecord, outcome: LevelsReport | CheckReport | None) -> Levels | None:
    """None of a build with one budget."""
    if len(manifest.levels) < 2:
        return None
    checks = outcome.levels if isinstance(outcome, LevelsReport) else ()
    charts = []
    if checks and checks[0].accuracy is not None:
        charts.append(_curve("accuracy on the device, %, with its 95 % interval", _accuracies(checks)))
    if checks:
        points = [Point(c.terms_per_mac, 100 * c.agreement, f"{c.budget}: {c.agreement:.2%}") for c in checks]
        if not charts:
            charts.append(_curve("agreement with the model as given, %", points))
    if checks and all(check.cost.per_inference is not None for check in checks):
        unit = checks[0].cost.unit
        points = [
            Point(c.terms_per_mac, c.cost.per_inference, f"{c.budget}: {c.cost.per_inference:,.0f} {unit}")
            for c in checks
        ]
    else:
        unit = "cycles, planned"
        points = [
            Point(of.terms_per_mac, of.cycles_estimated, f"{of.budget}: {of.cycles_estimated:,}")
            for of in manifest.levels
        ]
    charts.append(_curve(f"{unit} of one inference", points, from_zero=True))
    terms = [Point(of.terms_per_mac, of.terms, f"{of.budget}: {of.terms:,} terms") for of in manifest.levels]
    charts.append(_curve("terms of all weights", terms, from_zero=True))
    return Levels(tuple(charts))


def _accuracies(checks: Sequence[CheckReport]) -> list[Point]:
    points = []
    for check in checks:
        samples = sum(map(sum, check.confusion)) or check.samples
        low, high = wilson(check.accuracy * samples, samples)
        label = f"{check.budget}: {check.accuracy:.2%}"
        points.append(Point(check.terms_per_mac, 100 * check.accuracy, label, 100 * low, 100 * high))
    return points


def _curve(name: str, points: Sequence[Point], from_zero: bool = False) -> tuple[str, Markup]:
    label = f"{name}, by terms per MAC: " + "; ".join(point.label for point in points)
    return name, svg(chart(label, [Series("budget", points)], "terms per MAC", name, from_zero=from_zero))
