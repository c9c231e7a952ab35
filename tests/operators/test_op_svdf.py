"""Random models of SVDF: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.ends import sample_shape
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, with_shape, zero_point


def svdf(rng: np.random.Generator, state_type: str = "int16") -> bytes:
    rank, units, memory, inputs = (int(v) for v in rng.integers(1, (4, 12, 10, 60)))
    batch = int(rng.integers(2, 4)) if rng.random() < 0.2 else 1
    filters, narrow = rank * units, state_type == "int8"
    model, x_scale = ModelWriter(), scale(rng)
    source, x = with_shape(model, (batch, inputs), x_scale, zero_point(rng))
    largest = 127 if narrow else 32767
    w_scale, s_scale = scale(rng), 0.0
    s_scale = float(x_scale * w_scale * np.sqrt(inputs) * 74 * 74 * 3 / largest * rng.uniform(0.3, 3))
    feature = model.constant(rng.integers(-128, 128, (filters, inputs)).astype(np.int8), [w_scale])
    state = model.activation((batch, filters * memory), s_scale, zero_point(rng) if narrow else 0, state_type, True)
    t_scale = min(scale(rng), 20 / s_scale) if narrow else scale(rng)  # TFLite Micro compares the bias's scale
    time = rng.integers(-largest // 4, largest // 4 + 1, (filters, memory)).astype(state_type)
    reach = s_scale * t_scale * largest * largest / 4 * np.sqrt(memory * rank)
    y = model.activation((batch, units), float(reach / 128 * rng.uniform(0.1, 1)), zero_point(rng))
    bias = rng.integers(-30000, 30000, units).astype(np.int32)
    bias_scale = float(np.float32(s_scale) * np.float32(t_scale))
    inputs_of = [x, feature, model.constant(time, [t_scale]), model.constant(bias, [bias_scale]), state]
    if not narrow and rng.random() < 0.3:
        inputs_of[3] = -1
    activation = str(rng.choice(["NONE", "RELU"])) if narrow else "RELU"
    model.op("SVDF", inputs_of, [y], version=3, rank=rank, fused_activation_function=activation)
    return model.finish([source], [y])


BUILDERS = {"SVDF": svdf}


@pytest.mark.parametrize("seed", range(60))
def test_int8_states_equal_tflite_micro(seed):
    rng = np.random.default_rng([seed, 8])
    data = svdf(rng, "int8")
    graph, oracle = parse(data), Oracle(data)
    assert oracle.runtime.name == "tflite-micro"
    x = rng.integers(-128, 128, (2, 6, *sample_shape(graph.tensor(graph.inputs[0])))).astype(np.int8)
    x[0, 0], x[0, 1] = 127, -128
    np.testing.assert_array_equal(run(graph, x).output, oracle.run(x))
