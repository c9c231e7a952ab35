"""The estimated loss against what is known: populations that are drawn from, of which the true loss is computed."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.metrics import metric_of
from edge_tr.tuning.fit import FOLDS, held_out
from edge_tr.tuning.judge import MISFIT, Judge, one_sided, temperature, tempered

CLASSES = 6
NOISE = (0.1, 0.17, 0.3, 0.5)
"""In logits: divergences about three times apart, as on a tuning's ladder."""


def classifier():
    """A graph whose output is that of a SOFTMAX over CLASSES."""
    model = ModelWriter()
    x = model.activation((1, CLASSES), 0.1)
    y = model.activation((1, CLASSES), 1 / 256, -128)
    model.op("SOFTMAX", [x], [y], beta=1.0)
    return parse(model.finish([x], [y]))


class Population:
    """Samples with labels drawn from the original's probabilities, made `sharper` than they are, and outputs of ever
    worse nets."""

    def __init__(self, seed: int, samples: int, sharper: float = 1.0) -> None:
        rng = np.random.default_rng(seed)
        logits = rng.normal(0, 3.0, (samples, CLASSES))
        self.truth = tempered(softmax(logits), sharper)
        self.y = (self.truth.cumsum(axis=1) > rng.random((samples, 1))).argmax(axis=1)
        noise = rng.normal(0, 1, (samples, CLASSES))
        self.original = steps(logits)
        self.outputs = [steps(logits + size * noise) for size in NOISE]

    def losses(self, some: np.ndarray) -> np.ndarray:
        right = [np.mean(o[some].argmax(axis=1) == self.y[some]) for o in (self.original, *self.outputs)]
        return 100 * (right[0] - np.array(right[1:]))

    def expected(self) -> np.ndarray:
        """Of all samples, whatever labels were drawn."""
        rows = np.arange(len(self.truth))
        right = [self.truth[rows, o.argmax(axis=1)].mean() for o in (self.original, *self.outputs)]
        return 100 * (right[0] - np.array(right[1:]))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def steps(logits: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(softmax(logits) * 256) - 128, -128, 127).astype(np.int8)


@pytest.fixture(scope="module")
def graph():
    return classifier()


@pytest.mark.parametrize("sharper", [1.0, 0.5])
def test_nine_in_ten_intervals_hold_the_loss_of_a_test_set(graph, sharper):
    """300 samples to judge by, 700 others to test on, forty times; with labels, also for a model that is less sure of
    itself than it should be. Estimates are right on average."""
    inside, differences, true = [], [], []
    for seed in range(40):
        of = Population(seed, 1000, sharper)
        seen, others = np.arange(300), np.arange(300, 1000)
        judge = Judge(graph, of.original[seen], {"y": of.y[seen]}, test_samples=len(others))
        estimates = judge.estimates([o[seen] for o in of.outputs])
        losses = of.losses(others)
        inside += [e.low <= loss <= e.high for e, loss in zip(estimates, losses)]
        differences.append([e.loss - loss for e, loss in zip(estimates, losses)])
        true.append(losses)
    assert np.mean(inside) >= 0.85
    assert (np.abs(np.mean(differences, axis=0)) <= 0.25 * np.mean(true, axis=0) + 0.15).all()


def test_without_labels_the_models_own_probabilities_are_believed(graph):
    """They are right here; how far they might be wrong is in the error, which many labels make smaller."""
    of = Population(3, 20000)
    with_labels, without = (Judge(graph, of.original, labels).estimates(of.outputs) for labels in ({"y": of.y}, {}))
    for known, guessed, loss in zip(with_labels, without, of.expected()):
        assert guessed.loss == pytest.approx(loss, rel=0.25, abs=0.05)
        assert guessed.error / guessed.loss > known.error / known.loss > MISFIT
    assert [e.loss for e in without] == sorted(e.loss for e in without)


def test_what_changes_nothing_loses_little_and_is_not_taken_for_certain(graph):
    of = Population(5, 200)
    (estimate,) = Judge(graph, of.original, {"y": of.y}).estimates([of.original])
    assert 0 <= estimate.loss < 0.1 and estimate.high > 0.4


def test_a_temperature_undoes_sharpening():
    rng = np.random.default_rng(1)
    p = softmax(rng.normal(0, 2, (4000, 5)))
    y = (p.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    assert temperature(tempered(p, 0.5), y) == pytest.approx(2.0, rel=0.1)


def test_another_metric_is_told_in_its_own_units_and_never_falls_as_terms_go(graph):
    of, metric = Population(7, 150), metric_of("perplexity")
    losses = [e.loss for e in Judge(graph, of.original, {"y": of.y}, metric).estimates(of.outputs)]
    before, *after = (metric.of(graph, {graph.outputs[0]: o}, {"y": of.y}) for o in (of.original, *of.outputs))
    assert losses == pytest.approx(np.maximum.accumulate(np.array(after) - before)) and losses[-1] > 0


def test_every_sample_is_held_out_once():
    parts = [held_out(53, fold, seed=4) for fold in range(FOLDS)]
    assert sorted(np.concatenate(parts)) == list(range(53)) and {len(p) for p in parts} <= {10, 11}
    assert one_sided(0.95) == pytest.approx(1.645, abs=1e-3)
