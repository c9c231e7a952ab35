"""How much a layer's error matters: gradients of the logits, backwards through the linearised integer model.

The logits are what the last SOFTMAX reads, or an output without one; of several outputs all of them count, element
for element in steps of their own quantisation. A random projection p
of them, p_i = +-1, has E[(d p.logits / d a)^2] = sum_i (d logit_i / d a)^2, so a few projections a
sample stand for all classes (Hutchinson's estimator). Rounding counts as the identity; a clamped value has
no gradient.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_tr.golden.ends import Given, Samples, samples_of
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.operators import DotParams

MAX_SAMPLES = 128
BATCH = 32
PROJECTIONS = 4


def sensitivities(graph: Graph, x: Given | Samples, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """float64 [rows] by operator index: the mean over samples x and projections of the sum over positions of the
    squared gradient with respect to a row's accumulator."""
    x = samples_of(graph, x).part(slice(MAX_SAMPLES))
    totals: dict[int, np.ndarray] = {}
    for first in range(0, len(x), BATCH):
        values = computed(graph, x.part(slice(first, first + BATCH)))
        for _ in range(PROJECTIONS):
            for index, squares in _backward(graph, values, rng).items():
                totals[index] = totals.get(index, 0.0) + squares
    return {index: total / (len(x) * PROJECTIONS) for index, total in totals.items()}


def logits(graph: Graph) -> list[int]:
    """The tensors whose errors are to be small: quantised ones, for others have no gradient."""
    writers = {i: graph.writer(i) for i in dict.fromkeys(graph.outputs) if graph.tensor(i).quantization is not None}
    computed = {i: op for i, op in writers.items() if op is not None}
    return [op.inputs[0] if op.kind == "SOFTMAX" else i for i, op in computed.items()]


def computed(graph: Graph, x: Samples) -> dict[int, np.ndarray]:
    """Every tensor, inputs included, of samples x."""
    return {**x.values, **run(graph, x, keep="all").tensors}


def _backward(graph: Graph, values: Mapping[int, np.ndarray], rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Squared gradients [rows] by operator index, summed over samples and positions, of one projection."""
    signs = np.array([-1.0, 1.0], np.float32)
    gradients = {target: rng.choice(signs, values[target].shape) for target in logits(graph)}
    squares = {}
    for op in reversed(graph.ops):
        given = [gradients.pop(i, None) for i in op.outputs]
        if all(of is None for of in given):
            continue
        record, outputs = op.record, [values[i] for i in op.outputs]
        given = [np.zeros(y.shape, np.float32) if of is None else of for y, of in zip(outputs, given)]
        inputs = graph.activations(op)
        if isinstance(record, DotParams):
            gradient = record.accumulator_gradient(outputs[0], given[0])
            squares[op.index] = np.square(gradient).reshape(-1, gradient.shape[-1]).sum(axis=0, dtype=np.float64)
            parts = [record.input_gradient(gradient)]
        else:
            parts = record.all_gradients([values[i] for i in inputs], outputs, given)
        for tensor, part in zip(inputs, parts):
            part = part.reshape(values[tensor].shape)
            gradients[tensor] = gradients[tensor] + part if tensor in gradients else part
    return squares
