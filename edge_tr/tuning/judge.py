"""What a point loses on data that nobody showed it: estimated from samples that nets like it were not fitted to.

Accuracy. A sample whose answer changes loses p(its own choice) - p(the new choice) if the original's probabilities p
are right about themselves; with labels their temperature is fitted (Guo et al., ICML 2017), and the losses that labels
show are weighed in. Answers change seldom, so their number is a poor measure of one point alone; the divergence of the
outputs (Kullback-Leibler), of which every sample has some, is a good one, and losses are nearly in proportion to it:

    loss of a point = its divergence x losses / divergences, of the points around it

This is the smoothing that keeps the best of many noisy points from being taken for a good one. Standard errors are
those of BOOTSTRAPS resamplings of the samples, and what MISFIT and PRIOR allow for.

Other metrics are computed of all samples, each point for itself, and made to rise with the price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from edge_tr.golden.ends import real
from edge_tr.graph import Graph
from edge_tr.metrics import Metric
from edge_tr.tuning.quality import answers, ends_in_softmax, probabilities

BOOTSTRAPS = 200
NEIGHBOURS = np.log(3.0)
"""Points whose divergences are this far apart, as a logarithm, count exp(-1/2)."""
PRIOR = 0.3
"""Standard deviation of the true loss over what probabilities say, relative: how far labels may move it."""
MISFIT = 0.2
"""Likewise of one net's loss around the smooth curve."""
UNSEEN = 0.15
"""Samples' worth of loss that is added to all: none was seen is not none."""
COVERED = 0.9
TEMPERATURES = np.exp(np.linspace(-1.2, 1.6, 57))
LOWER_IS_BETTER = ("mse", "perplexity")
SHARES = ("accuracy", "top-5", "auc", "map")
"""Metrics from 0 to 1, whose losses are told in points of a hundred."""


@dataclass(frozen=True)
class Estimate:
    """Of a point: `loss` in points (of another metric than a share: in its units), its standard error, the part of that
    which more samples would shrink, and what the loss on `samples` other samples is between, nine times in ten."""

    loss: float
    error: float
    noise: float
    low: float
    high: float
    samples: int

    def at_most(self, sigmas: float) -> float:
        """The loss with so many standard errors on top."""
        return self.loss + sigmas * self.error


def one_sided(confidence: float) -> float:
    """Standard errors above the mean that a normal variable stays below with this probability."""
    return NormalDist().inv_cdf(confidence)


class Judge:
    """`output` is the original's first, int8 [n, ...]; `labels` as metrics take them, at least `y`, or nothing;
    `test_samples`: for which the interval is, None: as many as these. Of sequences of `steps`, outputs have one
    inference a row, and labels are [n, steps], or [n] for the last step. Outputs of several
    answers have a label each."""

    def __init__(
        self,
        graph: Graph,
        output: np.ndarray,
        labels: Mapping[str, np.ndarray],
        metric: Metric | None = None,
        test_samples: int | None = None,
        steps: int | None = None,
    ) -> None:
        self._graph, self._output, self._labels, self._metric, self._steps = graph, output, labels, metric, steps
        samples = len(output) // (steps or 1)
        self._samples = samples if test_samples is None else test_samples
        rng = np.random.default_rng(samples)
        self._draws = rng.multinomial(samples, np.full(samples, 1 / samples), BOOTSTRAPS)

    @property
    def of_accuracy(self) -> bool:
        """Whether losses are of accuracy, labels or not."""
        return self._metric is None or self._metric.name == "accuracy"

    @property
    def labelled(self) -> bool:
        """Whether labels were given."""
        return bool(self._labels)

    def estimates(self, outputs: Sequence[np.ndarray]) -> list[Estimate]:
        """Of points by rising price: int8 [n, ...] each, of nets that were not fitted to the sample."""
        return self._accuracies(outputs) if self.of_accuracy else self._figures(outputs)

    def _accuracies(self, outputs: Sequence[np.ndarray]) -> list[Estimate]:
        y, samples = self._labels.get("y"), self._draws.shape[1]
        looked = [answers(of, None if y is None else y.size) for of in (self._output, *outputs)]
        each = len(looked[0]) // samples
        changes = Changes.of(self._graph, looked[0], looked[1:], None if y is None else y.ravel())
        whole = np.ones((1, len(looked[0])))
        losses, drawn = changes.losses(whole)[0], changes.losses(np.repeat(self._draws, each, axis=1))
        noise = drawn.std(axis=0)
        errors = np.sqrt(np.square(noise) + np.square(losses) * (MISFIT**2 + np.square(PRIOR * (1 - changes.trust()))))
        spread = np.sqrt(changes.variances() / (self._samples * each))
        return [self._estimate(*values, 0.5 / self._samples) for values in zip(losses, errors, noise, spread)]

    def _estimate(self, loss: float, error: float, noise: float, spread: float, step: float) -> Estimate:
        """Of shares; `spread` is the standard deviation on the test set, where losses go by steps."""
        reach = one_sided((1 + COVERED) / 2) * np.hypot(error, spread) + step
        values = (100 * float(value) for value in (loss, error, noise, loss - reach, loss + reach))
        return Estimate(*values, self._samples)

    def _figures(self, outputs: Sequence[np.ndarray]) -> list[Estimate]:
        """A metric's own figure of all samples; its error by resampling them."""
        sign = -1.0 if self._metric.name in LOWER_IS_BETTER else 1.0
        scale = 0.01 if self._metric.name not in SHARES else 1.0
        rows = [np.repeat(np.arange(len(draw)), draw) for draw in self._draws[: BOOTSTRAPS // 4]]
        losses, spreads = [], []
        for output in outputs:
            losses.append(sign * scale * self._lost(output, slice(None)))
            spreads.append(np.std([sign * scale * self._lost(output, some) for some in rows]))
        rising = np.maximum.accumulate(losses)
        ratio = np.sqrt(self._draws.shape[1] / self._samples)
        return [self._estimate(loss, spread, spread, spread * ratio, 0.0) for loss, spread in zip(rising, spreads)]

    def _lost(self, output: np.ndarray, some: np.ndarray | slice) -> float:
        labels = {name: values[some] for name, values in self._labels.items()}
        index = self._graph.outputs[0]
        shape = (-1, *([] if self._steps is None else [self._steps]), *output.shape[1:])
        before, after = (
            self._metric.of(self._graph, {index: values.reshape(shape)[some]}, labels, self._steps)
            for values in (self._output, output)
        )
        return before - after


@dataclass(frozen=True)
class Changes:
    """By point and sample, float64 [points, n]: divergence, whether the answer changed, what the probabilities say that
    this loses, what the labels say (None without), and how probable it is that exactly one of the answers is right."""

    divergence: np.ndarray
    changed: np.ndarray
    expected: np.ndarray
    seen: np.ndarray | None
    decided: np.ndarray

    @classmethod
    def of(cls, graph: Graph, original: np.ndarray, outputs: Sequence[np.ndarray], y: np.ndarray | None) -> Changes:
        p = distribution(graph, original)
        q = [distribution(graph, output) for output in outputs]
        rows, choice = np.arange(len(p)), p.argmax(axis=1)
        trusted = p if y is None else tempered(p, temperature(p, y))
        choices = [of.argmax(axis=1) for of in q]
        before, after = trusted[rows, choice], np.array([trusted[rows, new] for new in choices])
        changed = np.array([new != choice for new in choices], dtype=float)
        seen = None if y is None else np.array([(choice == y) * 1.0 - (new == y) for new in choices])
        return cls(
            np.array([(p * np.log(p / of)).sum(axis=1) for of in q]),
            changed,
            changed * (before - after),
            seen,
            changed * (before + after) if seen is None else np.square(seen),
        )

    def losses(self, weights: np.ndarray) -> np.ndarray:
        """float64 [m, points]: of samples weighted in m ways, [m, n]."""
        count = weights.sum(axis=1, keepdims=True)
        divergence = weights @ self.divergence.T / count + 1e-12
        expected = (weights @ self.expected.T + UNSEEN) / count
        near = self._neighbours()
        ratio = (expected @ near) / (divergence @ near)
        if self.seen is not None:
            own = (weights @ self.seen.T / count) @ near / (divergence @ near)
            ratio = ratio + self.trust() * (own - ratio)
        return np.maximum(divergence * ratio, 0.0)

    def variances(self) -> np.ndarray:
        """float64 [points]: of one sample's loss."""
        share = (self.changed.sum(axis=1) + 1) / (self.changed.shape[1] + 1)
        return share * (self.decided.sum() + 1) / (self.changed.sum() + 1)

    def _neighbours(self) -> np.ndarray:
        """[points, points]: how much one counts for another."""
        at = np.log(self.divergence.mean(axis=1) + 1e-12)
        return np.exp(-0.5 * np.square((at[:, None] - at) / NEIGHBOURS))

    def trust(self) -> np.ndarray:
        """[points]: the weight of the labels beside the probabilities, by their variances."""
        near, samples = self._neighbours(), self.changed.shape[1]
        if self.seen is None:
            return np.zeros(len(near))
        sums = self.expected.mean(axis=1) @ near
        noise = ((self.seen - self.expected).T @ near).std(axis=0) / np.sqrt(samples)
        prior = PRIOR * (sums + UNSEEN / samples)
        return np.square(prior) / (np.square(prior) + np.square(noise) + 1e-30)


def distribution(graph: Graph, output: np.ndarray) -> np.ndarray:
    """float64 [n, classes], rows summing to 1: the first output as probabilities. Outputs that are none are logits; one
    element is that of class 1."""
    if ends_in_softmax(graph):
        return probabilities(output)
    tensor = graph.tensor(graph.outputs[0])
    values = np.asarray(real(tensor, output), dtype=np.float64).reshape(len(output), -1)
    if values.shape[1] == 1:
        one = np.clip(values, 1 / 512, 1 - 1 / 512)
        return np.hstack([1 - one, one])
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    powers += 1e-9
    return powers / powers.sum(axis=1, keepdims=True)


def temperature(p: np.ndarray, y: np.ndarray) -> float:
    """With which probabilities [n, classes] are likeliest to give the labels [n], of TEMPERATURES."""
    rows = np.arange(len(p))
    return max(TEMPERATURES, key=lambda t: np.log(tempered(p, t)[rows, y]).sum())


def tempered(p: np.ndarray, t: float) -> np.ndarray:
    """p^(1/t), normalised."""
    powers = p ** (1 / t)
    return powers / powers.sum(axis=1, keepdims=True)
