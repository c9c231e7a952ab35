"""Write docs/benchmarks.md: `python -m edge_tr.bench_table`, or `make bench`.

Builds every model for every platform, lossless, cut, and with the multiplying kernel, counts all of them in
parallel and prints the tables. Reasons for distances are written by hand in docs/benchmarks-notes.md, which is
added at the end.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from edge_tr import bench, boards, compiler
from edge_tr.errors import DoesNotFitError, EdgeTrError, UsageError
from edge_tr.report.benchmarks import MODELS, PLATFORMS, SECTIONS, VARIANTS, Key, Outcome, benchmarks_text
from edge_tr.target.count_provenance import commit, compilers, packages

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "make bench"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.bench_table", description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, default=ROOT.parent / "shared" / "models", help="folder of the models")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--builds", type=Path, default=ROOT / "out" / "bench", help="folder for the builds")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--wait-states", type=int, default=0)
    arguments = parser.parse_args(argv)
    try:
        facts = _facts(arguments.wait_states)
        outcomes = run_all(arguments.models, arguments.builds, arguments.wait_states, arguments.jobs)
    except EdgeTrError as error:
        print(f"bench_table: {error}", file=sys.stderr)
        return error.exit_code
    notes = ROOT / "docs" / "benchmarks-notes.md"
    text = benchmarks_text(outcomes, facts, notes.read_text(encoding="utf-8") if notes.is_file() else "")
    arguments.out.write_text(text, encoding="utf-8")
    return 0


def run_all(models: Path, builds: Path, wait_states: int, jobs: int) -> dict[Key, Outcome]:
    """Every combination; the longest first, so that the last ones do not wait for one."""
    missing = [file for file, _ in MODELS.values() if not (models / file).is_file()]
    if missing:
        raise UsageError(f"{models} lacks {', '.join(missing)}: give the folder of the models with --models")
    keys = [(platform, name, variant) for variant in VARIANTS for platform in PLATFORMS for name in MODELS]
    longest_first = sorted(keys, key=lambda key: (-len(key[2].kernels), -(models / MODELS[key[1]][0]).stat().st_size))
    outcomes: dict[Key, Outcome] = {}
    start = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(run_one, key, models, builds, wait_states): key for key in longest_first}
        for done in as_completed(running):
            platform, name, variant = key = running[done]
            outcomes[key] = done.result()
            said = f"{len(outcomes)}/{len(keys)} {name} {platform.board} {variant}"
            print(f"{said} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
    return {key: outcomes[key] for key in keys}


def run_one(key: Key, models: Path, builds: Path, wait_states: int) -> Outcome:
    """Build and count; a word of explanation where the model does not fit."""
    platform, name, variant = key
    folder = builds / "-".join(
        (platform.core or platform.board, name, variant.budget.replace(",", "-"), *variant.kernels)
    )
    try:
        compiler.build(
            models / MODELS[name][0],
            platform.board,
            folder,
            budget=variant.budget,
            kernels=variant.kernels,
            core=platform.core,
            flash_limit=platform.flash_limit,
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
