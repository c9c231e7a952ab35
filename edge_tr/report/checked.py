"""A check's outcome as text for a terminal."""

from __future__ import annotations

from edge_tr.report.summary import table
from edge_tr.target.outcome import CheckReport, LevelsReport, MetricReport, Mismatch, PlannedCost


def check_text(report: CheckReport) -> str:
    """The verdict and the figures behind it."""
    what = f"every tensor of {report.layers_compared} layers" if report.layers_compared > 1 else "every output"
    verdict = f"BIT-EXACT: {what} equals golden" if report.bit_exact else "NOT BIT-EXACT"
    lines = [
        f"{report.model} on {report.target} ({report.connection}), budget {report.budget}",
        f"{verdict}, {report.samples - report.mismatched_samples} of {report.samples} {samples_text(report)}",
    ]
    if report.first_mismatch is not None:
        lines.append(mismatch_text(report.first_mismatch))
    lines += outputs_lines(report)
    if report.metric is not None:
        lines.append(metric_text(report.metric))
    if report.accuracy is not None:
        lines.append(
            f"accuracy {report.accuracy:.2%} on the device, {report.golden_accuracy:.2%} golden, "
            f"{report.reference_accuracy:.2%} the model as given"
        )
    reference = report.reference
    lines += [
        f"agreement with the model as given {report.agreement:.2%}",
        f"identical to the interpreter on the same weights: {report.reference_identical} of {report.samples}",
        f"interpreter: {reference.runtime} {reference.version}, {reference.resolver}, rounding {reference.rounding}",
        cost_text(report),
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def levels_text(report: LevelsReport) -> str:
    """The verdict on an image with several budgets, and all of them in one table."""
    rows = levels_rows(report)
    first = report.levels[0]
    verdict = "BIT-EXACT at every level" if report.bit_exact else "NOT BIT-EXACT"
    what = f"every tensor of {first.layers_compared} layers" if first.layers_compared > 1 else "every output"
    lines = [
        f"{report.model} on {report.target} ({first.connection}), {len(report.levels)} budgets in one build",
        f"{verdict}: {what} compared with golden, {report.samples} {samples_text(report)} a level",
        table(rows, left=(1, len(rows[0]) - 1)),
    ]
    for level in report.levels:
        if level.first_mismatch is not None:
            lines.append(f"level {level.level}: {mismatch_text(level.first_mismatch)}")
    if first.reference_accuracy is not None:
        lines.append(f"accuracy of the model as given {first.reference_accuracy:.2%}")
    if first.metric is not None:
        lines.append(f"{first.metric.name} of the model as given {first.metric.reference:.6g}")
    notes = dict.fromkeys(note for level in report.levels for note in level.notes)
    return "\n".join([*lines, f"cost: {first.cost.source}", *(f"note: {note}" for note in notes)])


def levels_rows(report: LevelsReport) -> list[tuple[str, ...]]:
    """Accuracy and cost of each budget, under a head."""
    first = report.levels[0]
    head = [
        "level",
        "budget",
        "terms/MAC",
        "accuracy",
        first.metric.name if first.metric is not None else "metric",
        "agreement",
        first.cost.unit or "cost",
        "predicted",
        "bit-exact",
    ]
    rows = [head]
    for level in report.levels:
        cost = level.cost
        right = level.samples - level.mismatched_samples
        rows.append(
            [
                str(level.level),
                level.budget,
                f"{level.terms_per_mac:.2f}",
                "" if level.accuracy is None else f"{level.accuracy:.2%}",
                "" if level.metric is None else f"{level.metric.device:.6g}",
                f"{level.agreement:.2%}",
                "" if cost.per_inference is None else f"{cost.per_inference:,.0f}",
                f"{cost.predicted:,}" if isinstance(cost, PlannedCost) else "",
                "yes" if level.bit_exact else f"no: {right:,} of {level.samples:,} samples",
            ]
        )
    used = [column for column in range(len(head)) if any(row[column] for row in rows[1:])]
    return [tuple(row[column] for column in used) for row in rows]


def cost_text(report: CheckReport) -> str:
    """One line on cost and where it comes from."""
    cost = report.cost
    if cost.per_inference is None:
        return f"cost: {cost.source}"
    predicted = f", {cost.predicted:,} predicted" if isinstance(cost, PlannedCost) else ""
    return f"{cost.per_inference:,.0f} {cost.unit} per inference{predicted} ({cost.source})"


def mismatch_text(mismatch: Mismatch) -> str:
    """Where the first difference is."""
    where = f"sample {mismatch.sample}"
    if mismatch.step is not None:
        where = f"sequence {mismatch.sample}, step {mismatch.step}"
    output = f"; output '{mismatch.output}' differs" if mismatch.output else ""
    return (
        f"first difference: {where}, layer {mismatch.layer} (tensor '{mismatch.tensor}'), "
        f"element {mismatch.index}: the device has {mismatch.got}, golden {mismatch.expected}{output}"
    )


def samples_text(report: CheckReport | LevelsReport) -> str:
    """What was run: samples, or steps of sequences."""
    if report.steps is None:
        return "samples"
    return f"steps of {report.samples // report.steps} sequences"


def outputs_lines(report: CheckReport) -> list[str]:
    """Each of several outputs."""
    if len(report.outputs) < 2:
        return []
    return [
        f"output '{of.name}' ({of.dtype}): {report.samples - of.mismatched_samples} of {report.samples} equal golden, "
        f"{of.reference_identical} the interpreter on the same weights"
        for of in report.outputs
    ]


def metric_text(metric: MetricReport) -> str:
    """A figure of all three."""
    return (
        f"{metric.name} {metric.device:.6g} on the device, {metric.golden:.6g} golden, "
        f"{metric.reference:.6g} the model as given"
    )
