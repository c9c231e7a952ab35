"""A tuning as text for a terminal; `pages.tuned` is the page."""

from __future__ import annotations

from edge_tr.tuning.judge import SHARES
from edge_tr.tuning.tuning import Row, Tuning

HEADS = (
    "terms/MAC",
    "terms/weight",
    "mean k",
    "Mcycles~",
    "flash KB~",
    "loss~",
    "+-",
    "agree",
    "test agree",
    "test acc",
)

BY = {True: "their labels", False: "the model's own probabilities, for want of labels y"}


def text(tuning: Tuning) -> str:
    """The Pareto table, the chosen point marked."""
    lines = [HEADS, *(cells(row) for row in tuning.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    marks = ["  ", *("* " if row is tuning.chosen else "  " for row in tuning.rows)]
    table = [
        mark + "  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for mark, line in zip(marks, lines)
    ]
    return "\n".join([*notes(tuning), "", *table])


def promise(tuning: Tuning) -> str:
    """What the chosen point is estimated to lose, and on how many other samples; nothing where nobody asked."""
    estimate = tuning.chosen.estimate
    if estimate is None:
        return "the chosen point is the model as it is: it loses nothing" if not tuning.chosen.point.price else ""
    points = f"points of {tuning.metric}" if tuning.metric in SHARES else tuning.metric
    return (
        f"the chosen point loses {estimate.loss:.2f} {points} (standard error {estimate.error:.2f}); on "
        f"{estimate.samples:,} other samples, nine times in ten, between {estimate.low:.2f} and {estimate.high:.2f}"
    )


def notes(tuning: Tuning) -> list[str]:
    """What was tuned, and what the columns are."""
    lines = [
        f"{tuning.model}: {tuning.goal}, {tuning.calibration_samples} calibration samples, "
        f"lossless {tuning.lossless_terms_per_mac:.2f} terms per MAC",
        "terms/MAC: kept terms, weighted by MACs; zero weights cost nothing. loss~ +-: estimated with its standard "
        f"error, from calibration samples that the point was not fitted to and {BY[tuning.labelled]}. agree (%): on "
        "the calibration set, that it was fitted to. Cycles and flash are the cost model's for the layers with "
        "weights; of an accelerator the schedule's for an inference, and the bytes of its program.",
        *tuning.notes,
        *filter(None, [promise(tuning)]),
    ]
    if tuning.original_accuracy is not None:
        lines.append(f"original on {tuning.test_samples} test samples: {tuning.original_accuracy:.2f} %")
    return lines


def cells(row: Row) -> tuple[str, ...]:
    """A row under `HEADS`."""
    p = row.point
    return (
        f"{p.terms_per_mac:.3f}",
        f"{p.terms_per_weight:.3f}",
        f"{p.mean_k:.2f}" if p.mean_k else "",
        "" if p.cycles_estimated is None else f"{p.cycles_estimated / 1e6:.2f}",
        "" if p.flash_estimated is None else f"{p.flash_estimated / 1024:.1f}",
        *(("", "") if row.estimate is None else (f"{row.estimate.loss:.2f}", f"{row.estimate.error:.2f}")),
        f"{p.agreement:.1f}",
        _percent(row.test_agreement),
        _percent(row.test_accuracy),
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
