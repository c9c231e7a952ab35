"""What `edge-tr doctor` found, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from edge_tr.report.summary import table
from edge_tr.target.doctor import Finding


def doctor_text(findings: Sequence[Finding]) -> str:
    """State, name, version, who wants it, and what to do where something is not as it should be."""
    rows = [("", "what", "found", "for", "what to do")]
    for finding in findings:
        remedy = finding.remedy if finding.found is None or not finding.usable else ""
        rows.append((_state(finding), finding.what, finding.found or "", finding.used_by, remedy))
    return table(rows, left=range(5))


def _state(finding: Finding) -> str:
    if not finding.usable:
        return "NO ACCESS"
    if finding.found is not None:
        return "ok"
    return "MISSING" if finding.needed else "not there"
