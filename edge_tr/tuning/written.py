"""What a tuning writes, and what it says of goals and samples."""

from __future__ import annotations

import math
from pathlib import Path

from edge_tr.errors import UsageError
from edge_tr.files.writing import replace
from edge_tr.tuning.fit import LOSSLESS, Point
from edge_tr.tuning.judge import Estimate, one_sided
from edge_tr.tuning.search import SIGMAS, Found, Goal
from edge_tr.tuning.select import Calibration, Selection, rewritten

LOSS_OF_A_CHANGE = 0.5
"""What a changed answer loses, about: near ties change first."""
ENOUGH_CHANGES = 2
"""Changed answers that a loss has to show itself by."""


def write(
    out: Path, shared: Calibration, point: Point, selection: Selection, estimate: Estimate | None, group: int | None
) -> None:
    """`out` with .tflite, the model with the point's weights and biases, then `out` that refers to it."""
    weights = out.with_suffix(".tflite")
    replace(weights, shared.data if point.key == LOSSLESS else rewritten(shared, selection))
    loss = "" if estimate is None else f"; estimated loss {estimate.loss:.2f} +- {estimate.error:.2f}"
    lines = [
        "# Written by edge-tr tune.",
        f"# {point.terms_per_mac:.3f} terms per MAC; on {len(shared.x)} calibration samples "
        f"{point.agreement:.1f} % agreement with the original model{loss}",
        "[tuned]",
        f'weights = "{weights.name}"',
        f'model_sha256 = "{shared.graph.sha256}"',
    ]
    if group is not None:
        lines += ["", "[default]", f"g = {group}"]
        lines += [line for name, most in point.most.items() for line in ("", f"[layer.{name}]", f"k = {most}")]
    replace(out, "\n".join(lines) + "\n")


def goal_of(
    *,
    max_loss: float | None = None,
    max_terms: float | None = None,
    max_cycles: int | None = None,
    max_flash: int | None = None,
    confidence: float | None = None,
) -> Goal:
    """The one limit that is given; UsageError for none, several, or one that is not positive. `confidence`: with which
    probability the loss is to be within its goal, 0.5 to 1."""
    sigmas = SIGMAS
    if confidence is not None:
        if max_loss is None:
            raise UsageError("--confidence needs --max-loss: nothing else is estimated from samples")
        if not 0.5 <= confidence < 1:
            raise UsageError(f"--confidence {confidence:g}: give 0.5 to less than 1, such as 0.95")
        sigmas = one_sided(confidence)
    goals = [
        Goal("--max-loss", max_loss, None, sigmas),
        Goal("--max-terms", max_terms, lambda p: p.issued_per_mac),
        Goal("--max-cycles", max_cycles, lambda p: p.cycles_estimated),
        Goal("--max-flash", max_flash, lambda p: p.flash_estimated),
    ]
    given = [goal for goal in goals if goal.limit is not None]
    if len(given) != 1:
        raise UsageError(f"give one of {', '.join(goal.name for goal in goals)}")
    if not given[0].limit > 0:
        raise UsageError(f"{given[0].name} {given[0].limit:g}: give a number above 0")
    return given[0]


def resolved(samples: int, goal: Goal) -> list[str]:
    """Whether a loss of `goal` shows on so many samples; what is said if it does not."""
    wanted = math.ceil(ENOUGH_CHANGES * LOSS_OF_A_CHANGE * 100 / goal.limit)
    if samples >= wanted:
        return []
    return [
        f"{samples} calibration samples say little about a loss of {goal.limit:g} points, which is "
        f"{samples * goal.limit / 100 / LOSS_OF_A_CHANGE:.1f} changed answers among them: give {wanted} or more"
    ]


def nearest(goal: Goal, point: Point, out: Path) -> str:
    """Of a goal that no point meets; `point` comes nearest, and is in `out`."""
    return (
        f"no choice of terms reaches {goal.name} {goal.limit:g}; the nearest has {goal.measure(point):g}, "
        f"and is in {out}: ask for that, or for less"
    )


def needed(found: Found) -> list[str]:
    """How many samples it takes to be as sure as was asked for, of the point that the usual choice would be."""
    goal, sigmas = found.goal, found.goal.sigmas
    if not goal.rises or sigmas <= SIGMAS:
        return []
    usual = [(one, e) for one, e in zip(found.judged, found.estimates()) if e.at_most(SIGMAS) <= goal.limit]
    if not usual:
        return []
    judged, estimate = usual[-1]
    fixed = estimate.error**2 - estimate.noise**2
    allowed = ((goal.limit - estimate.loss) / sigmas) ** 2 - fixed
    what = f"{judged.point.terms_per_mac:.2f} terms a MAC (estimated loss {estimate.loss:.2f})"
    if estimate.at_most(sigmas) <= goal.limit:
        return []
    if allowed <= 0:
        return [f"no number of samples makes that sure of {what}: its loss is too close to the goal"]
    samples = math.ceil(len(judged.output) * estimate.noise**2 / allowed)
    return [f"about {samples} calibration samples would make that sure of {what}"]
