"""Write docs/reproduction.md: `python -m edge_tr.tune.reproduction`, or `make reproduce`.

The published tables of term revealing as far as the models here can show them, our calibrated selection beside
them, and what could not be reproduced.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr.errors import EdgeTrError
from edge_tr.golden.run import run
from edge_tr.golden.samples import read_samples
from edge_tr.ir.graph import Graph
from edge_tr.ir.params import DepthwiseParams
from edge_tr.ir.tflite import parse, read_file
from edge_tr.tr.hese import Encoding, term_count
from edge_tr.tr.reveal import reveal
from edge_tr.tune.cost import Layer, cost, dot_layers
from edge_tr.tune.moments import patches, places
from edge_tr.tune.points import Settings
from edge_tr.tune.quality import accuracy, quality
from edge_tr.tune.tuning import Tuning, goal_of, tune

ROOT = Path(__file__).resolve().parents[2]
BASELINE_PAIRS = 64
DATA_BITS = 8
MEASURED_SAMPLES = 100
"""Test samples whose activations' terms are counted, for executed pairs."""

Reveal = Callable[[Layer], np.ndarray]
"""int8 [rows, K] of a layer."""


@dataclass(frozen=True)
class Subject:
    """A model, its data, and the published row it stands beside. `groups`: g and the k of plain term revealing."""

    title: str
    model: str
    calibration: str
    test: str
    group: int
    budgets: tuple[int, ...]
    goal: float
    published: Mapping[str, str]
    accelerator: bool = False


SUBJECTS = (
    Subject(
        "MLP 784-512-512-10, MNIST",
        "mnist_mlp_784_512_512_10_int8",
        "mnist_calibration_500",
        "mnist_test_2000",
        16,
        (6, 8, 10, 12, 14),
        0.5,
        {
            "QT 4 bits": "98.39 % (1.60e7 pairs)",
            "TR g=16 k=6": "97.49 % (1.50e6 pairs)",
            "TR g=16 k=8": "98.12 % (2.01e6 pairs)",
            "TR g=16 k=10": "98.34 % (2.51e6 pairs)",
            "TR g=16 k=14": "98.39 % (3.51e6 pairs)",
        },
    ),
    Subject(
        "LeNet-5, MNIST",
        "mnist_lenet5_int8",
        "mnist_calibration_500",
        "mnist_test_2000",
        8,
        (4, 6, 8, 10, 12, 16),
        0.7,
        {},
    ),
    Subject(
        "DS-CNN keyword spotting (MLPerf Tiny)",
        "kws_ref_model",
        "kws_calibration_250",
        "kws_test_750",
        8,
        (6, 8, 10, 12, 16, 24),
        0.85,
        {},
        accelerator=True,
    ),
)

NOT_REPRODUCED = """\
## Not reproduced yet

| published row | why not |
|---|---|
| LSTM, MNIST | the int8 LSTM operator is not supported yet |
| LSTM language model, WikiText-2 (perplexity 86.83 at 8 bits, 87.10 with k=12 of g=8) | the same; the text is here, \
a trained int8 model is not |
| ResNet-18, ImageNet (69.62 % at 8 bits, 69.50 % with k=12, s=3) | no ImageNet here |
| MobileNet-v2, ImageNet (71.60 % at 8 bits, 71.65 % with k=20, s=4) | no ImageNet here |
| ResNet-8, CIFAR-10 | CIFAR-10 has no clear licence and is not here; nothing is claimed on other images |
"""

HEAD = f"""\
# Reproduction of the published tables

Written by `make reproduce`; do not edit. Published figures are the authors' (Kung, McDanel, Zhang, "Term Quantization:
Furthering Quantization at Run Time", SC20, and the results files of its code), of other trainings of the same
architecture: compare the losses, not the levels.

* **terms/MAC**: kept weight terms, each layer weighted by its MACs. Zero weights have none.
* **pairs/MAC, paper**: the paper's accounting: weight terms allowed x data terms allowed, used or not. 8-bit weights
  and data are 8 x 8 = {BASELINE_PAIRS}, the baseline; b-bit weights b x {DATA_BITS}; k terms a group of g: k/g x \
{DATA_BITS}. Calibrated rows
  without groups allow what they keep. No data budget s is set in these rows. The published totals count about 6 data
  terms, not 8.
* **executed pairs/MAC**: terms of each weight x the mean terms of the activations that it meets, zeros skipped,
  activations as x - zero point on {MEASURED_SAMPLES} test samples.
* **QT** is uniform quantisation of the int8 weights to b bits per layer; **TR** is term revealing as published (the
  k largest terms of each g, the paper's HESE rule); **calibrated** is `edge-tr tune`, on the calibration set only.
* Accuracy and agreement (same decision as the int8 model) are on the test set. Their standard error is about 0.5
  points on 750 keyword clips and 0.25 on 2000 digits. Sums in another order (another BLAS, other thread
  counts) move calibrated rows by some tenths.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.tune.reproduction", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of models and data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reproduction.md")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "reproduction", help="folder for finished points")
    arguments = parser.parse_args(argv)
    try:
        sections = [_section(subject, arguments.shared, arguments.work) for subject in SUBJECTS]
    except EdgeTrError as error:
        print(f"reproduction: {error}", file=sys.stderr)
        return error.exit_code
    arguments.out.write_text("\n".join([HEAD, *sections, NOT_REPRODUCED]), encoding="utf-8")
    print(f"written: {arguments.out}")
    return 0


class Bench:
    """One model on its test set: measures weights, gives a table's row."""

    def __init__(self, graph: Graph, x: np.ndarray, labels: np.ndarray, published: Mapping[str, str]) -> None:
        tensors = {graph.inputs[0]: x, **run(graph, x, keep="all").tensors}
        self.layers = dot_layers(graph)
        self._graph, self._x, self._labels, self._published = graph, x, labels, published
        self._output = tensors[graph.outputs[0]]
        source = {op.index: op.inputs[0] for op in graph.ops}
        self._data_terms = {
            layer.index: _mean_terms(layer, tensors[source[layer.index]][:MEASURED_SAMPLES]) for layer in self.layers
        }

    def row(self, name: str, choose: Reveal, allowed: float | None) -> str:
        """Choose weights, run, count; `allowed` pairs per MAC, None: as many as there are terms."""
        weights = {layer.index: choose(layer) for layer in self.layers}
        output = run(self._graph, self._x, weights=weights).output
        return self.line(name, weights, accuracy(output, self._labels), self._agreement(output), allowed)

    def line(
        self, name: str, weights: Mapping[int, np.ndarray], right: float, agreement: float, allowed: float | None
    ) -> str:
        """A row of figures that are known."""
        terms = cost(self.layers, weights, None, {}).terms_per_mac
        pairs = terms * DATA_BITS if allowed is None else allowed
        cells = (
            name,
            f"{terms:.2f}",
            f"{pairs:.1f} ({BASELINE_PAIRS / pairs:.0f}x less)" if pairs < BASELINE_PAIRS else f"{pairs:.0f}",
            f"{self._executed_pairs(weights):.2f}",
            f"{right:.2f}",
            f"{agreement:.2f}",
            self._published.get(name, ""),
        )
        return f"| {' | '.join(cells)} |"

    def _agreement(self, output: np.ndarray) -> float:
        return quality(self._output, output, True).agreement

    def _executed_pairs(self, weights: Mapping[int, np.ndarray]) -> float:
        pairs = sum(
            float((term_count(weights[layer.index]) * self._data_terms[layer.index]).sum()) * layer.positions
            for layer in self.layers
        )
        return pairs / sum(layer.macs for layer in self.layers)


def _mean_terms(layer: Layer, x: np.ndarray) -> np.ndarray:
    """float64 [K] or, depthwise, [rows, K]: mean terms of the activations that each weight meets."""
    taken = patches(layer.record, x, places(layer.record, len(x), np.random.default_rng(0)))
    return term_count(taken.astype(np.int16)).mean(axis=-2)


def quantised(weights: np.ndarray, bits: int) -> np.ndarray:
    """int8 [rows, K], uniformly quantised to 2^bits - 1 levels over the layer's range, to the nearest int8."""
    step = max(1, int(np.abs(weights.astype(np.int16)).max())) / (2 ** (bits - 1) - 1)
    return np.rint(np.rint(weights / step) * step).astype(np.int8)


def _section(subject: Subject, shared: Path, work: Path) -> str:
    model = shared / "models" / f"{subject.model}.tflite"
    calibration, test = (shared / "data" / f"{name}.npz" for name in (subject.calibration, subject.test))
    graph = parse(read_file(model))
    x, labels = read_samples(test, graph)
    bench = Bench(graph, x, labels, subject.published)
    lines = [
        f"## {subject.title}\n",
        f"`{subject.model}`, {len(x)} test samples.\n",
        "| weights | terms/MAC | pairs/MAC, paper | executed pairs/MAC | accuracy % | agreement % | published |",
        "|---|---|---|---|---|---|---|",
        bench.row("int8", lambda layer: layer.record.weights, BASELINE_PAIRS),
        *_plain_rows(subject, bench),
    ]
    goal = goal_of(max_terms=subject.goal)
    tuning = tune(model, calibration, work / f"{subject.model}.toml", goal, data=test)
    lines += _calibrated_rows("calibrated", bench, tuning, work / f"{subject.model}.work")
    if subject.accelerator:
        out = work / f"{subject.model}-g{subject.group}.toml"
        tuning = tune(
            model, calibration, out, goal_of(max_terms=1.0), settings=Settings(group=subject.group), data=test
        )
        lines += _calibrated_rows(f"calibrated g={subject.group}", bench, tuning, out.with_suffix(".work"))
    return "\n".join(lines) + "\n"


def _plain_rows(subject: Subject, bench: Bench) -> Iterator[str]:
    """Uniform quantisation, and term revealing as published; with depthwise layers also with those left whole."""
    for bits in range(2, 7):
        yield bench.row(f"QT {bits} bits", lambda layer, bits=bits: quantised(layer.record.weights, bits), bits * 8)
    depthwise = any(isinstance(layer.record, DepthwiseParams) for layer in bench.layers)
    for whole in (False, True) if depthwise else (False,):
        for most in subject.budgets:
            name = f"TR g={subject.group} k={most}{', depthwise whole' if whole else ''}"
            choose = _revealing(subject.group, most, whole)
            yield bench.row(name, choose, None if whole else most / subject.group * DATA_BITS)


def _revealing(group: int, most: int, depthwise_whole: bool) -> Reveal:
    def choose(layer: Layer) -> np.ndarray:
        if depthwise_whole and isinstance(layer.record, DepthwiseParams):
            return layer.record.weights
        return reveal(layer.record.weights, group, most, Encoding.PAPER).values

    return choose


def _calibrated_rows(name: str, bench: Bench, tuning: Tuning, work: Path) -> Iterator[str]:
    """The useful points of a tuning, by falling terms; the chosen one in bold."""
    shown = [row for row in tuning.rows if row.test_agreement > 80]
    for row in shown:
        with np.load(work / f"{row.point.key}.npz") as arrays:
            weights = {layer.index: arrays[f"w{layer.index}"] for layer in bench.layers}
        text = f"{name}{f', mean k={row.point.mean_k:.1f}' if row.point.mean_k else ''}"
        text = f"**{text}**" if row.point == tuning.chosen.point else text
        allowed = row.point.issued_per_mac * DATA_BITS
        yield bench.line(text, weights, row.test_accuracy, row.test_agreement, allowed)


if __name__ == "__main__":
    sys.exit(main())
