"""Two builds beside each other: before and after, two budgets, two boards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.manifest import BuildRecord, LayerRecord, Manifest, OverlayManifest
from edge_tr.plots import Estimate, inline_bar, intervals
from edge_tr.report.pages import memory
from edge_tr.report.pages.shell import milliseconds, render, svg, wilson
from edge_tr.target.outcome import CheckReport, LevelsReport

SERIES = (1, 2)


@dataclass(frozen=True)
class Build:
    """A build's folder, its record, and its check if there was one."""

    name: str
    manifest: BuildRecord
    outcome: CheckReport | LevelsReport | None

    @property
    def report(self) -> CheckReport | None:
        """Of the budget with the most terms."""
        return self.outcome.levels[-1] if isinstance(self.outcome, LevelsReport) else self.outcome


@dataclass(frozen=True)
class Line:
    """A figure of both builds; `change` is in per cent, `better` a CSS class."""

    name: str
    first: str
    second: str
    change: str
    better: str
    picture: Markup | str = ""


@dataclass(frozen=True)
class LayerPair:
    """A layer of both, by its name; a side that has none is empty."""

    name: str
    kernels: tuple[str, str]
    terms: tuple[str, str]
    cycles: tuple[str, str]
    change: str
    better: str
    sort: float
    picture: Markup | str


def comparison(first: Build, second: Build) -> str:
    """The page. Layers are paired by their names, which are the operators' places in the model file."""
    builds = (first, second)
    return render(
        "compare",
        [],
        title=f"{_title(first)} beside {_title(second)}",
        subtitle=_subtitle(*builds),
        footer=f"edge-tr {second.manifest.edge_tr_version}, builds {first.manifest.build_id} and "
        f"{second.manifest.build_id}",
        builds=builds,
        verdicts=[_verdict(build) for build in builds],
        lines=_lines(first, second),
        accuracy=_accuracy(builds),
        layers=_layers(first.manifest, second.manifest),
        arenas=[memory.arena(of.manifest) if isinstance(of.manifest, Manifest) else None for of in builds],
    )


def _title(build: Build) -> str:
    return f"{build.manifest.model} on {build.manifest.target}"


def _subtitle(first: Build, second: Build) -> str:
    same = "The same model." if first.manifest.model_sha256 == second.manifest.model_sha256 else "Two models."
    return f"A: {first.name}, budget {first.manifest.budget}. B: {second.name}, budget {second.manifest.budget}. {same}"


def _verdict(build: Build) -> tuple[str, str]:
    """A CSS class, and a sentence."""
    outcome = build.outcome
    if outcome is None:
        return "none", "not checked yet"
    if outcome.bit_exact:
        return "", f"bit-exact on {outcome.samples:,} samples"
    return "no", f"{outcome.mismatched_samples:,} of {outcome.samples:,} samples differ from golden"


def _cycles(manifest: BuildRecord) -> float:
    return manifest.cycles_predicted if isinstance(manifest, OverlayManifest) else manifest.cycles_estimated


def _clock(manifest: BuildRecord) -> float | None:
    return manifest.clock_mhz


def _lines(first: Build, second: Build) -> list[Line]:
    """What both have, figure by figure."""
    a, b = first.manifest, second.manifest
    found = [_line("cycles, planned or predicted", _cycles(a), _cycles(b))]
    times = [milliseconds(_cycles(of), _clock(of)) for of in (a, b)]
    if all(times):
        found.append(Line("time", *times, "", ""))
    if isinstance(a, Manifest) and isinstance(b, Manifest):
        for name in ("flash_bytes", "ram_bytes", "arena_bytes"):
            found.append(_line(name.replace("_", " ").replace("ram", "RAM"), getattr(a, name), getattr(b, name)))
    for name, of in (("terms", lambda layer: layer.terms), ("MACs", lambda layer: layer.macs)):
        found.append(_line(name, _total(a, of), _total(b, of)))
    costs = [build.report.cost for build in (first, second) if build.report]
    if (
        len(costs) == 2
        and None not in (costs[0].per_inference, costs[1].per_inference)
        and costs[0].unit == costs[1].unit
    ):
        found.append(_line(f"{costs[0].unit} counted", costs[0].per_inference, costs[1].per_inference))
    return found


def _total(manifest: BuildRecord, of: Callable[[LayerRecord], int]) -> int:
    return sum(map(of, manifest.layers))


def _line(name: str, a: float, b: float) -> Line:
    most = max(a, b, 1)
    picture = "".join(inline_bar(value / most, series, value) for value, series in zip((a, b), SERIES))
    return Line(name, f"{a:,.0f}", f"{b:,.0f}", *_change(a, b), svg(picture))


def _change(a: float, b: float) -> tuple[str, str]:
    """In per cent, and whether less is better."""
    if not a or a == b:
        return ("", "") if a != b else ("same", "")
    return f"{100 * (b - a) / a:+.1f} %", "down" if b < a else "up"


def _accuracy(builds: tuple[Build, Build]) -> Markup | None:
    rows = []
    for letter, build, series in zip("AB", builds, SERIES):
        report = build.report
        if report is None or report.accuracy is None:
            return None
        samples = sum(map(sum, report.confusion)) or report.samples
        rows.append(
            Estimate(f"{letter}: the device", report.accuracy, *wilson(report.accuracy * samples, samples), series)
        )
    label = "Accuracy: " + ", ".join(f"{row.label} {row.value:.2%}" for row in rows)
    return svg(intervals(label, rows))


def _layers(a: BuildRecord, b: BuildRecord) -> list[LayerPair]:
    sides = [{layer.name: layer for layer in of.layers} for of in (a, b)]
    most = max((layer.cycles_estimated or 0 for side in sides for layer in side.values()), default=1) or 1
    return [_pair(name, sides[0].get(name), sides[1].get(name), most) for name in {**sides[0], **sides[1]}]


def _pair(name: str, a: LayerRecord | None, b: LayerRecord | None, most: float) -> LayerPair:
    sides = (a, b)
    cycles = [None if of is None else of.cycles_estimated for of in sides]
    texts = tuple("" if value is None else f"{value:,}" for value in cycles)
    change, better = _change(*cycles) if None not in cycles else ("", "")
    picture = "".join(
        inline_bar(value / most, series, value) for value, series in zip(cycles, SERIES) if value is not None
    )
    return LayerPair(
        name, tuple("" if of is None else of.kernel for of in sides),
        tuple("" if of is None or not of.weights else f"{of.terms:,}" for of in sides), texts, change, better,
        (cycles[1] or 0) - (cycles[0] or 0), svg(picture),
    )  # fmt: skip
