"""How much a layer's error matters: gradients of the logits, backwards through the linearised integer model.

The logits are what the last SOFTMAX reads, or an output without one; of several outputs all of them count, element
for element in steps of their own quantisation. A random projection p
of them, p_i = +-1, has E[(d p.logits / d a)^2] = sum_i (d logit_i / d a)^2, so a few projections a
sample stand for all classes (Hutchinson's estimator). Rounding counts as the identity; a clamped value has
no gradient. In a sequence gradients go back through the states from each step to the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_tr.golden.ends import Given, Samples, samples_of
from edge_tr.graph import Graph
from edge_tr.operators import DotParams, parts_of
from edge_tr.tuning.reads import Step, by_step, computed

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
    steps, totals = by_step(graph, computed(graph, x), x.steps), {}
    for _ in range(PROJECTIONS):
        for index, squares in _backward(graph, steps, rng).items():
            totals[index] = totals.get(index, 0.0) + squares
    return totals


def logits(graph: Graph) -> list[int]:
    """The tensors whose errors are to be small: quantised ones, for others have no gradient."""
    writers = {i: graph.writer(i) for i in dict.fromkeys(graph.outputs) if graph.tensor(i).quantization is not None}
    computed = {i: op for i, op in writers.items() if op is not None}
    return [op.inputs[0] if op.kind == "SOFTMAX" else i for i, op in computed.items()]


def _backward(graph: Graph, steps: Sequence[Step], rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Squared gradients [n, rows] by operator index, summed over steps and positions, of one projection."""
    totals, gradients = {}, {}
    signs = np.array([-1.0, 1.0], np.float32)
    for step in reversed(steps):
        gradients |= {target: rng.choice(signs, step.values[target].shape) for target in logits(graph)}
        for index, squares in _step_backward(graph, step, gradients).items():
            totals[index] = totals.get(index, 0.0) + squares
        gradients = {state: gradients[state] for state in graph.states if state in gradients}
    return totals


def _step_backward(graph: Graph, step: Step, gradients: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """The same of one step; `gradients`, by tensor index, of the outputs and of what the states became, go over into
    those of the inputs and of what the states were."""
    squares, values = {}, step.values
    for op in reversed(graph.ops):
        targets = (*op.outputs, *op.updates)
        given, outputs = [gradients.pop(i, None) for i in targets], [values[i] for i in targets]
        if all(of is None for of in given):
            continue
        given = [np.zeros(y.shape, np.float32) if of is None else of for y, of in zip(outputs, given)]
        inputs = step.inputs(graph, op)
        if isinstance(op.record, DotParams):
            gradient = op.record.accumulator_gradient(outputs[0], given[0])
            found, sums = [op.record.input_gradient(gradient)], {op.index: gradient}
        else:
            found, named = op.record.backward(inputs, outputs, given)
            sums = {part.index: named[part.part] for part in parts_of(op) if part.part in named}
        for index, gradient in sums.items():
            by_sample = np.square(gradient).reshape(len(outputs[0]), -1, gradient.shape[-1])
            squares[index] = by_sample.sum(axis=1, dtype=np.float64)
        for tensor, values_read, part in zip(graph.activations(op), inputs, found):
            part = part.reshape(values_read.shape)
            gradients[tensor] = gradients[tensor] + part if tensor in gradients else part
    return squares
