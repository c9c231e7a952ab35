"""Classifiers: uniform quantisation, term revealing as published, calibrated selection beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr.golden.ends import Samples
from edge_tr.golden.run import run
from edge_tr.golden.samples import read_samples
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse, read_file
from edge_tr.operators import DepthwiseParams
from edge_tr.reproduction.accounting import BASELINE_PAIRS, DATA_BITS, Measured, quantised
from edge_tr.reproduction.photographs import CALIBRATION, TEST, crops
from edge_tr.tr.hese import Encoding, term_count
from edge_tr.tr.reveal import reveal
from edge_tr.tuning.cost import Layer, cost, dot_layers
from edge_tr.tuning.fit import LOSSLESS, Settings
from edge_tr.tuning.moments import patches, places
from edge_tr.tuning.quality import accuracy, quality
from edge_tr.tuning.sensitivity import computed
from edge_tr.tuning.tuning import Tuning, tune
from edge_tr.tuning.workers import Workers
from edge_tr.tuning.written import goal_of

MEASURED_SAMPLES = 100
"""Test samples whose activations' terms are counted, for executed pairs."""
USEFUL = 20.0
"""Percent of agreement below the best that a calibrated row may have to be shown."""

Reveal = Callable[[Layer], np.ndarray]
"""int8 [rows, K] of a layer."""


@dataclass(frozen=True)
class Subject:
    """A model, its data, and the published rows it stands beside.

    calibration, test  names of data files; "" for crops of photographs, without labels
    group, budgets     g and the k of plain term revealing
    goal               terms per MAC of the calibrated row in bold
    published          by the row's name
    accelerator        also with a fixed k in each group of a layer
    """

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
    Subject(
        "ResNet-8 image classification (MLPerf Tiny)",
        "pretrainedResnet_quant",
        "",
        "",
        8,
        (6, 8, 10, 12, 16, 24),
        0.95,
        {},
        accelerator=True,
    ),
    Subject("Visual wake words, MobileNetV1 (MLPerf Tiny)", "vww_96_int8", "", "", 8, (4, 6, 8, 12, 16), 0.55, {}),
)
CALIBRATION_CROPS, TEST_CROPS = 500, 500


class Bench:
    """One model on its test set: measures weights, gives a table's row."""

    def __init__(self, graph: Graph, x: Samples, labels: np.ndarray | None, published: Mapping[str, str]) -> None:
        tensors = computed(graph, x)
        self.layers = dot_layers(graph)
        self._graph, self._x, self._labels, self._published = graph, x, labels, published
        self._output = tensors[graph.outputs[0]]
        source = {op.index: op.inputs[0] for op in graph.ops}
        self._data_terms = {
            layer.index: mean_terms(layer, tensors[source[layer.index]][:MEASURED_SAMPLES]) for layer in self.layers
        }

    def measure(self, name: str, curve: str, choose: Reveal, allowed: float | None) -> Measured:
        """Choose weights, run, count; `allowed` pairs per MAC, None: as many as there are terms."""
        weights = {layer.index: choose(layer) for layer in self.layers}
        output = run(self._graph, self._x, weights=weights).output
        right = None if self._labels is None else accuracy(output, self._labels)
        agreement = quality(self._output, output, True).agreement
        return self.count(name, curve, weights, right, agreement, allowed)

    def count(
        self,
        name: str,
        curve: str,
        weights: Mapping[int, np.ndarray],
        right: float | None,
        agreement: float,
        allowed: float | None,
        chosen: bool = False,
    ) -> Measured:
        """Weights whose accuracy and agreement are known."""
        terms = cost(self.layers, weights, None, {}).terms_per_mac
        return Measured(
            name,
            curve,
            terms,
            pairs=terms * DATA_BITS if allowed is None else allowed,
            executed=self._executed_pairs(weights),
            accuracy=right,
            agreement=agreement,
            published=self._published.get(name, ""),
            chosen=chosen,
        )

    def _executed_pairs(self, weights: Mapping[int, np.ndarray]) -> float:
        pairs = sum(
            float((term_count(weights[layer.index]) * self._data_terms[layer.index]).sum()) * layer.positions
            for layer in self.layers
        )
        return pairs / sum(layer.macs for layer in self.layers)


def mean_terms(layer: Layer, x: np.ndarray, most: int | None = None) -> np.ndarray:
    """float64 [K] or, depthwise, [rows, K]: mean terms of the activations that each weight meets, of each no more than
    the `most` largest."""
    taken = patches(layer.record, x, places(layer.record, len(x), np.random.default_rng(0)))
    count = term_count(taken.astype(np.int16))
    return (count if most is None else np.minimum(count, most)).mean(axis=-2)


def measure(subject: Subject, shared: Path, work: Path, workers: Workers) -> tuple[int, list[Measured]]:
    """(test samples, rows) of one model."""
    model = model_file(subject, shared)
    graph = parse(read_file(model))
    calibration, test = data_files(subject, graph, shared, work)
    x, labels = read_samples(test, graph)
    bench = Bench(graph, x, labels, subject.published)
    rows = [bench.measure("int8", "int8", lambda layer: layer.record.weights, BASELINE_PAIRS)]
    rows += _plain_rows(subject, bench)
    out = budget_file(subject, work)
    tuning = tune(model, calibration, out, goal_of(max_terms=subject.goal), data=test, workers=workers)
    rows += _calibrated_rows("calibrated", bench, tuning, out.with_suffix(".work"))
    if subject.accelerator:
        out = work / f"{subject.model}-g{subject.group}.toml"
        settings = Settings(group=subject.group)
        goal = goal_of(max_terms=1.0)
        tuning = tune(model, calibration, out, goal, settings=settings, data=test, workers=workers)
        rows += _calibrated_rows(f"calibrated g={subject.group}", bench, tuning, out.with_suffix(".work"))
    return len(x), rows


def model_file(subject: Subject, shared: Path) -> Path:
    """The subject's model."""
    return shared / "models" / f"{subject.model}.tflite"


def budget_file(subject: Subject, work: Path) -> Path:
    """Where a subject's tuned budget lies."""
    return work / f"{subject.model}.toml"


def data_files(subject: Subject, graph: Graph, shared: Path, work: Path) -> tuple[Path, Path]:
    """The calibration and the test file."""
    if subject.test:
        return shared / "data" / f"{subject.calibration}.npz", shared / "data" / f"{subject.test}.npz"
    size = graph.tensor(graph.inputs[0]).shape[1]
    files = []
    for photographs, count in ((CALIBRATION, CALIBRATION_CROPS), (TEST, TEST_CROPS)):
        files.append(work / f"{'-'.join(photographs)}-{size}.npz")
        np.savez(files[-1], x=crops(photographs, count, size, seed=size))
    return files[0], files[1]


def _plain_rows(subject: Subject, bench: Bench) -> Iterator[Measured]:
    """Uniform quantisation, and term revealing as published; with depthwise layers also with those left whole."""
    for bits in range(2, 7):

        def uniform(layer: Layer, bits: int = bits) -> np.ndarray:
            return quantised(layer.record.weights, bits)

        yield bench.measure(f"QT {bits} bits", "QT", uniform, bits * DATA_BITS)
    depthwise = any(isinstance(layer.record, DepthwiseParams) for layer in bench.layers)
    for whole in (False, True) if depthwise else (False,):
        curve = f"TR g={subject.group}{', depthwise whole' if whole else ''}"
        for most in subject.budgets:
            name = f"TR g={subject.group} k={most}{', depthwise whole' if whole else ''}"
            choose = revealing(subject.group, most, whole)
            yield bench.measure(name, curve, choose, None if whole else most / subject.group * DATA_BITS)


def revealing(group: int, most: int, depthwise_whole: bool = False) -> Reveal:
    """Term revealing as published."""

    def choose(layer: Layer) -> np.ndarray:
        if depthwise_whole and isinstance(layer.record, DepthwiseParams):
            return layer.record.weights
        return reveal(layer.record.weights, group, most, Encoding.PAPER).values

    return choose


def _calibrated_rows(name: str, bench: Bench, tuning: Tuning, work: Path) -> Iterator[Measured]:
    """The useful points of a tuning, by falling terms."""
    best = max(row.test_agreement for row in tuning.rows)
    for row in tuning.rows:
        if row.point.key == LOSSLESS or row.test_agreement < best - USEFUL:
            continue
        with np.load(work / f"{row.point.key}.npz") as arrays:
            weights = {layer.index: arrays[f"w{layer.index}"] for layer in bench.layers}
        yield bench.count(
            f"{name}{f', mean k={row.point.mean_k:.1f}' if row.point.mean_k else ''}",
            name,
            weights,
            row.test_accuracy,
            row.test_agreement,
            row.point.issued_per_mac * DATA_BITS,
            chosen=row == tuning.chosen,
        )
