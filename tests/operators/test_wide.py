"""int16 activations with int8 weights: every operator that takes them, against the interpreter; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.ends import sample_shape
from edge_tr.golden.oracle import NARROW, Oracle, find_runtime
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.wide import BUILDERS, FINE, with_int8_ends
from tests.operators.test_packaged_records import assert_equal_arithmetic

MANY = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "LOGISTIC", "TANH", "ADD", "SUB")


def equal(data: bytes, x: np.ndarray) -> None:
    """Every tensor, and its type."""
    oracle = Oracle(data)
    result = run(parse(data), x, rounding=reference_info(oracle.runtime).rounding, keep="all")
    for index, expected in oracle.tensors(x).items():
        assert result.tensors[index].dtype == expected.dtype
        np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"tensor {index}")


def inputs(data: bytes, rng: np.random.Generator) -> np.ndarray:
    graph = parse(data)
    tensor = graph.tensor(graph.inputs[0])
    limits = np.iinfo(tensor.dtype)
    x = rng.integers(limits.min, limits.max + 1, (6, *sample_shape(tensor))).astype(tensor.dtype)
    x[0], x[1] = limits.min, limits.max
    return x


@pytest.mark.parametrize("kind", BUILDERS)
def test_random_int16_models_equal_the_reference(kind):
    for seed in range(50 if kind in MANY else 15):
        rng = np.random.default_rng([seed, 8])
        data = BUILDERS[kind](rng)
        equal(data, inputs(data, rng))


@pytest.mark.parametrize("seed", range(5))
def test_int8_becomes_int16(seed):
    """Which tflite-runtime does not compute."""
    rng = np.random.default_rng(seed)
    data = with_int8_ends("RELU", rng)
    assert Oracle(data).runtime.name != "tflite-runtime"
    equal(data, inputs(data, rng))


def every(kind: str, scale: float, **options: object) -> bytes:
    model = ModelWriter()
    x, y = (model.activation((1, 65536), of, dtype="int16") for of in (scale, FINE))
    model.op(kind, [x], [y], **options)
    return model.finish([x], [y])


@pytest.mark.parametrize("scale", [2.0**-13, 2.0**-12, 2.0**-11, 3e-4, 1e-6, 2.6])
@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_functions_equal_the_reference_on_every_value(kind, scale):
    equal(every(kind, scale), np.arange(-32768, 32768).astype(np.int16)[None])


@pytest.mark.parametrize("depth", [1, 2, 100, 4096])
def test_softmax_equals_the_reference_at_every_sum(depth):
    rng = np.random.default_rng(depth)
    model = ModelWriter()
    x, y = (model.activation((1, depth), of, dtype="int16") for of in (0.0004, FINE))
    model.op("SOFTMAX", [x], [y], beta=1.0)
    samples = np.stack([np.where(np.arange(depth) < depth * n // 19, 30000, 30000 - 40 * n) for n in range(20)])
    samples = np.concatenate([samples, rng.integers(-32768, 32768, (20, depth))]).astype(np.int16)
    equal(model.finish([x], [y]), samples)


@pytest.mark.parametrize("bias", [np.int32, np.int64])
def test_sums_wrap_where_the_bias_has_32_bits(bias):
    model = ModelWriter()
    x, y = model.activation((1, 4096), 0.5, dtype="int16"), model.activation((1, 2), 2.0**16, dtype="int16")
    w = model.constant(np.stack([np.full(4096, 127), np.full(4096, -128)]).astype(np.int8), [0.5])
    b = model.constant(np.array([2**31 - 1, -(2**31)], bias), [0.25])
    model.op("FULLY_CONNECTED", [x, w, b], [y], version=4)
    data = model.finish([x], [y])
    equal(data, np.stack([np.full(4096, 32767), np.full(4096, -32768)]).astype(np.int16))
    assert parse(data).ops[0].record.narrow == (bias is np.int32)


def test_what_is_not_symmetric_is_refused():
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5, 3, dtype="int16"), model.activation((1, 4), 0.5, dtype="int16")
    model.op("RELU", [x], [y])
    with pytest.raises(ModelError, match="zero point 3 of int16"):
        parse(model.finish([x], [y]))
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5, dtype="int16"), model.activation((1, 4), 0.5)
    model.op("RELU", [x], [y])
    with pytest.raises(ModelError, match="output of type int8; supported: int16 beside int16"):
        parse(model.finish([x], [y]))


@pytest.mark.parametrize("kind", BUILDERS)
def test_records_survive_the_accelerators_package(kind):
    rng = np.random.default_rng([3, 1])
    data = BUILDERS[kind](rng)
    assert_equal_arithmetic(parse(data), inputs(data, rng))


@pytest.mark.parametrize("depth", [1, 2, 10, 511, 512, 4095])
def test_int8_softmax_to_int16_and_on_to_int32_equals_tflite_micro(depth):
    rng = np.random.default_rng(depth)
    model = ModelWriter()
    x = model.activation((1, depth), 0.05, -3)
    y = model.activation((1, depth), 1 / 65535, -32768, dtype="int16")
    z = model.activation((1, depth), 2 / 65535, 0, dtype="int32")
    model.op("SOFTMAX", [x], [y], version=2, beta=1.0)
    model.op("QUANTIZE", [y], [z], version=2)
    data = model.finish([x], [z])
    samples = np.stack([np.where(np.arange(depth) < depth * n // 19, 100, 100 - n) for n in range(20)])
    samples = np.concatenate([samples, rng.integers(-128, 128, (20, depth))]).astype(np.int8)
    graph, oracle = parse(data), Oracle(data, find_runtime([NARROW]))
    np.testing.assert_array_equal(run(graph, samples).output, oracle.run(samples))
