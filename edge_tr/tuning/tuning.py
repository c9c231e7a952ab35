"""`edge-tr tune`: find a budget on calibration data, write it as a file that `build` takes.

Beside the budget (`budget.toml`) lie the model with its weights and biases (`budget.tflite`), a page with
the Pareto plot (`budget.html`) and a folder of finished work (`budget.work/`): after an interruption the
same command computes only what is missing. However a tuning ends, the best point so far is written, and the model as it
is, lossless, is a point.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_tr.errors import EdgeTrError, UsageError
from edge_tr.files.locks import locked
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.metrics import Metric
from edge_tr.tuning.fit import Point, Settings, Source, calibrated, lossless
from edge_tr.tuning.judge import Estimate, Judge
from edge_tr.tuning.kept import Kept
from edge_tr.tuning.points import Judged, Points
from edge_tr.tuning.quality import Quality, ends_in_softmax, quality
from edge_tr.tuning.reads import inferences
from edge_tr.tuning.search import Found, Goal, first_price, search, steps_at_most
from edge_tr.tuning.select import Calibration, Selection, rewritten
from edge_tr.tuning.task import Task, Test, accuracy_on
from edge_tr.tuning.workers import InProcess, Workers
from edge_tr.tuning.worth import worth
from edge_tr.tuning.written import nearest, needed, write

Progress = Callable[[str, int, int, str], None]
"""Called as progress(what, done, total, unit)."""


def no_progress(what: str, done: int, total: int, unit: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Row:
    """A point, what it is estimated to lose (None: nobody asked) and, where a test file was given, what it does there:
    compared with the original, and its accuracy in %."""

    point: Point
    estimate: Estimate | None
    test: Quality | None
    test_accuracy: float | None

    @property
    def test_agreement(self) -> float | None:
        """In %."""
        return None if self.test is None else self.test.agreement


@dataclass(frozen=True)
class Tuning:
    """The result. `rows` by price; `computed` pieces of work were not there already; `notes`: what a user should know,
    such as why it ended early."""

    model: str
    model_sha256: str
    goal: str
    metric: str
    labelled: bool
    lossless_terms_per_mac: float
    calibration_samples: int
    test_samples: int
    original_accuracy: float | None
    chosen: Row
    rows: tuple[Row, ...]
    computed: int
    notes: tuple[str, ...]


class OutOfTime(Exception):
    """The time budget is used up."""


def tune(
    model: Path,
    calibration: Path,
    out: Path,
    goal: Goal,
    *,
    settings: Settings | None = None,
    data: Path | None = None,
    metric: Metric | None = None,
    time_budget: float | None = None,
    workers: Workers | None = None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda text: None,
) -> Tuning:
    """Tune `model` on the samples in `calibration` until `goal` is met; writes `out` and what belongs to it.

    `workers` compute the points (default: this process); the result does not depend on which. `time_budget`: seconds,
    after which the best point so far is taken. `say` is told what a user should know before the work begins.
    Raises UsageError when `data` is not a set of its own, and, once the nearest point is written, when no choice of
    terms reaches the goal.
    """
    if not out.name:
        raise UsageError(f"-o {out}: give the name of a file, such as budget.toml")
    task = Task.read(model, calibration, out, goal, settings or Settings(), data, metric)
    for note in task.warnings():
        say(note)
    deadline = None if time_budget is None else time.monotonic() + time_budget
    progress("tuning", 0, steps_at_most(goal.rises), "point")
    kept = Kept(task.out.with_suffix(".work"))
    with locked(kept.folder):
        kept.clear_partial()
        return _Run(task, kept, workers or InProcess(), progress, deadline).tuned()


class _Run:
    """One tuning on its way: what there is to write whenever it ends."""

    def __init__(self, task: Task, kept: Kept, workers: Workers, progress: Progress, deadline: float | None) -> None:
        self._task, self._kept, self._workers, self._progress, self._deadline = task, kept, workers, progress, deadline
        self._source = Source(task.content, task.x, task.settings.seed)
        self._points = Points(self._source, task.settings, kept, workers)
        self._points.finished = self._finished
        self._shared: Calibration | None = None
        self._found: Found | None = None
        self._whole: tuple[Point, Selection] | None = None
        self._notes = list(task.warnings())

    def tuned(self) -> Tuning:
        """Search, judge, write, report."""
        try:
            with self._in_time():
                self._search()
                self._judge_chosen()
        except BaseException as error:
            self._leave(error)
            raise
        chosen = self._chosen()
        self._write(chosen)
        if self._kept.trouble is not None:
            self._notes.append(f"finished points could not be kept in {self._kept.folder}: {self._kept.trouble}")
        if not self._met(chosen):
            raise UsageError("; ".join([*self._notes, nearest(self._task.goal, chosen.point, self._task.out)]))
        return self._result(chosen)

    def _search(self) -> None:
        task = self._task
        self._shared = shared = calibrated(self._source)
        settings = self._priced()
        self._whole = lossless(shared, settings)
        test = len(task.x) if task.test is None else len(task.test.x)
        self._found = Found(task.goal, Judge(task.graph, shared.output, task.labels, task.metric, test, task.x.steps))
        if settings.worth is not None and not any(settings.worth.values()):
            return
        if task.goal.rises or not task.goal.met(self._whole[0]):
            search(self._points, shared.layers, first_price(shared), self._found, settings.worth)

    def _priced(self) -> Settings:
        """Where cycles count, terms of each layer are worth what they take there; under a goal on terms or flash they
        are all alike."""
        task = self._task
        settings, goal = task.settings, task.goal
        if settings.cycles and settings.group is None and goal.name in ("--max-loss", "--max-cycles"):
            try:
                of = worth(task.graph, self._shared.layers, settings.machine)
            except UsageError as error:
                self._notes.append(str(error))
                of = {layer.name: 0.0 for layer in self._shared.layers}
            settings = dataclasses.replace(settings, worth=of)
            self._points.settings = settings
        return settings

    def _judge_chosen(self) -> None:
        """The estimate of a point that was chosen by what it costs."""
        chosen = self._found.chosen()
        if chosen is not None and chosen.output is None:
            point = chosen.point
            self._found.judged = [
                *(one for one in self._found.judged if one is not chosen),
                *self._points.judged([(point.price, point.emphasis)]),
            ]
            self._found.judged.sort(key=lambda one: one.point.price)

    def _chosen(self) -> Judged:
        """The best point so far: of those that meet the goal, or what comes nearest to it."""
        whole = Judged(self._whole[0])
        if self._task.goal.rises:
            return self._found.chosen(self._points.settings.worth is not None) or whole
        if self._task.goal.met(whole.point):
            return whole
        everyone = [whole, *self._found.judged]
        return self._found.chosen() or min(everyone, key=lambda one: self._task.goal.measure(one.point))

    def _met(self, chosen: Judged) -> bool:
        return self._task.goal.rises or self._task.goal.met(chosen.point)

    def _finished(self) -> None:
        done, total = self._points.done, steps_at_most(self._task.goal.rises)
        self._progress("tuning", min(done, total - 1), total, "point")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise OutOfTime

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        try:
            yield
        except OutOfTime:
            self._notes.append(
                "the time budget ran out before the search ended: this is the best point so far; the same command "
                "goes on from here"
            )

    def _leave(self, error: BaseException) -> None:
        """Write the best point so far behind an interruption or a failure, if there is one and room for it."""
        if self._whole is None or (not self._found.judged and self._task.out.exists()):
            return
        chosen = self._chosen()
        with contextlib.suppress(EdgeTrError, OSError):
            self._write(chosen)
            loss = "" if chosen.point.price else ", which is lossless"
            text = f"the best point so far is in {self._task.out}{loss}; the same command goes on from here"
            error.args = (f"{error}; {text}" if str(error) else f"interrupted: {text}", *error.args[1:])

    def _write(self, chosen: Judged) -> None:
        point, group = chosen.point, self._task.settings.group
        write(self._task.out, self._shared, point, self._selection(point), self._estimates().get(point.key), group)

    def _selection(self, point: Point) -> Selection:
        return self._whole[1] if point is self._whole[0] else self._points.selection(point)

    def _estimates(self) -> dict[str, Estimate]:
        """By point's key."""
        judged = [one for one in self._found.judged if one.output is not None]
        outputs = [one.output for one in judged]
        return {one.point.key: e for one, e in zip(judged, self._found.judge.estimates(outputs))} if judged else {}

    def _result(self, chosen: Judged) -> Tuning:
        task = self._task
        points = [self._whole[0], *(one.point for one in self._found.judged)]
        rows = self._rows(points)
        test = task.test
        original = None if test is None else accuracy_on(test, test.output)
        return Tuning(
            model=task.model,
            model_sha256=task.graph.sha256,
            goal=f"{task.goal.name} {task.goal.limit:g}",
            metric="accuracy" if task.metric is None else task.metric.name,
            labelled=bool(task.labels),
            lossless_terms_per_mac=self._whole[0].terms_per_mac,
            calibration_samples=len(task.x),
            test_samples=0 if test is None else len(test.x),
            original_accuracy=original,
            chosen=next(row for row in rows if row.point is chosen.point),
            rows=rows,
            computed=self._points.computed,
            notes=(*self._notes, *needed(self._found)),
        )

    def _rows(self, points: Sequence[Point]) -> tuple[Row, ...]:
        """The points with their figures on the test set."""
        estimates, test = self._estimates(), self._task.test
        figures: dict[int, tuple[Quality | None, float | None]] = {}
        if test is not None:
            models = [rewritten(self._shared, self._selection(point)) for point in points]
            self._progress("testing", 0, len(points), "point")
            for index, found in self._workers.run(_measure, test, models):
                figures[index] = found
                self._progress("testing", len(figures), len(points), "point")
        nothing = (None, None)
        return tuple(Row(p, estimates.get(p.key), *figures.get(i, nothing)) for i, p in enumerate(points))


def _measure(test: Test, model: bytes) -> tuple[Quality, float | None]:
    """(beside the original, accuracy in % if there are labels) of a model file."""
    graph = tflite.parse(model)
    output = inferences(test.x, run(graph, test.x).output)
    return quality(test.output, output, ends_in_softmax(graph)), accuracy_on(test, output)
