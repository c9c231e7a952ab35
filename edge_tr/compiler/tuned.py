"""The verb `tune`: a goal and a board become settings, and the result gets its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_tr import boards, overlays
from edge_tr.compiler.common import Progress, no_progress
from edge_tr.errors import UsageError
from edge_tr.files.writing import replace
from edge_tr.formats.accelerator import CONFIGURATION, VARIABLE
from edge_tr.kernels.machines import isa_of, planned_for
from edge_tr.kernels.waiting import Behind
from edge_tr.metrics import metric_of
from edge_tr.report.pages import tuning_page
from edge_tr.tuning import tuning
from edge_tr.tuning.fit import Settings
from edge_tr.tuning.machine import PORTABLE, Accelerator, Machine, Processor
from edge_tr.tuning.tuning import Tuning
from edge_tr.tuning.workers import DaskCluster, LocalProcesses
from edge_tr.tuning.written import goal_of


def tune(
    model: Path,
    calibration: Path,
    out: Path,
    *,
    max_loss: float | None = None,
    max_terms: float | None = None,
    max_cycles: int | None = None,
    max_flash: int | None = None,
    confidence: float | None = None,
    metric: str | None = None,
    time_budget: float | None = None,
    target: str | None = None,
    core: str | None = None,
    group: int | None = None,
    seed: int = 0,
    data: Path | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda text: None,
) -> Tuning:
    """Choose which terms of `model` to keep, on the samples in `calibration`, see `tuning.tune`; writes `out`, and
    beside it the tuned .tflite and a page.

    One of the four limits is the goal: points of accuracy (of another `metric` than a share: its units), terms per MAC,
    cycles or bytes of the layers with weights. `confidence`: with which probability a loss is within its goal;
    `time_budget`: seconds. `say` is told at once what is wrong with the calibration set.
    `target`: the board whose core, or accelerator, costs are estimated for; or another `core` of its code. `group`: a
    fixed k in each `group` weights; `jobs` processes (default: one for each core), or a Dask scheduler at `cluster`,
    compute. UsageError for a goal that nothing reaches, or a choice that there is not.
    """
    goal = goal_of(
        max_loss=max_loss, max_terms=max_terms, max_cycles=max_cycles, max_flash=max_flash, confidence=confidence
    )
    if metric is not None and max_loss is None:
        raise UsageError("--metric names what --max-loss limits: give --max-loss too")
    if core is not None and target is None:
        raise UsageError("--core needs --target: it names other costs for that board's code")
    settings = Settings(group=group, seed=seed, machine=_machine(target, core), cycles=target is not None)
    with DaskCluster(cluster) if cluster else LocalProcesses(jobs) as workers:
        result = tuning.tune(
            model, calibration, out, goal, settings=settings, data=data, workers=workers, progress=progress, say=say,
            metric=None if metric is None else metric_of(metric), time_budget=time_budget,
        )  # fmt: skip
    replace(out.with_suffix(".html"), tuning_page(result))
    return result


def _machine(target: str | None, core: str | None) -> Machine:
    """UsageError for an accelerator that this process does not schedule for."""
    if target is None:
        return PORTABLE
    if not overlays.is_overlay(target):
        board = boards.load(target)
        return Processor(isa_of(planned_for(board.name, board.core, core)), Behind.of(board))
    if core is not None:
        raise UsageError(f"--core: {target} has the term accelerator; leave it out")
    accelerator = overlays.load(target).accelerator
    if accelerator is not CONFIGURATION:
        raise UsageError(
            f"tune schedules for the accelerator of {CONFIGURATION.name} sizes, {target} has {accelerator.name}: set "
            f"{VARIABLE}={accelerator.name}, or leave --target out"
        )
    return Accelerator(accelerator.name)
