"""Figures of outputs against labels, by their definitions written another way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.golden.ends import real
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.metrics import NAMES, metric_of
from tests.models.with_ends import shared_ends, stream

SCALE = 0.05


def model(classes: int, kind: str = "QUANTIZE", shape: tuple[int, ...] | None = None) -> Graph:
    """One operator that makes `classes` values of as many, in one row or a `shape`."""
    writer = ModelWriter()
    quantization = {"SOFTMAX": (1 / 256, -128), "LOG_SOFTMAX": (16 / 256, 127)}.get(kind, (SCALE, 3))
    x, y = (writer.activation(shape or (1, classes), *of) for of in ((SCALE, 3), quantization))
    options = {"beta": 1.0} if kind == "SOFTMAX" else {}
    if kind == "QUANTIZE":
        y = writer.activation(shape or (1, classes), 2 * SCALE, 3)
    writer.op(kind, [x], [y], **options)
    return parse(writer.finish([x], [y]))


def drawn(graph: Graph, n: int = 60, few: bool = False) -> dict[int, np.ndarray]:
    """The outputs of random samples; `few` values, so that many are equal."""
    shape = (n, *graph.tensor(graph.inputs[0]).shape[1:])
    x = np.random.default_rng(7).integers(-128, 128, shape) // (40 if few else 1) * (40 if few else 1)
    return dict(run(graph, np.clip(x, -128, 127).astype(np.int8)).outputs)


def labels(n: int, classes: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, classes, n)


def figure(name: str, graph: Graph, outputs: dict[int, np.ndarray], y: np.ndarray, steps: int | None = None) -> float:
    return metric_of(name).of(graph, outputs, {"y": y}, steps)


def reals(graph: Graph, outputs: dict[int, np.ndarray]) -> np.ndarray:
    index = graph.outputs[0]
    return real(graph.tensor(index), outputs[index]).astype(np.float64)


@pytest.mark.parametrize("name", ["accuracy", "top-5", "perplexity"])
def test_an_output_of_several_rows_has_a_label_for_each(name):
    """As if each row were an inference of its own."""
    together, alone = model(3 * 7, shape=(1, 3, 7)), model(7)
    outputs, y = drawn(together), labels(60 * 3, 7)
    index = together.outputs[0]
    rows = {alone.outputs[0]: outputs[index].reshape(-1, 7)}
    assert figure(name, together, outputs, y.reshape(60, 3)) == pytest.approx(figure(name, alone, rows, y))


@pytest.mark.parametrize("few", [False, True])
def test_accuracy_and_top_5(few):
    graph = model(9)
    outputs, y = drawn(graph, few=few), labels(60, 9)
    ranked = [sorted(range(9), key=lambda c, row=row: (-row[c], c)) for row in reals(graph, outputs)]
    assert figure("accuracy", graph, outputs, y) == np.mean([rank[0] == label for rank, label in zip(ranked, y)])
    assert figure("top-5", graph, outputs, y) == np.mean([label in rank[:5] for rank, label in zip(ranked, y)])


def test_one_element_is_class_1_above_a_half():
    graph = model(1)
    outputs, y = drawn(graph), labels(60, 2)
    expected = np.mean((reals(graph, outputs)[:, 0] > 0.5) == y)
    assert figure("accuracy", graph, outputs, y) == expected and 0 < expected < 1


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("few", [False, True])
def test_auc_is_the_share_of_pairs_that_are_in_order(classes, few):
    graph = model(classes)
    outputs, y = drawn(graph, few=few), labels(60, 2)
    values = reals(graph, outputs)
    score = values[:, 0] if classes == 1 else values[:, 1] - values[:, 0]
    pairs = [(p > n) + 0.5 * (p == n) for p, n in itertools.product(score[y == 1], score[y == 0])]
    assert figure("auc", graph, outputs, y) == pytest.approx(np.mean(pairs), abs=1e-12)


def test_mse_is_of_real_numbers():
    graph = model(4)
    outputs, wanted = drawn(graph), np.random.default_rng(9).normal(size=(60, 4))
    expected = sum((a - b) ** 2 for a, b in zip(reals(graph, outputs).ravel(), wanted.ravel())) / 240
    assert figure("mse", graph, outputs, wanted) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["SOFTMAX", "LOG_SOFTMAX", "QUANTIZE"])
def test_perplexity_reads_the_output_as_its_operator_makes_it(kind):
    graph = model(6, kind)
    outputs, y = drawn(graph), labels(60, 6)
    total = 0.0
    for row, label in zip(reals(graph, outputs), y):
        shares = [v + 1 / 512 for v in row] if kind == "SOFTMAX" else [math.exp(v) for v in row]
        total += row[label] if kind == "LOG_SOFTMAX" else math.log(shares[label] / sum(shares))
    assert figure("perplexity", graph, outputs, y) == pytest.approx(math.exp(-total / 60))


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_map_is_the_area_under_precision_over_recall(few, many):
    graph = model(5)
    outputs = drawn(graph, few=few)
    hits = np.random.default_rng(10).random((60, 5)) < 0.3 if many else np.eye(5, dtype=bool)[labels(60, 5)]
    found = []
    for score, hit in zip(reals(graph, outputs).T, hits.T):
        before, area = 0.0, 0.0
        for threshold in sorted(set(score), reverse=True):
            above = score >= threshold
            recall, precision = hit[above].sum() / hit.sum(), hit[above].mean()
            area, before = area + (recall - before) * precision, recall
        found.append(area)
    y = hits.astype(np.int64) if many else hits.argmax(axis=1)
    assert figure("map", graph, outputs, y) == pytest.approx(np.mean(found))


def test_labels_of_sequences_are_of_every_step_or_of_the_last():
    graph = parse(stream())
    x = np.random.default_rng(4).integers(-128, 128, (7, 4, 1, 5)).astype(np.int8)
    outputs = dict(run(graph, x).outputs)
    choices, y = outputs[graph.outputs[0]].argmax(axis=2), labels(28, 5).reshape(7, 4)
    assert figure("accuracy", graph, outputs, y, 4) == np.mean(choices == y)
    assert figure("accuracy", graph, outputs, y[:, -1], 4) == np.mean(choices[:, -1] == y[:, -1])


def test_a_function_of_ones_own_gets_all_outputs_by_name_and_all_labels(tmp_path, monkeypatch):
    graph = parse(shared_ends())
    rng = np.random.default_rng(5)
    outputs = dict(run(graph, {i: rng.integers(-128, 128, (4, 3, 4)).astype(np.int8) for i in graph.inputs}).outputs)
    (tmp_path / "own_figure.py").write_text(
        "def spread(outputs, labels):\n    return max(outputs[name].max() for name in outputs) - labels['offset'][0]\n"
        "def broken(outputs, labels):\n    return labels['nothing']\n"
    )
    monkeypatch.chdir(tmp_path)
    names = {tensor.name for tensor in graph.file_outputs}
    largest = max(real(graph.tensor(i), values).max() for i, values in outputs.items())
    assert len(names) == 4
    assert metric_of("own_figure:spread").of(graph, outputs, {"offset": np.array([0.5])}) == pytest.approx(
        largest - 0.5
    )
    with pytest.raises(UsageError, match="own_figure:broken: KeyError: 'nothing'"):
        metric_of("own_figure:broken").of(graph, outputs, {})
    with pytest.raises(UsageError, match="own_figure has no function nothing"):
        metric_of("own_figure:nothing")
    with pytest.raises(UsageError, match="no_such_module cannot be imported: ModuleNotFoundError"):
        metric_of("no_such_module:spread")
    with pytest.raises(UsageError, match=f"use {', '.join(NAMES)}, or MODULE:FUNCTION"):
        metric_of("f1")


@pytest.mark.parametrize(
    ("name", "classes", "y", "message"),
    [
        ("accuracy", 9, np.zeros(59, int), r"y must be 60 integer labels, got int64 \[59\]"),
        ("accuracy", 9, np.full(60, 9), "y holds labels 9 to 9, the model has classes 0 to 8"),
        ("top-5", 9, np.zeros(60), r"y must be 60 integer labels, got float64 \[60\]"),
        ("auc", 9, np.zeros(60, int), "the output has 9: use MODULE:FUNCTION"),
        ("auc", 1, np.zeros(60, int), "samples of label 0 and of label 1"),
        ("mse", 4, np.zeros((60, 3)), r"y must be 240 numbers, one for each output, got float64 \[60, 3\]"),
        ("map", 4, np.full((60, 4), 2), "0 and 1 for every class"),
        ("map", 1, np.zeros(60, int), "no class has a sample"),
    ],
)
def test_labels_that_do_not_fit_are_named(name, classes, y, message):
    graph = model(classes)
    with pytest.raises(UsageError, match=f"--metric {name}: .*{message}"):
        figure(name, graph, drawn(graph), y)
    with pytest.raises(UsageError, match="an array y in the data file"):
        metric_of(name).of(graph, drawn(graph), {})
