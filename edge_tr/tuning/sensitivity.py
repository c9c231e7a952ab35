"""How much a layer's error matters: gradients of the logits, backwards through the linearised integer model.

The logits are what the last SOFTMAX reads, or an output without one; of several outputs all of them count, element
for element in steps of their own quantisation. A random projection p
of them, p_i = +-1, has E[(d p.logits / d a)^2] = sum_i (d logit_i / d a)^2, so a few projections a
sample stand for all classes (Hutchinson's estimator). Rounding counts as the identity; a clamped value has
no gradient. In a sequence gradients go back through the states from each step to the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.golden.ends import Given, Samples, sample_shape, samples_of
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.operators import DotParams

MAX_SAMPLES = 128
"""Inferences: of sequences as many as have so many steps together, and one at least."""
BATCH = 32
PROJECTIONS = 4


def sensitivities(graph: Graph, x: Given | Samples, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """float64 [m, rows] by operator index: for each of the first m samples or sequences of x, as many as MAX_SAMPLES
    says, the mean over its inferences and over projections of the sum over positions of the squared gradient with
    respect to a row's accumulator."""
    x = samples_of(graph, x)
    steps = x.steps or 1
    x = x.part(slice(max(1, MAX_SAMPLES // steps)))
    batches = [_of_batch(graph, x.part(slice(first, first + BATCH)), rng) for first in range(0, len(x), BATCH)]
    return {index: np.concatenate([of[index] for of in batches]) / (steps * PROJECTIONS) for index in batches[0]}


def _of_batch(graph: Graph, x: Samples, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """[n, rows] of some samples, summed over projections and steps."""
    steps, totals = _by_step(graph, computed(graph, x), x.steps), {}
    for _ in range(PROJECTIONS):
        for index, squares in _backward(graph, steps, rng).items():
            totals[index] = totals.get(index, 0.0) + squares
    return totals


def logits(graph: Graph) -> list[int]:
    """The tensors whose errors are to be small: quantised ones, for others have no gradient."""
    writers = {i: graph.writer(i) for i in dict.fromkeys(graph.outputs) if graph.tensor(i).quantization is not None}
    computed = {i: op for i, op in writers.items() if op is not None}
    return [op.inputs[0] if op.kind == "SOFTMAX" else i for i, op in computed.items()]


def computed(graph: Graph, x: Samples) -> dict[int, np.ndarray]:
    """Every tensor, inputs included, of samples x, or of all steps of sequences; states are what became of them."""
    kept = {i: _held(graph, i, x.leading) for i in graph.states}
    return {**x.values, **kept, **run(graph, x, keep="all").tensors}


def _held(graph: Graph, state: int, leading: tuple[int, ...]) -> np.ndarray:
    """A state that nothing updates, as often as there are inferences."""
    shape = sample_shape(graph.tensor(state))
    return np.broadcast_to(graph.states[state].reshape(shape), (*leading, *shape))


@dataclass(frozen=True)
class _Step:
    """Tensors [n, ...] of one step: `before`, the states that it began with, and all others with what these became."""

    before: Mapping[int, np.ndarray]
    values: Mapping[int, np.ndarray]


def _by_step(graph: Graph, values: Mapping[int, np.ndarray], steps: int | None) -> list[_Step]:
    """Of samples, or of sequences of `steps`."""
    states = {i: _held(graph, i, (len(next(iter(values.values()))),)) for i in graph.states}
    if steps is None:
        return [_Step(states, values)]
    each = [{i: of[:, step] for i, of in values.items()} for step in range(steps)]
    return [_Step(*of) for of in zip([states, *each], each)]


def _backward(graph: Graph, steps: Sequence[_Step], rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Squared gradients [n, rows] by operator index, summed over steps and positions, of one projection."""
    totals, gradients = {}, {}
    signs = np.array([-1.0, 1.0], np.float32)
    for step in reversed(steps):
        gradients |= {target: rng.choice(signs, step.values[target].shape) for target in logits(graph)}
        for index, squares in _step_backward(graph, step, gradients).items():
            totals[index] = totals.get(index, 0.0) + squares
        gradients = {state: gradients[state] for state in graph.states if state in gradients}
    return totals


def _step_backward(graph: Graph, step: _Step, gradients: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """The same of one step; `gradients`, by tensor index, of the outputs and of what the states became, go over into
    those of the inputs and of what the states were."""
    squares, values = {}, dict(step.values)
    for op in reversed(graph.ops):
        targets = (*op.outputs, *op.updates)
        given, outputs = [gradients.pop(i, None) for i in targets], [values[i] for i in targets]
        values |= {i: step.before[i] for i in op.updates}
        if all(of is None for of in given):
            continue
        record = op.record
        given = [np.zeros(y.shape, np.float32) if of is None else of for y, of in zip(outputs, given)]
        inputs = graph.activations(op)
        if isinstance(record, DotParams):
            gradient = record.accumulator_gradient(outputs[0], given[0])
            by_sample = np.square(gradient).reshape(len(outputs[0]), -1, gradient.shape[-1])
            squares[op.index] = by_sample.sum(axis=1, dtype=np.float64)
            parts = [record.input_gradient(gradient)]
        else:
            parts = record.all_gradients([values[i] for i in inputs], outputs, given)
        for tensor, part in zip(inputs, parts):
            part = part.reshape(values[tensor].shape)
            gradients[tensor] = gradients[tensor] + part if tensor in gradients else part
    return squares
