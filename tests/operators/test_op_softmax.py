"""Random models of SOFTMAX: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import zero_point


def softmax(rng: np.random.Generator) -> bytes:
    depth = int(rng.choice([1, 2, 3, 10, 12, 100, 511, int(rng.integers(1, 512))]))
    rows = int(rng.integers(1, 5))
    model = ModelWriter()
    x = model.activation((1, rows, depth), float(10 ** rng.uniform(-4, 2)), zero_point(rng))
    y = model.activation((1, rows, depth), 1 / 256, -128)
    model.op("SOFTMAX", [x], [y], version=2, beta=float(rng.choice([1.0, 0.5, 2.0])))
    return model.finish([x], [y])


BUILDERS = {"SOFTMAX": softmax}


def softmax_model(depth: int, scale: float) -> bytes:
    model = ModelWriter()
    x, y = model.activation((1, depth), scale, -128), model.activation((1, depth), 1 / 256, -128)
    model.op("SOFTMAX", [x], [y], version=2, beta=1.0)
    return model.finish([x], [y])


@pytest.mark.parametrize("depth", [1, 2, 5, 12, 255, 256, 511])
def test_softmax_over_depths_and_scales(depth, reference):
    rng = np.random.default_rng(depth)
    x = rng.integers(-128, 128, (8, depth)).astype(np.int8)
    x[0], x[1], x[2, 1:] = -128, 127, -128
    for scale in (1e-4, 1 / 256, 0.0371, 0.25, 1.0, 16.0, 1e4):
        data = softmax_model(depth, scale)
        np.testing.assert_array_equal(run(parse(data), x, rounding=reference.rounding).output, Oracle(data).run(x))


def test_softmax_deeper_than_the_reference_can_do_is_refused():
    with pytest.raises(ModelError, match="512 classes; supported: up to 511"):
        parse(softmax_model(512, 0.1))
