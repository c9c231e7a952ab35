"""Pages made again from what lies in build folders: of one, and of two beside each other."""

from __future__ import annotations

from pathlib import Path

from edge_tr.compiler.folders import opened
from edge_tr.errors import UsageError
from edge_tr.files.reading import read_json
from edge_tr.files.writing import replace
from edge_tr.manifest import BuildFolder
from edge_tr.report.pages import Build, comparison, html_report
from edge_tr.target.outcome import CheckReport, LevelsReport, read_report


def write_report(path: Path, out: Path | None = None) -> Path:
    """report.html of a build and, where it was checked, of its check, again from build.json and check.json; the page.

    out  another file for it. UsageError where `path` is no build, or check.json is not what `check` writes.
    """
    with opened(path) as (folder, manifest):
        outcome = _outcome(folder)
        levels = outcome if isinstance(outcome, LevelsReport) else None
        report = levels.levels[-1] if levels else outcome
        page = out or folder.report
        replace(page, html_report(manifest, report, levels))
    return page


def write_comparison(first: Path, second: Path, out: Path | None = None) -> Path:
    """A page with two builds beside each other, by default comparison.html in the first one's folder."""
    builds = []
    for path in (first, second):
        with opened(path) as (folder, manifest):
            builds.append(Build(str(path), manifest, _outcome(folder)))
    page = out or BuildFolder(first).comparison
    replace(page, comparison(*builds))
    return page


def _outcome(folder: BuildFolder) -> CheckReport | LevelsReport | None:
    """What check.json holds; None without one."""
    try:
        return read_report(read_json(folder.check_json))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{folder.check_json} is damaged ({error}): run edge-tr check again") from error
