"""tune on models with operators that are made of dot products: these stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.tuning.select import calibrate, rewritten, select
from tests.firmware.harness_models import Network, samples
from tests.operators.test_op_transpose_conv import transpose_conv


def decoder() -> bytes:
    """A convolution, a TRANSPOSE_CONV by two, a convolution."""
    net = Network(np.random.default_rng(8), (4, 5, 3))
    net.conv(6, (3, 3), (1, 1), "RELU")
    w = net.model.constant(net.rng.integers(-128, 128, (4, 2, 2, 6)).astype(np.int8), [0.01])
    shape = net.model.constant(np.array([1, 8, 10, 4], np.int32))
    options = dict(padding="SAME", stride_h=2, stride_w=2)
    net._move("TRANSPOSE_CONV", [shape, w, net.x], (8, 10, 4), net.scale, 3, **options)
    net.conv(3, (3, 3), (2, 2))
    return net.finish()


def test_only_layers_that_are_dot_products_change() -> None:
    data = decoder()
    graph = parse(data)
    calibration = calibrate(data, samples(graph, np.random.default_rng(0), 8))
    assert [layer.name for layer in calibration.layers] == ["conv_2d_0", "conv_2d_2"]
    chosen = select(calibration, lambda problem: np.sign(problem.layer.record.weights))
    tuned = parse(rewritten(calibration, chosen))
    assert [int(np.abs(tuned.ops[i].record.weights).max()) for i in (0, 2)] == [1, 1]
    assert np.array_equal(tuned.ops[1].record.taps.weights, graph.ops[1].record.taps.weights)
    np.testing.assert_array_equal(run(tuned, calibration.x).output, chosen.output)


def test_a_model_of_such_operators_alone_is_refused_with_what_to_do() -> None:
    data = transpose_conv(np.random.default_rng(1))
    with pytest.raises(UsageError, match=r"nothing to choose.*TRANSPOSE_CONV.*--budget"):
        calibrate(data, samples(parse(data), np.random.default_rng(0), 4))
