"""Write docs/benchmarks.md: `python -m edge_tr.bench_table`, or `make bench`.

Tunes budgets where there is data; meanwhile builds every model for every platform, lossless, cut and with the
multiplying kernel, then tuned, counts all of them in processes and prints the tables. Tuned points are kept in out/ by
what they were made of, so a second run finds them. Reasons for distances are written by hand in
docs/benchmarks-notes.md, which is added at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from edge_tr import bench, boards, compiler
from edge_tr.errors import DoesNotFitError, EdgeTrError, UsageError
from edge_tr.report.benchmarks import (
    CUT,
    LOSSLESS,
    MODELS,
    PLATFORMS,
    SECTIONS,
    TUNED,
    VARIANTS,
    BudgetQuality,
    Key,
    Outcome,
    benchmarks_text,
    flash_limit,
    ram_limit,
)
from edge_tr.report.progress import Progress
from edge_tr.reproduction import budgets
from edge_tr.target.count_provenance import commit, compilers, packages
from edge_tr.tuning.search import steps_at_most
from edge_tr.tuning.workers import LocalProcesses

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "make bench"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.bench_table", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of models and data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--builds", type=Path, default=ROOT / "out" / "bench", help="folder for the builds")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "budgets", help="folder for tuned points")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args(argv)
    try:
        facts = _facts()
        _require_models(arguments.shared)
        folders = Folders(arguments.shared, arguments.builds, arguments.work)
        outcomes, qualities = run_all(folders, arguments.jobs)
    except EdgeTrError as error:
        print(f"bench_table: {error}", file=sys.stderr)
        return error.exit_code
    notes = ROOT / "docs" / "benchmarks-notes.md"
    text = benchmarks_text(outcomes, qualities, facts, notes.read_text(encoding="utf-8") if notes.is_file() else "")
    arguments.out.write_text(text, encoding="utf-8")
    return 0


def _require_models(shared: Path) -> None:
    """UsageError if one is missing."""
    missing = [file for file, _ in MODELS.values() if not (shared / "models" / file).is_file()]
    if missing:
        raise UsageError(
            f"{shared}/models lacks {', '.join(missing)}: give the folder of models and data with --shared"
        )


@dataclass(frozen=True)
class Folders:
    """Of models and data, of builds, and of tuned points."""

    shared: Path
    builds: Path
    work: Path


@dataclass
class Steps:
    """Rows and tuned points that are done, shown with the time left. All tunings take as many points as one can."""

    rows: int
    tunings: int
    running: dict[Future[Outcome], Key] = field(default_factory=dict)
    tuned: int = 0
    _show: Progress = field(default_factory=Progress)

    def show(self, points: int = 0) -> None:
        """`points` of the tuning that is under way."""
        done = self.tuned * steps_at_most() + points + sum(row.done() for row in self.running)
        self._show("bench", done, self.rows + self.tunings * steps_at_most(), "step")


def run_all(folders: Folders, jobs: int) -> tuple[dict[Key, Outcome], dict[tuple[str, str], BudgetQuality]]:
    """Every combination, and what budgets cost by model and budget; only models with data are tuned. Searches for
    budgets wait for one point after the other: rows that need none of them are counted in the meantime."""
    subjects = {name: budgets.subject_of(file) for name, (file, _) in MODELS.items()}
    keys = [
        (platform, name, variant)
        for variant in VARIANTS
        for platform in PLATFORMS
        for name in MODELS
        if variant.budget != TUNED or subjects[name]
    ]
    qualities: dict[tuple[str, str], BudgetQuality] = {}
    steps = Steps(len(keys), sum(subject is not None for subject in subjects.values()))
    folders.work.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool, LocalProcesses(jobs) as workers:

        def submit(wanted: Callable[[Key], bool], tuned: Path | None) -> None:
            """Rows, those that take longest first, so that the last ones do not wait for one."""
            for key in sorted(filter(wanted, keys), key=lambda key: -len(key[2].kernels)):
                file = folders.shared / "models" / MODELS[key[1]][0]
                steps.running[pool.submit(run_one, key, file, tuned, folders.builds)] = key

        submit(lambda key: key[2].budget != TUNED, None)
        for name, subject in subjects.items():
            if subject is None:
                continue
            measured = budgets.Measured(subject, folders.shared, folders.work)
            qualities |= {(name, budget): measured.plain(budget) for budget in (LOSSLESS, CUT)}
            file, qualities[name, TUNED] = measured.tuned(workers, lambda _, done, total, unit: steps.show(done))
            steps.tuned += 1
            submit(lambda key, name=name: key[1:] == (name, VARIANTS[2]), file)
        for row in as_completed(steps.running):
            row.result()
            steps.show()
    outcomes = {key: row.result() for row, key in steps.running.items()}
    return {key: outcomes[key] for key in keys}, qualities


def run_one(key: Key, model: Path, tuned: Path | None, builds: Path) -> Outcome:
    """Build and count; a word of explanation where the model does not fit."""
    platform, name, variant = key
    parts = platform.core or platform.board, name, variant.budget.replace(",", "-"), *variant.kernels
    folder = builds / "-".join(parts)
    try:
        compiler.build(
            model,
            platform.board,
            folder,
            budget=str(tuned) if variant.budget == TUNED else variant.budget,
            kernels=variant.kernels,
            core=platform.core,
            flash_limit=flash_limit(*key),
            ram_limit=ram_limit(platform, name),
        )
    except DoesNotFitError:
        return "does not fit"
    cores = [section.core for section in SECTIONS if section.platform == platform]
    own = boards.load(platform.board).core
    ran = bench.trace_build(folder, [core for core in cores if core == own])
    return {core: ran.on(core) for core in cores}


def _facts() -> dict[str, str]:
    toolchains = {(t.prefix + "gcc", t.package) for t in (boards.load(p.board).toolchain for p in PLATFORMS)}
    tools = [*compilers(sorted(toolchains)), *packages(("unicorn", "capstone"))]
    return {"command": COMMAND, "commit": commit(ROOT), "tools": "\n".join(tools)}


if __name__ == "__main__":
    sys.exit(main())
