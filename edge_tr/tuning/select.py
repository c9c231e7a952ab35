"""Layer after layer: choose terms, correct biases, and feed what comes out to the next layer.

Each layer's target makes up for what earlier layers lost: the original layer's accumulators, which saw the
original inputs X0, regressed on the inputs X that this layer now gets (sequential error
compensation, as in GPTQ). With H = E[X^T X] and C = E[X^T X0], w* = w C^T H^-1; then

    E[(X0 w^T - X q^T)^2] = (w* - q) H (w* - q)^T + what no weights can reach.

Means are left out of H and C where the layer has a bias of its own, as the bias takes the whole mean
shift; it costs nothing at run time.

Of a model with states every step of every sequence is a sample of each layer. What a layer reads now hangs on what all
layers did in the steps before, so all sequences run anew for each layer, with those chosen so far; once for the gates
of an LSTM that read its input, once for those that read its output a step before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.golden.ends import Given, Samples, sample_shape, samples_of
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.rewrite import BIAS_INPUT, WEIGHTS_INPUT, rewrite_biases, rewrite_weights, sole_readers
from edge_tr.ir.tflite import parse
from edge_tr.operators import DepthwiseParams, DotParams, Record, dots_of, with_dots, with_weights
from edge_tr.tr.requant import Rounding
from edge_tr.tuning.cost import Layer, dot_layers
from edge_tr.tuning.moments import Places, damping, mean_patch, patches, places, second_moments
from edge_tr.tuning.reads import computed, inferences, inferences_of, read
from edge_tr.tuning.sensitivity import sensitivities

SMALLEST_SENSITIVITY = 1e-3
"""Of the layer's mean: a channel that seems dead on the calibration set may not be elsewhere."""
CHUNK = 32
"""Samples that golden runs at a time."""


@dataclass(frozen=True)
class Calibration:
    """What all points of one tuning share.

    data         the model file's bytes
    x            the graph's inputs
    output       int8 [n, ...], what the original net gives first in each inference, of sequences one step after the
                 other
    inputs       int8 [n, ...] by operator index: what each layer reads in the original net, likewise
    squares      float64 [m, rows] by operator index: see `sensitivities`
    fitted       intp: the samples or sequences that weights and biases are chosen on; the others only run through the
                 net
    biased       operators whose biases may change, `free` whose weights may
    """

    data: bytes
    graph: Graph
    x: Samples
    output: np.ndarray
    layers: tuple[Layer, ...]
    inputs: Mapping[int, np.ndarray]
    squares: Mapping[int, np.ndarray]
    fitted: np.ndarray
    biased: frozenset[int]
    free: frozenset[int]
    seed: int

    def sensitivity(self, index: int, rows: int) -> np.ndarray:
        """float64 [rows] of an operator: the mean over what is fitted to; ones where nothing is known."""
        squares = self.squares.get(index)
        known = self.fitted if squares is None else self.fitted[self.fitted < len(squares)]
        return np.ones(rows) if squares is None or not len(known) else squares[known].mean(axis=0)


@dataclass(frozen=True)
class Problem:
    """One layer's choice: minimise sensitivity * (w - q) H (w - q)^T under a cost.

    target       float64 [rows, K]
    covariance   float64 [K, K] or, depthwise, [rows, K, K]: H, damped
    sensitivity  float64 [rows]
    """

    layer: Layer
    target: np.ndarray
    covariance: np.ndarray
    sensitivity: np.ndarray


Choose = Callable[[Problem], np.ndarray]
"""Weights [rows, K] for a problem, of the record's type."""


@dataclass(frozen=True)
class Selection:
    """Weights [rows, K] of the records' types and int32 [rows] biases by operator index, of every layer; `output` is
    what the net with them gives first on the calibration set, int8 [n, ...]."""

    weights: Mapping[int, np.ndarray]
    biases: Mapping[int, np.ndarray]
    output: np.ndarray


def calibrate(data: bytes, x: Given | Samples, seed: int = 0) -> Calibration:
    """Run the original model `data` on samples x and measure its sensitivities."""
    graph = parse(data)
    x = samples_of(graph, x)
    tensors, layers = computed(graph, x), tuple(dot_layers(graph))
    if not layers:
        kinds = ", ".join(dict.fromkeys(op.kind for op in graph.ops))
        raise UsageError(
            "tune has nothing to choose: it changes convolutions and fully connected layers, the model has "
            f"{kinds}; build it with --budget g=8,k=12 or others of your own"
        )
    return Calibration(
        data=data,
        graph=graph,
        x=x,
        output=inferences(x, tensors[graph.outputs[0]]),
        layers=layers,
        inputs=read(graph, x, tensors, {layer.index for layer in layers}),
        squares=sensitivities(graph, x, np.random.default_rng(seed)),
        fitted=np.arange(len(x)),
        biased=sole_readers(data, BIAS_INPUT),
        free=sole_readers(data, WEIGHTS_INPUT),
        seed=seed,
    )


def select(calibration: Calibration, choose: Choose) -> Selection:
    """Choose every layer's terms, in the order of execution."""
    return _select_in_sequences(calibration, choose) if calibration.graph.states else _select(calibration, choose)


def _select_in_sequences(calibration: Calibration, choose: Choose) -> Selection:
    """Of a model with states."""
    graph, chosen = calibration.graph, {}
    for layers in _reading_the_same(calibration):
        changed = _with_records(graph, chosen)
        x = read(changed, calibration.x, computed(changed, calibration.x), {layer.index for layer in layers})
        chosen |= {layer.index: _choose_layer(calibration, layer, x[layer.index], choose) for layer in layers}
    output = run(_with_records(graph, chosen), calibration.x).output
    weights, biases = ({i: getattr(of, name) for i, of in chosen.items()} for name in ("weights", "bias"))
    return Selection(weights, biases, inferences(calibration.x, output))


def _reading_the_same(calibration: Calibration) -> list[list[Layer]]:
    """Layers in the order in which they are chosen: one by one, but for parts of an operator that read the same."""
    reads = {dot.index: (op.index, dot.inputs[0]) for op in calibration.graph.ops for dot in dots_of(op)}
    groups: dict[tuple[int, int], list[Layer]] = {}
    for layer in calibration.layers:
        groups.setdefault(reads[layer.index], []).append(layer)
    return list(groups.values())


def _with_records(graph: Graph, records: Mapping[int, DotParams]) -> Graph:
    """The graph with some dot products' records exchanged, by the index that `dots` has."""
    return replace(graph, ops=tuple(replace(op, record=with_dots(op, records)) for op in graph.ops))


def _select(calibration: Calibration, choose: Choose) -> Selection:
    """Of a model whose inferences stand alone: each layer runs once, behind those that are chosen."""
    graph = calibration.graph
    layers = {layer.index: layer for layer in calibration.layers}
    values = dict(calibration.x.values)
    weights, biases = {}, {}
    last_reader = {tensor: op.index for op in graph.ops for tensor in op.inputs}
    for op in graph.ops:
        record = op.record
        if op.index in layers:
            record = _choose_layer(calibration, layers[op.index], values[op.inputs[0]], choose)
            weights[op.index], biases[op.index] = record.weights, record.bias
        inputs = [values[i] for i in graph.activations(op)]
        for output, result in zip(map(graph.tensor, op.outputs), _apply(record, inputs)):
            values[output.index] = result.reshape(-1, *sample_shape(output))
        for tensor in op.inputs:
            if last_reader[tensor] == op.index and tensor not in graph.outputs:
                values.pop(tensor, None)
    return Selection(weights, biases, values[graph.outputs[0]])


def rewritten(calibration: Calibration, selection: Selection) -> bytes:
    """The model file with the selection's weights and biases."""
    biases = {index: bias for index, bias in selection.biases.items() if index in calibration.biased}
    return rewrite_biases(rewrite_weights(calibration.data, selection.weights), biases)


def _apply(record: Record, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """One operator of golden on all samples: each of its outputs."""
    chunks = range(0, len(inputs[0]), CHUNK)
    found = [record.golden([x[i : i + CHUNK] for x in inputs], Rounding.DOUBLE) for i in chunks]
    return [np.concatenate(parts) for parts in zip(*found)]


def _choose_layer(calibration: Calibration, layer: Layer, x: np.ndarray, choose: Choose) -> DotParams:
    """The layer's record with its new weights and biases; x is what it reads now."""
    record, rows = layer.record, inferences_of(calibration.x, calibration.fitted)
    if layer.index not in calibration.free:
        return record
    x0, x = calibration.inputs[layer.index][rows], x[rows]
    at = places(record, len(x), np.random.default_rng([calibration.seed, layer.index]))
    biased = layer.index in calibration.biased
    record = with_weights(record, choose(_problem(calibration, layer, x, x0, at, biased)))
    if not biased:
        return record
    return replace(
        record, bias=corrected_bias(layer.record, record.weights, mean_patch(record, x0), mean_patch(record, x))
    )


def _problem(
    calibration: Calibration, layer: Layer, x: np.ndarray, x0: np.ndarray, at: Places, centred: bool
) -> Problem:
    record = layer.record
    now, original = patches(record, x, at), patches(record, x0, at)
    covariance = second_moments(now, now, centred)
    cross = second_moments(now, original, centred)
    extra = damping(covariance, now.shape[-2])
    covariance, cross = covariance + extra, cross + extra
    transfer = np.linalg.solve(covariance, cross)  # H^-1 C; C^T is E[X0^T X]
    weights = record.weights.astype(np.float64)
    own = isinstance(record, DepthwiseParams)
    target = np.einsum("rk,rjk->rj", weights, transfer) if own else weights @ transfer.T
    sensitivity = calibration.sensitivity(layer.index, len(weights))
    floor = SMALLEST_SENSITIVITY * sensitivity.mean() + np.finfo(np.float32).tiny
    return Problem(layer, target, covariance, np.maximum(sensitivity, floor))


def corrected_bias(original: DotParams, weights: np.ndarray, mean0: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """int32 [rows]: the bias with which the mean accumulator stays what it was, to within a half.

    mean0, mean  float64 [K] or [rows, K], mean inputs of the original layer and of the one with `weights`
    """
    shift = (original.weights * mean0).sum(axis=1) - (weights * mean).sum(axis=1)
    bias = np.rint(original.bias + shift)
    return np.clip(bias, -(2.0**31), 2.0**31 - 1).astype(np.int32)
