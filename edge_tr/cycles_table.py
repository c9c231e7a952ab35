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
from edge_tr.manifest import OverlayManifest
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


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code: 7 where a layer differs from golden."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.cycles_table", description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, default=ROOT.parent / "shared" / "models", help="folder of the models")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accelerator-cycles.md")
    parser.add_argument("--builds", type=Path, default=ROOT / "out" / "cycles", help="folder for the builds")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args(argv)
    try:
        runs = run_all(arguments.models, arguments.builds, arguments.jobs)
    except EdgeTrError as error:
        print(f"cycles_table: {error}", file=sys.stderr)
        return error.exit_code
    kinds = {name: runs[name, BUDGETS[0]].manifest for name in MODELS}
    text = cycles_text(runs, commit(ROOT)) + kinds_text(kinds)
    arguments.out.write_text(text, encoding="utf-8")
    return 0 if all(run.bit_exact for run in runs.values()) else 7


@dataclass(frozen=True)
class Run:
    """A model with a budget: what was built, its check, and one with the streams at a DMA's pace."""

    manifest: OverlayManifest
    report: CheckReport
    paced: CheckReport

    @property
    def bit_exact(self) -> bool:
        """Both checks."""
        return self.report.bit_exact and self.paced.bit_exact


def run_all(models: Path, builds: Path, jobs: int) -> dict[Key, Run]:
    """Every model at every budget."""
    missing = [model.file for model in MODELS.values() if not (models / model.file).is_file()]
    if missing:
        raise UsageError(f"{models} lacks {', '.join(missing)}: give the folder of the models with --models")
    build_core()
    keys = [(name, budget) for name in MODELS for budget in BUDGETS]
    runs: dict[Key, Run] = {}
    start = time.monotonic()
    with ProcessPoolExecutor(jobs, max_tasks_per_child=1) as pool:
        running = {pool.submit(run_one, key, models, builds): key for key in keys}
        for done in as_completed(running):
            runs[running[done]] = done.result()
            name, budget = running[done]
            said = f"{len(runs)}/{len(keys)} {name} {budget}"
            print(f"{said} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
    return {key: runs[key] for key in keys}


def run_one(key: Key, models: Path, builds: Path) -> Run:
    """Build, then check one inference in every layer, and one at the DMA's pace. In a process of its own."""
    name, budget = key
    file = models / MODELS[name].file
    folder = builds / f"{file.stem}-{budget.replace(',', '-')}"
    manifest = compiler.build(file, BOARD, folder, budget=budget)
    report = compiler.check(folder, limit=1, layers=True)
    os.environ[PACE] = "published"
    return Run(manifest, report, compiler.check(folder, limit=1))


def cycles_text(runs: Mapping[Key, Run], made_at: str) -> str:
    """The page. Cycles run from start to done, transfers of input and output included."""
    rows = [_row(name, budget, run) for (name, budget), run in runs.items()]
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
            "Cycles, predicted ones too, are with streams that never wait for the DMA. The column PG021's DMA has the",
            "figures of AXI DMA's product guide: a transfer's first beat comes 44 cycles after its start, one cycle of",
            "417 brings none, and one of four takes none of the output.",
            "",
            *lines,
            "",
        )
    )


def kinds_text(manifests: Mapping[str, OverlayManifest]) -> str:
    """Where the cycles of lossless builds go: of each model its kinds of layers on the accelerator."""
    head = ("model", "layers", "number", "cycles predicted", "MACs", "MACs a cycle")
    rows = [(name, *cells) for name, manifest in manifests.items() for cells in _kinds(manifest)]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---", "---", *["---:"] * 4), *rows)]
    said = "As predicted for lossless builds, without transfers that nothing runs beside."
    return "\n".join(("", "## By kind of layer", "", said, "", *lines, ""))


def _kinds(manifest: OverlayManifest) -> list[tuple[str, ...]]:
    """Kind, number, cycles, MACs and MACs a cycle."""
    layers = [layer for layer in manifest.layers if layer.cycles_estimated is not None]
    found = []
    for kind in dict.fromkeys(layer.op for layer in layers):
        own = [layer for layer in layers if layer.op == kind]
        cycles, macs = sum(layer.cycles_estimated for layer in own), sum(layer.macs for layer in own)
        found.append((kind, f"{len(own)}", f"{cycles:,}", f"{macs:,}", f"{macs / cycles:.0f}" if macs else ""))
    return found


def _row(name: str, budget: str, run: Run) -> tuple[str, ...]:
    cost, paced, model = run.report.cost, run.paced.cost, MODELS[name]
    assert isinstance(cost, PlannedCost) and isinstance(paced, PlannedCost)
    bar, published = model.bars.get(budget), model.published_ms
    return (
        name,
        budget,
        f"{cost.per_inference:,.0f}",
        "" if bar is None else f"{bar:,}{'' if cost.per_inference <= bar else ' missed'}",
        f"{cost.predicted:,} ({cost.per_inference / cost.predicted - 1:+.1%})",
        f"{paced.per_inference:,.0f}",
        f"{cost.per_inference / cost.clock_mhz / 1000:.3f}",
        "" if published is None else f"{published:g}",
        "equal" if run.bit_exact else "DIFFERS",
    )


if __name__ == "__main__":
    sys.exit(main())
