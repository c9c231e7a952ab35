"""`edge-tr tune`: find a budget on calibration data, write it as a file that `build` takes.

Beside the budget (`budget.toml`) lie the model with its weights and biases (`budget.tflite`), a page with
the Pareto plot (`budget.html`) and a folder of finished points (`budget.work/`): after an interruption the
same command computes only what is missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.files.locks import locked
from edge_tr.files.writing import replace
from edge_tr.golden.ends import Samples
from edge_tr.golden.run import run
from edge_tr.golden.samples import read_samples
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.tuning.points import Point, Points, Settings, Source, calibrated, made
from edge_tr.tuning.quality import accuracy, ends_in_softmax, quality
from edge_tr.tuning.search import At, Goal, first_price, search, steps_at_most
from edge_tr.tuning.select import Calibration, inferences, rewritten
from edge_tr.tuning.workers import InProcess, Workers
from edge_tr.tuning.worth import worth

Progress = Callable[[str, int, int, str], None]
"""Called as progress(what, done, total, unit)."""


def no_progress(what: str, done: int, total: int, unit: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Test:
    """Samples that nothing was tuned on: inputs, labels or None, the original's first output of each inference. Labels
    of sequences are one a step, or one for the last step."""

    x: Samples
    labels: np.ndarray | None
    output: np.ndarray


@dataclass(frozen=True)
class Row:
    """A point and, where a test file was given, what it does there, in %."""

    point: Point
    test_agreement: float | None
    test_accuracy: float | None


@dataclass(frozen=True)
class Tuning:
    """The result. `rows` by price; `computed` of them were not there already."""

    model: str
    model_sha256: str
    goal: str
    lossless_terms_per_mac: float
    calibration_samples: int
    test_samples: int
    original_accuracy: float | None
    chosen: Row
    rows: tuple[Row, ...]
    computed: int


def tune(
    model: Path,
    calibration: Path,
    out: Path,
    goal: Goal,
    *,
    settings: Settings | None = None,
    data: Path | None = None,
    workers: Workers | None = None,
    progress: Progress = no_progress,
) -> Tuning:
    """Tune `model` on the inputs in `calibration` until `goal` is met; writes `out` and what belongs to it.

    `workers` compute the points (default: this process); the result does not depend on which.
    Raises UsageError when `data` is not a set of its own, or when no choice of terms reaches the goal.
    """
    if not out.name:
        raise UsageError(f"-o {out}: give a file, such as budget.toml")
    out = out.with_suffix(".toml")
    content = tflite.read_file(model)
    graph = tflite.parse(content)
    settings, workers = settings or Settings(), workers or InProcess()
    x, _ = read_samples(calibration, graph)
    test = None if data is None else _test(graph, data, x)
    progress("tuning", 0, steps_at_most(), "point")
    source, work = Source(content, x, settings.seed), made(out.with_suffix(".work"))
    with locked(work):
        for left in work.glob(".edge-tr-*.npz"):  # by a killed process
            left.unlink()
        shared = calibrated(source)
        settings = _priced(settings, goal, shared)
        points = Points(source, settings, work, workers)
        found = search(_counted(points, progress), shared.layers, first_price(shared), goal, settings.worth)
        rows = _rows(shared, points, found.points, test, workers, progress)
        chosen = next(row for row in rows if row.point is found.chosen)
        _write(out, shared, points, chosen.point, settings)
    return Tuning(
        model=model.name,
        model_sha256=graph.sha256,
        goal=f"{goal.name} {goal.limit:g}",
        lossless_terms_per_mac=found.lossless_per_mac,
        calibration_samples=len(x),
        test_samples=0 if test is None else len(test.x),
        original_accuracy=None if test is None else _accuracy(test, test.output),
        chosen=chosen,
        rows=rows,
        computed=points.computed,
    )


def _priced(settings: Settings, goal: Goal, shared: Calibration) -> Settings:
    """Where cycles count, terms of each layer are worth what they take there; under a goal on terms or flash they are
    all alike."""
    if not settings.cycles or settings.group is not None or goal.name not in ("--max-loss", "--max-cycles"):
        return settings
    return dataclasses.replace(settings, worth=worth(shared.layers, settings.isa, settings.behind))


def _test(graph: Graph, path: Path, calibration: Samples) -> Test:
    """The test set; UsageError when it shares samples with the calibration set."""
    x, labels = read_samples(path, graph)
    known = {_content(calibration, n) for n in range(len(calibration))}
    shared = sum(_content(x, n) in known for n in range(len(x)))
    if shared:
        raise UsageError(
            f"{shared} of {len(x)} samples in {path} are in the calibration set too: "
            "accuracy is reported on samples that nothing was tuned on; give another --data"
        )
    return Test(x, labels, inferences(x, run(graph, x).output))


def _content(x: Samples, n: int) -> bytes:
    """Of a sample, or of all steps of a sequence."""
    return b"".join(x.data(n, step) for step in range(x.steps or 1))


def _accuracy(test: Test, output: np.ndarray) -> float | None:
    """In %, of the inferences that have labels; None without any."""
    if test.labels is None:
        return None
    each = len(output) // test.labels.size
    return accuracy(output[each - 1 :: each], test.labels.ravel())


def _counted(points: Points, progress: Progress) -> At:
    """`points.at` that reports its progress."""
    done = 0

    def finished(_: Point) -> None:
        nonlocal done
        done += 1
        progress("tuning", min(done, steps_at_most() - 1), steps_at_most(), "point")

    return lambda wanted: points.at(wanted, finished)


def _rows(
    shared: Calibration,
    points: Points,
    found: Sequence[Point],
    test: Test | None,
    workers: Workers,
    progress: Progress,
) -> tuple[Row, ...]:
    """The points with their figures on the test set."""
    if test is None:
        return tuple(Row(point, None, None) for point in found)
    models = [rewritten(shared, points.selection(point)) for point in found]
    rows = {}
    progress("testing", 0, len(found), "point")
    for index, (agreement, right) in workers.run(_measure, test, models):
        rows[index] = Row(found[index], agreement, right)
        progress("testing", len(rows), len(found), "point")
    return tuple(rows[index] for index in range(len(found)))


def _measure(test: Test, model: bytes) -> tuple[float, float | None]:
    """(agreement with the original, accuracy if there are labels) of a model file, in %."""
    graph = tflite.parse(model)
    output = inferences(test.x, run(graph, test.x).output)
    return quality(test.output, output, ends_in_softmax(graph)).agreement, _accuracy(test, output)


def _write(out: Path, shared: Calibration, points: Points, point: Point, settings: Settings) -> None:
    """budget.tflite, then budget.toml that refers to it."""
    weights = out.with_suffix(".tflite")
    replace(weights, rewritten(shared, points.selection(point)))
    lines = [
        "# Written by edge-tr tune.",
        f"# {point.terms_per_mac:.3f} terms per MAC; on {len(shared.x)} calibration samples "
        f"{point.agreement:.1f} % agreement with the original model",
        "[tuned]",
        f'weights = "{weights.name}"',
        f'model_sha256 = "{shared.graph.sha256}"',
    ]
    if settings.group is not None:
        lines += ["", "[default]", f"g = {settings.group}"]
        lines += [line for name, most in point.most.items() for line in ("", f"[layer.{name}]", f"k = {most}")]
    replace(out, "\n".join(lines) + "\n")


def goal_of(
    *,
    max_loss: float | None = None,
    max_terms: float | None = None,
    max_cycles: int | None = None,
    max_flash: int | None = None,
) -> Goal:
    """The one limit that is given; UsageError for none, several, or one that is not positive."""
    goals = [
        Goal("--max-loss", max_loss, lambda p: p.loss, True),
        Goal("--max-terms", max_terms, lambda p: p.issued_per_mac, False),
        Goal("--max-cycles", max_cycles, lambda p: p.cycles_estimated, False),
        Goal("--max-flash", max_flash, lambda p: p.flash_estimated, False),
    ]
    given = [goal for goal in goals if goal.limit is not None]
    if len(given) != 1:
        raise UsageError(f"give one of {', '.join(goal.name for goal in goals)}")
    if not given[0].limit > 0:
        raise UsageError(f"{given[0].name} {given[0].limit:g}: give a number above 0")
    return given[0]
