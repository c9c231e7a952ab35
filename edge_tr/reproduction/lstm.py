"""int8 LSTM models as .tflite files: writing one, and its weight matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph
from edge_tr.ir.writer import ModelWriter
from edge_tr.operators import dots
from edge_tr.operators.unidirectional_sequence_lstm import GATES

LSTM, LINEAR = "UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"
INT16_BITS = 15


@dataclass(frozen=True)
class Recurrent:
    """A float LSTM and the linear layer behind it.

    input_weights      float [4 * hidden, features], gates as in GATES, which is PyTorch's order too
    recurrent_weights  float [4 * hidden, hidden]
    biases             float [4 * hidden]
    out_weights        float [classes, hidden]; out_biases: float [classes]
    """

    input_weights: np.ndarray
    recurrent_weights: np.ndarray
    biases: np.ndarray
    out_weights: np.ndarray
    out_biases: np.ndarray


@dataclass(frozen=True)
class Ranges:
    """What the activations reach: largest magnitudes of inputs and cells; lowest and highest output of each layer."""

    features: float
    cells: float
    hidden: tuple[float, float]
    logits: tuple[float, float]


def write(net: Recurrent, ranges: Ranges, steps: int) -> bytes:
    """An int8 .tflite: [1, steps, features] to logits [1, steps, classes]; states go on from run to run."""
    model = ModelWriter()
    hidden, features = net.recurrent_weights.shape[1], net.input_weights.shape[1]
    source_scale = ranges.features / 127
    hidden_scale, hidden_zero = _affine(*ranges.hidden)
    logit_scale, logit_zero = _affine(*ranges.logits)
    cell_scale = 2.0 ** (np.ceil(np.log2(ranges.cells)) - INT16_BITS)
    source = model.activation((1, steps, features), source_scale)
    inputs, recurrent, biases = [], [], []
    for w, r, b in zip(*(np.split(a, len(GATES)) for a in (net.input_weights, net.recurrent_weights, net.biases))):
        scale, tensor = _weights(model, w)
        inputs.append(tensor)
        recurrent.append(_weights(model, r)[1])
        biases.append(_biases(model, b, source_scale * scale))
    state = model.activation((1, hidden), hidden_scale, hidden_zero, variable=True)
    cell = model.activation((1, hidden), cell_scale, dtype="int16", variable=True)
    between = [model.activation((0,), dtype="float32") for _ in GATES]
    between.append(model.activation((0,), hidden_scale, hidden_zero))
    sequence = model.activation((1, steps, hidden), hidden_scale, hidden_zero)
    model.op(
        LSTM,
        [source, *inputs, *recurrent, -1, -1, -1, *biases, -1, -1, state, cell, -1, -1, -1, -1],
        [sequence],
        intermediates=between,
        fused_activation_function="TANH",
        cell_clip=0.0,
        proj_clip=0.0,
        time_major=False,
        asymmetric_quantize_inputs=False,
    )
    scale, weights = _weights(model, net.out_weights)
    logits = model.activation((1, steps, len(net.out_weights)), logit_scale, logit_zero)
    bias = _biases(model, net.out_biases, hidden_scale * scale)
    model.op(LINEAR, [sequence, weights, bias], [logits], version=5, keep_num_dims=True)
    return model.finish([source], [logits])


def _affine(low: float, high: float) -> tuple[float, int]:
    """(scale, zero point) of int8 for low..high."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)


def _weights(model: ModelWriter, values: np.ndarray) -> tuple[float, int]:
    """(scale, tensor) of symmetric int8 weights."""
    scale = float(np.abs(values).max()) / 127
    return scale, model.constant(np.rint(values / scale).astype(np.int8), [scale])


def _biases(model: ModelWriter, values: np.ndarray, scale: float) -> int:
    return model.constant(np.rint(values / scale).astype(np.int32), [scale])


@dataclass(frozen=True)
class Matrix:
    """Weights of one product: int8 [rows, K] values, by the index that `operators.dots` has, the activation that they
    meet (of recurrent weights the output, a step before), and how often one inference uses them."""

    index: int
    activation: int
    values: np.ndarray
    uses: int


def matrices(graph: Graph) -> list[Matrix]:
    """All of a model's."""
    return [Matrix(op.index, op.inputs[0], op.record.weights, op.record.uses) for op in dots(graph)]
