"""Random models of FULLY_CONNECTED: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import ACTIVATIONS, dot_tensors, scale, zero_point


def of_two_activations(rng: np.random.Generator) -> bytes:
    """Both made of the model's input, which has one: FULLY_CONNECTED of a matrix and of the same, rescaled."""
    rows, depth = (int(v) for v in rng.integers(1, (6, 60)))
    model, x_scale, w_scale = ModelWriter(), scale(rng), scale(rng)
    x, w = model.activation((rows, depth), x_scale, zero_point(rng)), model.activation((rows, depth), w_scale, 3)
    source = model.activation((1, rows * depth), *model.quantization_of(x))
    y = model.activation((rows, rows), x_scale * w_scale * 100 * depth**0.5, zero_point(rng))
    model.op("RESHAPE", [source, model.constant(np.array([rows, depth], np.int32))], [x])
    model.op("QUANTIZE", [x], [w])
    model.op("FULLY_CONNECTED", [x, w, -1], [y], version=4)
    return model.finish([source], [y])


def fully_connected(rng: np.random.Generator) -> bytes:
    depth, units = (int(v) for v in rng.integers(1, (300, 12)))
    rows = (1, *(int(v) for v in rng.integers(1, 5, int(rng.integers(0, 4)))))
    keep = bool(rng.random() < 0.4)
    model, x_scale = ModelWriter(), scale(rng)
    x = model.activation((*rows, depth), x_scale, zero_point(rng))
    per_channel = rng.random() < 0.6
    weights, bias, y_scale = dot_tensors(rng, model, x_scale, (units, depth), 0, per_channel)
    y = model.activation((*(rows if keep else (math.prod(rows),)), units), y_scale, zero_point(rng))
    inputs = [[x, weights, bias], [x, weights, bias], [x, weights, -1], [x, weights]][int(rng.integers(4))]
    activation = str(rng.choice(ACTIVATIONS))
    model.op("FULLY_CONNECTED", inputs, [y], version=4, keep_num_dims=keep, fused_activation_function=activation)
    return model.finish([x], [y])


BUILDERS = {"FULLY_CONNECTED": fully_connected}


@pytest.mark.parametrize("seed", range(20))
def test_weights_may_be_activations(seed, reference):
    rng = np.random.default_rng(seed)
    data = of_two_activations(rng)
    graph = parse(data)
    x = rng.integers(-128, 128, (6, *graph.tensor(graph.inputs[0]).shape[1:])).astype(np.int8)
    np.testing.assert_array_equal(run(graph, x, rounding=reference.rounding).output, Oracle(data).run(x))


@pytest.mark.parametrize(
    ("bias", "activation", "found"),
    [(True, "NONE", "a bias beside computed weights"), (False, "RELU", "RELU behind computed weights")],
)
def test_a_bias_and_an_activation_beside_computed_weights_are_refused(bias, activation, found):
    model = ModelWriter()
    x, w, y = (model.activation(shape, 0.5) for shape in ((1, 4), (1, 4), (1, 1)))
    model.op("QUANTIZE", [x], [w])
    b = model.constant(np.ones(1, np.int32), [0.25]) if bias else -1
    model.op("FULLY_CONNECTED", [x, w, b], [y], version=4, fused_activation_function=activation)
    with pytest.raises(ModelError, match=found):
        parse(model.finish([x], [y]))
