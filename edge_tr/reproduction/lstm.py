"""int8 LSTM models as .tflite files: writing one, its weight matrices, and running it in the interpreter.

`edge-tr build` does not take the operator; here its weights are rewritten and the interpreter runs the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tflite

from edge_tr.golden.oracle import RESOLVER, find_runtime
from edge_tr.graph import Op
from edge_tr.ir.tflite import read
from edge_tr.ir.writer import ModelWriter

LSTM, LINEAR = "UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"
GATES = 4
"""Input, forget, cell and output gate, in TFLite's order and PyTorch's."""
INPUT_WEIGHTS, RECURRENT_WEIGHTS = (1, 2, 3, 4), (5, 6, 7, 8)
"""Inputs of the operator."""
INT16_BITS = 15


@dataclass(frozen=True)
class Recurrent:
    """A float LSTM and the linear layer behind it.

    input_weights      float [4 * hidden, features], gates as in GATES
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
    for w, r, b in zip(*(np.split(a, GATES) for a in (net.input_weights, net.recurrent_weights, net.biases))):
        scale, tensor = _weights(model, w)
        inputs.append(tensor)
        recurrent.append(_weights(model, r)[1])
        biases.append(_biases(model, b, source_scale * scale))
    state = model.activation((1, hidden), hidden_scale, hidden_zero, variable=True)
    cell = model.activation((1, hidden), cell_scale, dtype="int16", variable=True)
    between = [model.activation((0,), dtype="float32") for _ in range(GATES)]
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
    """Weights of one product: int8 [rows, K] values, the tensor that holds them and the activation that they meet
    (of recurrent weights the output, a step before), and how often one inference uses them."""

    tensor: int
    activation: int
    values: np.ndarray
    uses: int


def matrices(data: bytes) -> list[Matrix]:
    """All of a model's."""
    graph = read(data)
    found = []
    for op in graph.ops:
        if op.kind == LSTM:
            steps = graph.tensor(op.inputs[0]).shape[1]
            pairs = [(op.inputs[i], op.inputs[0]) for i in INPUT_WEIGHTS]
            pairs += [(op.inputs[i], op.outputs[0]) for i in RECURRENT_WEIGHTS]
            found += [Matrix(tensor, seen, graph.tensor(tensor).data, steps) for tensor, seen in pairs]
        elif op.kind == LINEAR:
            found.append(_linear(graph.tensor(op.inputs[1]).data, graph.tensor(op.inputs[0]).size, op))
    return found


def _linear(values: np.ndarray, size: int, op: Op) -> Matrix:
    return Matrix(op.inputs[1], op.inputs[0], values, size // values.shape[1])


def replaced(data: bytes, values: Mapping[int, np.ndarray]) -> bytes:
    """A copy of the file with other int8 constants, by tensor, of the shapes they have."""
    model = tflite.Model.GetRootAs(data, 0)
    result = bytearray(data)
    for tensor, array in values.items():
        table = model.Buffers(model.Subgraphs(0).Tensors(tensor).Buffer())._tab
        start = table.Vector(table.Offset(4))  # field 0 of Buffer: data
        result[start : start + array.size] = array.astype(np.int8).tobytes()
    return bytes(result)


def outputs(data: bytes, x: np.ndarray, reset: bool, watched: Sequence[int] = ()) -> Iterator[list[np.ndarray]]:
    """For each sample of x (int8 [n, ...]): the model's output and the `watched` tensors, as the interpreter's
    reference kernels compute them. `reset`: states start from zero for each sample."""
    module = find_runtime().module
    interpreter = module.Interpreter(
        model_content=data,
        experimental_op_resolver_type=getattr(module.OpResolverType, RESOLVER),
        experimental_preserve_all_tensors=bool(watched),
    )
    interpreter.allocate_tensors()
    interpreter.reset_all_variables()
    source = interpreter.get_input_details()[0]["index"]
    wanted = [interpreter.get_output_details()[0]["index"], *watched]
    for sample in x:
        if reset:
            interpreter.reset_all_variables()
        interpreter.set_tensor(source, sample[None])
        interpreter.invoke()
        yield [interpreter.get_tensor(index) for index in wanted]
