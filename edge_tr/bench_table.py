"""Write docs/benchmarks.md: `python -m edge_tr.bench_table`, or `make bench`.

Tunes budgets where there is data, builds every model for every platform, lossless, cut, tuned, and with the
multiplying kernel, counts all of them in parallel and prints the tables. Tuned points are kept in out/ by what they
were made of, so a second run finds them. Reasons for distances are written by hand in docs/benchmarks-notes.md, which
is added at the end.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
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
)
from edge_tr.report.progress import Progress
from edge_tr.reproduction import budgets
from edge_tr.target.count_provenance import commit, compilers, packages
from edge_tr.tune.workers import LocalProcesses

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
    parser.add_argument("--wait-states", type=int, default=0)
    arguments = parser.parse_args(argv)
    try:
        facts = _facts(arguments.wait_states)
        _require_models(arguments.shared)
        files, qualities = find_budgets(arguments.shared, arguments.work, arguments.jobs)
        outcomes = run_all(arguments.shared, files, arguments.builds, arguments.wait_states, arguments.jobs)
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


def find_budgets(shared: Path, work: Path, jobs: int) -> tuple[dict[str, Path], dict[tuple[str, str], BudgetQuality]]:
    """Tuned budget files by model, and what every budget costs; nothing for a model without data."""
    work.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    qualities: dict[tuple[str, str], BudgetQuality] = {}
    with LocalProcesses(jobs) as workers:
        for name, (file, _) in MODELS.items():
            subject = budgets.subject_of(file)
            if subject is None:
                continue
            print(f"budgets of {name}", file=sys.stderr, flush=True)
            for budget in (LOSSLESS, CUT):
                qualities[name, budget] = budgets.plain(subject, budget, shared, work)
            files[name], qualities[name, TUNED] = budgets.tuned(subject, shared, work, workers, Progress())
    return files, qualities


def run_all(shared: Path, files: Mapping[str, Path], builds: Path, wait_states: int, jobs: int) -> dict[Key, Outcome]:
    """Every combination, `files` being tuned budgets; the longest first, so that the last ones do not wait for one."""
    keys = [
        (platform, name, variant)
        for variant in VARIANTS
        for platform in PLATFORMS
        for name in MODELS
        if variant.budget != TUNED or name in files
    ]
    models = {name: shared / "models" / file for name, (file, _) in MODELS.items()}
    longest_first = sorted(keys, key=lambda key: (-len(key[2].kernels), -models[key[1]].stat().st_size))
    outcomes: dict[Key, Outcome] = {}
    start = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool:
        running = {
            pool.submit(run_one, key, models[key[1]], files.get(key[1]), builds, wait_states): key
            for key in longest_first
        }
        for done in as_completed(running):
            platform, name, variant = key = running[done]
            outcomes[key] = done.result()
            said = f"{len(outcomes)}/{len(keys)} {name} {platform.board} {variant}"
            print(f"{said} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
    return {key: outcomes[key] for key in keys}


def run_one(key: Key, model: Path, tuned: Path | None, builds: Path, wait_states: int) -> Outcome:
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
            ram_limit=platform.ram_limit,
        )
    except DoesNotFitError:
        return "does not fit"
    ran = bench.trace_build(folder)
    cores = [section.core for section in SECTIONS if section.platform == platform]
    return {core: ran.on(core, wait_states) for core in cores}


def _facts(wait_states: int) -> dict[str, str]:
    toolchains = {(t.prefix + "gcc", t.package) for t in (boards.load(p.board).toolchain for p in PLATFORMS)}
    tools = [*compilers(sorted(toolchains)), *packages(("unicorn", "capstone"))]
    return {"command": COMMAND, "commit": commit(ROOT), "tools": "\n".join(tools), "wait_states": str(wait_states)}


if __name__ == "__main__":
    sys.exit(main())
