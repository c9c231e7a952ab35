"""Random models of every operator, over all their options, against BUILTIN_REF."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.ends import sample_shape
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.random_ops import BUILDERS, build

MODELS_PER_KIND = 150


@pytest.mark.parametrize("kind", BUILDERS)
def test_random_models_equal_the_reference(kind):
    for seed in range(MODELS_PER_KIND):
        rng = np.random.default_rng([seed, 2])
        data = build(kind, rng)
        graph = parse(data)
        shape = sample_shape(graph.tensor(graph.inputs[0]))
        leading = (2, 4) if graph.states else (6,)  # sequences, steps
        x = rng.integers(-128, 128, (*leading, *shape)).astype(np.int8)
        x[0], x[1] = -128, 127
        oracle = Oracle(data)
        result = run(graph, x, rounding=reference_info(oracle.runtime).rounding, keep="all")
        for index, expected in oracle.tensors(x).items():
            np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"seed {seed}, tensor {index}")


def test_float_ends_through_the_interpreter_equal_golden_on_its_own_quantisation(reference):
    model = ModelWriter()
    f = model.activation((1, 64), dtype="float32")
    x, y = model.activation((1, 64), 0.1, 5), model.activation((1, 64), 0.17, -4)
    g = model.activation((1, 64), dtype="float32")
    model.op("QUANTIZE", [f], [x])
    model.op("QUANTIZE", [x], [y])
    model.op("DEQUANTIZE", [y], [g])
    data = model.finish([f], [g])
    rng = np.random.default_rng(9)
    ties = (np.arange(64, dtype=np.float32) - 32 + np.float32(0.5)) * np.float32(0.1)
    values = np.stack([ties, *rng.uniform(-20, 20, (50, 64)).astype(np.float32)])
    graph, oracle = parse(data), Oracle(data)
    np.testing.assert_array_equal(run(graph, values, rounding=reference.rounding).output, oracle.run(values))
    x8 = rng.integers(-128, 128, (8, 64)).astype(np.int8)
    np.testing.assert_array_equal(run(graph, x8, rounding=reference.rounding).output, oracle.run(x8))
