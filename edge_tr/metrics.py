"""How good a model's outputs are: figures that `check --metric` computes of the device's, golden's and the model's own.

All of them see real numbers, scale * (q - zero point), and labels from the data file. Built in, of the first output:

accuracy    fraction of samples whose largest output is the label; of outputs of one element: above 0.5 for label 1, not
            above it for 0
top-5       fraction of samples whose label is among the five largest outputs, of equal ones the first
auc         area under the ROC curve of a score, for labels 0 and 1: the probability that a sample of label 1 scores
            higher than one of label 0, equal scores counting half (Mann-Whitney). The score is the output's one
            element, or the second of two less the first
mse         mean squared difference from `y`, real numbers of the output's shape
perplexity  exp of the mean negative log probability of the label. The output is read as what its operator makes: of
            SOFTMAX probabilities, to each of which half a step is added, so none is 0, before their sum becomes 1; of
            LOG_SOFTMAX logarithms; of any other logits
map         mean over classes of the average precision, sum of (R_n - R_n-1) P_n over falling scores, equal ones
            together (as scikit-learn's average_precision_score, macro). `y` is a class a sample, or 0 and 1 for every
            class; classes without a sample are left out
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.golden.ends import real
from edge_tr.graph import Graph

LABELS = "y"
Labels = Mapping[str, np.ndarray]
Function = Callable[[Mapping[str, np.ndarray], Labels], float]


@dataclass(frozen=True)
class Scores:
    """The first output of every inference that has a label, float64 [m, elements], and what its operator is."""

    values: np.ndarray
    kind: str
    step: float  # of its quantisation


@dataclass(frozen=True)
class Metric:
    """A figure. `built_in` takes scores and `y`; `own`, a user's, all outputs by name and all labels."""

    name: str
    built_in: Callable[[Scores, np.ndarray], float] | None = None
    own: Function | None = None

    def of(self, graph: Graph, outputs: Mapping[int, np.ndarray], labels: Labels, steps: int | None = None) -> float:
        """Of a graph's outputs by tensor index, [n, ...], or [n, steps, ...] of sequences; UsageError for labels that
        do not fit."""
        if self.own is not None:
            return self._of_users(graph, outputs, labels)
        if LABELS not in labels:
            raise UsageError(f"--metric {self.name} needs labels: an array {LABELS} in the data file")
        try:
            return float(self.built_in(scores_of(graph, outputs, labels[LABELS], steps), labels[LABELS]))
        except ValueError as error:
            raise UsageError(f"--metric {self.name}: {error}") from error

    def _of_users(self, graph: Graph, outputs: Mapping[int, np.ndarray], labels: Labels) -> float:
        values = {
            given.name: real(graph.tensor(index), outputs[index])
            for index, given in zip(graph.outputs, graph.file_outputs)
        }
        try:
            return float(self.own(values, labels))
        except Exception as error:  # whatever a user's function raises
            raise UsageError(f"--metric {self.name}: {type(error).__name__}: {error}") from error


def metric_of(name: str) -> Metric:
    """The metric that a command line names; UsageError says what is possible."""
    if name in _BUILT_IN:
        return Metric(name, built_in=_BUILT_IN[name])
    module, colon, function = name.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), function]):
        raise UsageError(f"--metric {name}: use {', '.join(_BUILT_IN)}, or MODULE:FUNCTION of your own")
    sys.path.insert(0, "")
    try:
        own = getattr(importlib.import_module(module), function, None)
    except Exception as error:  # whatever a user's module raises
        raise UsageError(f"--metric {name}: {module} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    if not callable(own):
        raise UsageError(f"--metric {name}: {module} has no function {function}")
    return Metric(name, own=own)


def scores_of(graph: Graph, outputs: Mapping[int, np.ndarray], y: np.ndarray, steps: int | None) -> Scores:
    """Of the inferences that have labels: of sequences all, if `y` is [n, steps, ...], else the last of each. An output
    of several rows has an answer in each, if there is an integer label for each."""
    index = graph.outputs[0]
    output, tensor = outputs[index], graph.tensor(index)
    if steps is not None and y.shape[1:2] != (steps,):
        output = output[:, -1]
    writer, scale = graph.writer(index), 1.0 if tensor.quantization is None else float(tensor.quantization.scale[0])
    values = real(tensor, output).astype(np.float64).reshape(-1, tensor.size)
    classes = tensor.shape[-1]
    if classes > 1 and y.dtype.kind in "iub" and y.size * classes == values.size:
        values = values.reshape(-1, classes)
    return Scores(values, "" if writer is None else writer.kind, scale)


def _classes(scores: Scores, y: np.ndarray) -> np.ndarray:
    """y as a class for each row of the scores."""
    rows, classes = scores.values.shape
    if y.dtype.kind not in "iub" or y.size != rows:
        raise ValueError(f"y must be {rows} integer labels, got {y.dtype} {list(y.shape)}")
    most = max(classes, 2)
    if y.min() < 0 or y.max() >= most:
        raise ValueError(f"y holds labels {y.min()} to {y.max()}, the model has classes 0 to {most - 1}")
    return y.reshape(-1).astype(np.int64)


def _accuracy(scores: Scores, y: np.ndarray) -> float:
    labels, values = _classes(scores, y), scores.values
    choices = values[:, 0] > 0.5 if values.shape[1] == 1 else values.argmax(axis=1)
    return np.mean(choices == labels)


def _top_5(scores: Scores, y: np.ndarray) -> float:
    labels = _classes(scores, y)
    best = np.argsort(-scores.values, axis=1, kind="stable")[:, :5]
    return np.mean((best == labels[:, None]).any(axis=1))


def _auc(scores: Scores, y: np.ndarray) -> float:
    values = scores.values
    if values.shape[1] > 2:
        raise ValueError(f"a score is one element, or two; the output has {values.shape[1]}: use MODULE:FUNCTION")
    labels, score = _classes(scores, y), values[:, -1] - (values[:, 0] if values.shape[1] == 2 else 0.0)
    positive = np.sort(score[labels == 1])
    negative = score[labels == 0]
    if not len(positive) or not len(negative):
        raise ValueError("needs samples of label 0 and of label 1")
    below, until = (np.searchsorted(positive, negative, side) for side in ("left", "right"))
    return 1.0 - np.mean((below + until) / 2.0) / len(positive)


def _mse(scores: Scores, y: np.ndarray) -> float:
    if y.size != scores.values.size or y.dtype.kind not in "iubf":
        raise ValueError(f"y must be {scores.values.size} numbers, one for each output, got {y.dtype} {list(y.shape)}")
    return np.mean(np.square(scores.values - y.reshape(scores.values.shape)))


def _perplexity(scores: Scores, y: np.ndarray) -> float:
    labels, values = _classes(scores, y), scores.values
    if scores.kind == "SOFTMAX":
        shares = values + scores.step / 2
        logs = np.log(shares / shares.sum(axis=1, keepdims=True))
    elif scores.kind == "LOG_SOFTMAX":
        logs = values
    else:
        above = values - values.max(axis=1, keepdims=True)
        logs = above - np.log(np.exp(above).sum(axis=1, keepdims=True))
    return math.exp(-np.mean(logs[np.arange(len(labels)), labels]))


def _mean_average_precision(scores: Scores, y: np.ndarray) -> float:
    values = scores.values
    if y.size == values.size and values.shape[1] > 1:
        hits = y.reshape(values.shape)
        if not np.isin(hits, (0, 1)).all():
            raise ValueError("y must be a class a sample, or 0 and 1 for every class")
    else:
        hits = _classes(scores, y)[:, None] == (np.arange(values.shape[1]) if values.shape[1] > 1 else np.array([1]))
    found = [_average_precision(values[:, c], hits[:, c] != 0) for c in range(values.shape[1]) if hits[:, c].any()]
    if not found:
        raise ValueError("no class has a sample")
    return np.mean(found)


def _average_precision(score: np.ndarray, hit: np.ndarray) -> float:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # the last of each run of equal scores
    right = np.cumsum(hit[order])[ends]
    return float(np.sum(np.diff(right, prepend=0) / right[-1] * right / (ends + 1)))


_BUILT_IN: dict[str, Callable[[Scores, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "top-5": _top_5,
    "auc": _auc,
    "mse": _mse,
    "perplexity": _perplexity,
    "map": _mean_average_precision,
}
NAMES = tuple(_BUILT_IN)
ACCURACY = Metric("accuracy", built_in=_accuracy)
