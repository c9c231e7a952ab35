"""A tuning as text for a terminal; `pages.tuned` is the page."""

from __future__ import annotations

from edge_tr.tuning.tuning import Row, Tuning

HEADS = ("terms/MAC", "terms/weight", "mean k", "Mcycles~", "flash KB~", "loss~", "agree", "test agree", "test acc")


def text(tuning: Tuning) -> str:
    """The Pareto table, the chosen point marked."""
    lines = [HEADS, *(cells(row) for row in tuning.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    marks = ["  ", *("* " if row is tuning.chosen else "  " for row in tuning.rows)]
    table = [
        mark + "  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for mark, line in zip(marks, lines)
    ]
    return "\n".join([*notes(tuning), "", *table])


def notes(tuning: Tuning) -> list[str]:
    """What was tuned, and what the columns are."""
    lines = [
        f"{tuning.model}: {tuning.goal}, {tuning.calibration_samples} calibration samples, "
        f"lossless {tuning.lossless_terms_per_mac:.2f} terms per MAC",
        "terms/MAC: kept terms, weighted by MACs; zero weights cost nothing. loss~: points of accuracy, estimated "
        "from the original's own probabilities; loss~ and agree (%) are on the calibration set. Cycles and flash "
        "are the cost model's for the layers with weights.",
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
        f"{p.cycles_estimated / 1e6:.2f}",
        f"{p.flash_estimated / 1024:.1f}",
        f"{p.loss:.2f}",
        f"{p.agreement:.1f}",
        _percent(row.test_agreement),
        _percent(row.test_accuracy),
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
