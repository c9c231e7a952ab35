"""Random models of SOFTMAX: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.tr.fixed_point import logarithm
from tests.models.drawing import zero_point


def softmax(rng: np.random.Generator) -> bytes:
    if rng.random() < 0.2:
        return deep_softmax(rng)
    depth = int(rng.choice([1, 2, 3, 10, 12, 100, 511, int(rng.integers(1, 512))]))
    rows = int(rng.integers(1, 5))
    model = ModelWriter()
    x = model.activation((1, rows, depth), float(10 ** rng.uniform(-4, 2)), zero_point(rng))
    y = model.activation((1, rows, depth), 1 / 256, -128)
    model.op("SOFTMAX", [x], [y], version=2, beta=float(rng.choice([1.0, 0.5, 2.0])))
    return model.finish([x], [y])


def deep_softmax(rng: np.random.Generator) -> bytes:
    """Up to 2,000 classes, of which all but 400 are given and small: so their exponentials are 512 for no input."""
    depth, scale, zero = int(rng.choice([512, 1000, 1001, 2000])), float(10 ** rng.uniform(-1, 1)), zero_point(rng)
    model = ModelWriter()
    x, row = model.activation((1, 400), scale, zero), model.activation((1, depth), scale, zero)
    others = model.constant(rng.integers(-128, 28, (1, depth - 400)).astype(np.int8), [scale], [zero])
    model.op("CONCATENATION", [x, others], [row], version=2, axis=1, fused_activation_function="NONE")
    y = model.activation((1, depth), 1 / 256, -128)
    model.op("SOFTMAX", [row], [y], version=2, beta=1.0)
    return model.finish([x], [y])


def log_softmax(rng: np.random.Generator) -> bytes:
    depth = int(rng.choice([1, 2, 3, 10, 100, 1000, 1001, 4095, int(rng.integers(1, 512))]))
    rows = int(rng.integers(1, 5)) if depth < 512 else 1
    model = ModelWriter()
    x = model.activation((1, rows, depth), float(10 ** rng.uniform(-4, 2)), zero_point(rng))
    y = model.activation((1, rows, depth), 1 / 16, 127)
    model.op("LOG_SOFTMAX", [x], [y], version=2)
    return model.finish([x], [y])


BUILDERS = {"SOFTMAX": softmax, "LOG_SOFTMAX": log_softmax}


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


@pytest.mark.parametrize("equal", [511, 512, 513, 1000])
def test_from_a_sum_of_512_on_every_share_is_below_half_a_step(equal, reference):
    """`equal` maxima of 1,000 classes, the others far below: up to 511 as the reference, beyond it nothing is left."""
    data = softmax_model(1000, 1.0)
    x = np.where(np.arange(1000) < equal, 127, -128).astype(np.int8)[None]
    output = run(parse(data), x, rounding=reference.rounding).output
    if equal < 512:
        np.testing.assert_array_equal(output, Oracle(data).run(x))
        assert output[0, 0] == -127
    else:
        assert (output == -128).all()


def test_the_logarithm_is_near_the_real_one_and_never_falls():
    x = np.unique(np.concatenate([np.arange(1 << 19, (1 << 19) + 5000), 2 ** np.linspace(19, 31, 20000) - 1]))
    x = x[x >= 1 << 19].astype(np.int64)
    found = logarithm(x) / 2**26
    np.testing.assert_allclose(found, np.log(x / 2**19), atol=2e-6)
    assert (np.diff(found) > -1e-6).all()


def test_a_log_softmax_whose_sum_may_overflow_is_refused():
    model = ModelWriter()
    x, y = model.activation((1, 4096), 0.1), model.activation((1, 4096), 1 / 16, 127)
    model.op("LOG_SOFTMAX", [x], [y], version=2)
    with pytest.raises(ModelError, match="4096 classes; supported: up to 4095"):
        parse(model.finish([x], [y]))
