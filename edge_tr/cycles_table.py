"""Write docs/accelerator-cycles.md: `python -m edge_tr.cycles_table`, or `make cycles`.

Builds every model for an accelerator at every budget and checks one inference of it, every layer, in the
cycle-accurate co-simulation: the generated package under the real pynq on the Verilated core. A second inference has
its streams at the pace that the DMA's guide publishes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from edge_tr import compiler
from edge_tr.errors import EdgeTrError, UsageError
from edge_tr.target.cosim import build as build_core
from edge_tr.target.count_provenance import commit
from edge_tr.target.outcome import CheckReport, PlannedCost
from edge_tr.target.virtual_board import PACE

ROOT = Path(__file__).resolve().parents[1]
BOARD = "pynq-z2"
BUDGETS = ("lossless", "g=8,k=4", "g=8,k=8", "g=8,k=12", "g=8,k=16", "g=8,k=8,s=3")


@dataclass(frozen=True)
class Model:
    """A row: the file, what is aimed at by budget in cycles, and the best published int8 time on the chip in ms."""

    file: str
    bars: Mapping[str, int]
    published_ms: float | None = None


# Published: fpgaConvNet's MLPerf Tiny results on the same die.
MODELS = {
    "kws (DS-CNN)": Model("kws_ref_model.tflite", {"lossless": 9_000, "g=8,k=8": 7_000}, 0.324),
    "ic (ResNet-8)": Model("pretrainedResnet_quant.tflite", {"lossless": 24_000, "g=8,k=8": 15_000}, 0.411),
    "vww (MobileNet)": Model("vww_96_int8.tflite", {"lossless": 16_000, "g=8,k=8": 15_000}, 9.49),
    "ad (autoencoder)": Model("ad01_int8.tflite", {"lossless": 9_000, "g=8,k=8": 9_000}),
    "MNIST LeNet-5": Model("mnist_lenet5_int8.tflite", {}),
    "MNIST MLP 784-512-512-10": Model("mnist_mlp_784_512_512_10_int8.tflite", {}),
    "MNIST DS-CNN": Model("mnist_dscnn_int8.tflite", {}),
    "digits CNN": Model("digits_cnn_int8.tflite", {}),
    "digits MLP": Model("digits_mlp_int8.tflite", {}),
}
Key = tuple[str, str]  # a model's name, a budget
Reports = tuple[CheckReport, CheckReport]  # of every layer, with a stream that never waits; with a DMA's pace


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code: 7 where a layer differs from golden."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.cycles_table", description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, default=ROOT.parent / "shared" / "models", help="folder of the models")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accelerator-cycles.md")
    parser.add_argument("--builds", type=Path, default=ROOT / "out" / "cycles", help="folder for the builds")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args(argv)
    try:
        reports = run_all(arguments.models, arguments.builds, arguments.jobs)
    except EdgeTrError as error:
        print(f"cycles_table: {error}", file=sys.stderr)
        return error.exit_code
    arguments.out.write_text(cycles_text(reports, commit(ROOT)), encoding="utf-8")
    return 0 if all(report.bit_exact for both in reports.values() for report in both) else 7


def run_all(models: Path, builds: Path, jobs: int) -> dict[Key, Reports]:
    """Every model at every budget."""
    missing = [model.file for model in MODELS.values() if not (models / model.file).is_file()]
    if missing:
        raise UsageError(f"{models} lacks {', '.join(missing)}: give the folder of the models with --models")
    build_core()
    keys = [(name, budget) for name in MODELS for budget in BUDGETS]
    reports: dict[Key, Reports] = {}
    start = time.monotonic()
    with ProcessPoolExecutor(jobs, max_tasks_per_child=1) as pool:
        running = {pool.submit(run_one, key, models, builds): key for key in keys}
        for done in as_completed(running):
            reports[running[done]] = done.result()
            name, budget = running[done]
            said = f"{len(reports)}/{len(keys)} {name} {budget}"
            print(f"{said} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
    return {key: reports[key] for key in keys}


def run_one(key: Key, models: Path, builds: Path) -> Reports:
    """Build, then check one inference in every layer, and one at the DMA's pace. In a process of its own.""" ""
    name, budget = key
    file = models / MODELS[name].file
    folder = builds / f"{file.stem}-{budget.replace(',', '-')}"
    compiler.build(file, BOARD, folder, budget=budget)
    ideal = compiler.check(folder, limit=1, layers=True)
    os.environ[PACE] = "published"
    return ideal, compiler.check(folder, limit=1)


def cycles_text(reports: Mapping[Key, Reports], made_at: str) -> str:
    """The page. Cycles run from start to done, transfers of input and output included."""
    rows = [_row(name, budget, *both) for (name, budget), both in reports.items()]
    head = ("model", "budget", "cycles", "aim", "predicted", "PG021's DMA", "ms at 100 MHz", "published ms",
            "every layer")  # fmt: skip
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---", "---", *["---:"] * 6, "---"), *rows)]
    return "\n".join(
        (
            "# Cycles of the accelerator",
            "",
            "Written by `make cycles`" + (f" at commit {made_at}." if made_at else "."),
            "",
            "Cycles per inference of the full pynq-z2 configuration in cycle-accurate simulation (the Verilated RTL",
            "behind the generated driver and the real pynq package), from start to done, transfers of input and output",
            "included; softmax runs on the processor and is not in them. Not a measurement on a board: there the",
            "processor's start of each transfer is added. Milliseconds are cycles at the board's clock. Published is",
            "fpgaConvNet's time for the same unmodified int8 model on the same die. Every layer's tensor was compared",
            "with golden on one input.",
            "",
            "Cycles, predicted ones too, are with streams that never wait for the DMA. The column PG021's DMA is with",
            "the performance that AXI DMA's product guide publishes: a transfer's first beat comes 44 cycles after its",
            "start, one cycle of 417 brings none, and one of four takes none of the output.",
            "",
            *lines,
            "",
        )
    )


def _row(name: str, budget: str, report: CheckReport, paced: CheckReport) -> tuple[str, ...]:
    cost, model = report.cost, MODELS[name]
    assert isinstance(cost, PlannedCost) and paced.cost is not None
    bar, published = model.bars.get(budget), model.published_ms
    return (
        name,
        budget,
        f"{cost.per_inference:,.0f}",
        "" if bar is None else f"{bar:,}{'' if cost.per_inference <= bar else ' missed'}",
        f"{cost.predicted:,} ({cost.per_inference / cost.predicted - 1:+.1%})",
        f"{paced.cost.per_inference:,.0f}",
        f"{cost.per_inference / cost.clock_mhz / 1000:.3f}",
        "" if published is None else f"{published:g}",
        "equal" if report.bit_exact and paced.bit_exact else "DIFFERS",
    )


if __name__ == "__main__":
    sys.exit(main())
