"""How close a changed classifier is to the original one: measured on outputs alone, no labels needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph


@dataclass(frozen=True)
class Quality:
    """Of int8 outputs [n, classes] against the original's.

    agreement   % of samples with the same largest output
    loss        points of accuracy that this costs if the original's softmax is right about itself: the mean
                of p(its own choice) - p(the new choice), in %. Without a softmax: 100 - agreement
    divergence  mean Kullback-Leibler divergence of the outputs as probabilities, nats
    """

    agreement: float
    loss: float
    divergence: float


def quality(original: np.ndarray, output: np.ndarray, softmax: bool) -> Quality:
    """Compare int8 [n, ...] with int8 [n, ...], by answers; `softmax`: outputs are probabilities, (y + 128) / 256."""
    original, output = answers(original), answers(output)
    rows = np.arange(len(original))
    choice, new_choice = original.argmax(axis=1), output.argmax(axis=1)
    agreement = 100.0 * float((choice == new_choice).mean())
    p, q = probabilities(original), probabilities(output)
    loss = 100.0 * float((p[rows, choice] - p[rows, new_choice]).mean()) if softmax else 100.0 - agreement
    return Quality(agreement, loss, float((p * np.log(p / q)).sum(axis=1).mean()))


def accuracy(output: np.ndarray, labels: np.ndarray) -> float:
    """% of the labelled answers of int8 [n, ...] that are the label."""
    return 100.0 * float((answers(output, labels.size).argmax(axis=1) == labels.ravel()).mean())


def answers(output: np.ndarray, count: int | None = None) -> np.ndarray:
    """int8 [m, classes] of [n, ..., classes]: each row along the last axis is an answer; an axis of one element is
    none. With a `count` those that have labels: of so many answers the last of each few."""
    classes = output.shape[-1]
    rows = output.reshape(-1, classes) if classes > 1 else output.reshape(len(output), -1)
    each = 1 if count is None else max(1, len(rows) // count)
    return rows[each - 1 :: each]


def ends_in_softmax(graph: Graph) -> bool:
    """Whether the first output is of a SOFTMAX."""
    writer = graph.writer(graph.outputs[0])
    return writer is not None and writer.kind == "SOFTMAX"


def probabilities(y: np.ndarray) -> np.ndarray:
    """float64 [n, classes] in (0, 1), rows summing to 1: half a step is added, so none is 0."""
    steps = y.astype(np.float64) + 128.5
    return steps / steps.sum(axis=1, keepdims=True)
