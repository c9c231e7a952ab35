"""The C kernels, compiled for this computer with address and undefined-behaviour sanitizers, against golden."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.tr import requant
from tests.firmware.harness_build import HERE, compile_c, compile_model, compile_runtime, run_c
from tests.firmware.harness_models import (
    KERNELS,
    SLOW_FLASH,
    WAYS,
    expected_bytes,
    lower_with,
    random_network,
    samples,
)
from tests.models.batched import batched
from tests.models.random_ops import BUILDERS, STATEFUL, build
from tests.operators.test_integers import every_operator

INT32 = np.iinfo(np.int32)
CORNERS = np.array([INT32.min, INT32.min + 1, -(1 << 30), -3, -2, -1, 0, 1, 2, 3, 1 << 30, INT32.max - 1, INT32.max])
DOT_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
OTHER_KINDS = tuple(kind for kind in BUILDERS if kind not in (*DOT_KINDS, *STATEFUL, "RESHAPE"))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


def assert_c_equals_golden(graph: Graph, way: tuple[str, str], x: np.ndarray, folder, runtime) -> None:
    program = lower_with(graph, *way)
    executable = compile_model(program, folder, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


# --- whole models ---------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
@pytest.mark.parametrize("kind", DOT_KINDS)
def test_dot_product_layers_equal_golden_with_every_kernel_and_budget(kind, way, tmp_path, runtime):
    rng = np.random.default_rng([WAYS.index(way), DOT_KINDS.index(kind)])
    graph = parse(build(kind, rng))
    assert_c_equals_golden(graph, way, samples(graph, rng, 12), tmp_path, runtime)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_layers_without_weights_equal_golden(kind, seed, tmp_path, runtime):
    rng = np.random.default_rng([seed, OTHER_KINDS.index(kind), 9])
    graph = parse(build(kind, rng))
    assert_c_equals_golden(graph, WAYS[0], samples(graph, rng, 12), tmp_path, runtime)


@pytest.mark.parametrize("seed", range(3))
def test_operators_on_int32_equal_golden(seed, tmp_path, runtime):
    rng = np.random.default_rng(seed)
    graph = parse(every_operator(rng))
    assert_c_equals_golden(graph, WAYS[0], samples(graph, rng, 12), tmp_path, runtime)


def test_batches_of_images_equal_golden(tmp_path, runtime):
    rng = np.random.default_rng(6)
    graph = parse(batched(rng))
    assert_c_equals_golden(graph, WAYS[0], samples(graph, rng), tmp_path, runtime)


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_networks_equal_golden_layer_by_layer(way, tmp_path, runtime):
    rng = np.random.default_rng(100 + WAYS.index(way))
    graph = parse(random_network(rng))
    assert_c_equals_golden(graph, way, samples(graph, rng), tmp_path, runtime)


@pytest.mark.parametrize("kernel", KERNELS)
def test_weights_that_are_copied_into_ram_give_the_same(kernel, tmp_path, runtime):
    rng = np.random.default_rng([KERNELS.index(kernel), 77])
    graph = parse(random_network(rng))
    program = lower_with(graph, kernel, "lossless", behind=SLOW_FLASH)
    assert any(layer.staged_bytes for layer in program.layers) or kernel in ("pairs", "dual")  # no tables, or read once
    x = samples(graph, rng)
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


# --- extremes -------------------------------------------------------------------


def dense_model(weights: np.ndarray, bias: np.ndarray, x_zero: int, y_scale: float) -> Graph:
    model = ModelWriter()
    units, depth = weights.shape
    x = model.activation((1, depth), 0.5, x_zero)
    w, b = model.constant(weights.astype(np.int8), [0.5]), model.constant(bias.astype(np.int32), [0.25])
    y = model.activation((1, units), y_scale, 127)
    model.op("FULLY_CONNECTED", [x, w, b], [y], version=4)
    return parse(model.finish([x], [y]))


WRAPPING = [("term-pairs", "lossless"), ("int8", "lossless"), ("subsets", "lossless"), ("planes", "k=4,s=1")]


@pytest.mark.parametrize("way", WRAPPING, ids=" ".join)
@pytest.mark.parametrize("zero", [-128, 127])
def test_accumulators_wrap_like_golden_where_c_would_overflow(way, zero, tmp_path, runtime):
    """Biases at the ends of int32, a scale that shifts left, and the largest products there are."""
    rows = np.array([np.full(64, 127), np.full(64, -128), np.arange(64) * 4 - 128, np.full(64, 85)])
    bias = np.array([INT32.max, INT32.min, INT32.max, INT32.min])
    graph = dense_model(rows, bias, zero, 2.0**-26)
    assert_c_equals_golden(graph, way, samples(graph, np.random.default_rng(1)), tmp_path, runtime)


@pytest.mark.parametrize("kernel", ["term-pairs", "int8"])
def test_sums_of_a_very_deep_layer_wrap_like_golden(kernel, tmp_path, runtime):
    rows = np.full((3, 70001), 127)
    rows[1], rows[2] = -128, 97  # 97 = 2^7 - 2^5 + 2^0: its partial sums go furthest beyond its value
    graph = dense_model(rows, np.zeros(3), -128, 2.0**18)
    assert_c_equals_golden(graph, (kernel, "lossless"), samples(graph, np.random.default_rng(1), 3), tmp_path, runtime)


def softmax_model(depth: int, scale: float) -> bytes:
    model = ModelWriter()
    x, y = model.activation((1, depth), scale, 0), model.activation((1, depth), 1 / 256, -128)
    model.op("SOFTMAX", [x], [y], version=2, beta=1.0)
    return model.finish([x], [y])


@pytest.mark.parametrize("depth", [1, 2, 255, 256, 257, 511, 512, 1001])
def test_softmax_equals_golden_at_every_sum(depth, tmp_path, runtime):
    """Equal logits give the largest sum; 511 of them reach the largest right shift, 31, and more of them no share."""
    graph = parse(softmax_model(depth, 0.004))
    x = samples(graph, np.random.default_rng(depth), 30)
    for sample in range(2, 20):
        x[sample] = np.where(np.arange(depth) < sample * depth // 19, 100, 100 - sample)
    assert_c_equals_golden(graph, WAYS[0], x, tmp_path, runtime)


@pytest.mark.parametrize("size", [2, 3, 4, 7])
def test_averages_round_half_away_from_zero(size, tmp_path, runtime):
    """All sums around zero, and the ends of int8."""
    model = ModelWriter()
    x, y = model.activation((1, size, 200, 1), 0.5, 3), model.activation((1, 1, 200, 1), 0.5, 3)
    options = dict(padding="VALID", stride_h=size, stride_w=1, filter_height=size, filter_width=1)
    model.op("AVERAGE_POOL_2D", [x], [y], version=2, **options)
    graph = parse(model.finish([x], [y]))
    data = samples(graph, np.random.default_rng(size), 4)
    data[2], data[3] = 0, data[3] % 3 - 1
    data[2, 0, :, 0] = np.arange(-100, 100)
    assert_c_equals_golden(graph, WAYS[0], data, tmp_path, runtime)


@pytest.mark.parametrize("real", [2.0**27, 3.0**-20, 0.9])
def test_requantisation_by_extreme_scales_equals_golden(real, tmp_path, runtime):
    model = ModelWriter()
    x, y = model.activation((1, 256), real * 2.0**-10, -128), model.activation((1, 256), 2.0**-10, 127)
    model.op("QUANTIZE", [x], [y], version=2)
    graph = parse(model.finish([x], [y]))
    assert_c_equals_golden(graph, WAYS[0], np.arange(-128, 128, dtype=np.int8)[None], tmp_path, runtime)


# --- fixed-point multiplication -----------------------------------------------------


@pytest.fixture(scope="module")
def requant_program(tmp_path_factory, runtime):
    return compile_c(tmp_path_factory.mktemp("requant") / "requant", [HERE / "harness_requant.c", runtime])


def answers(program, operation: int, a, b, shift) -> np.ndarray:
    columns = np.broadcast_arrays(np.int32(operation), a, b, shift)
    return np.frombuffer(run_c(program, np.stack(columns, axis=-1).astype("<i4").tobytes()), "<i4")


def int32_values(rng: np.random.Generator, count: int) -> np.ndarray:
    """Corners, uniform numbers, and numbers of every magnitude."""
    small = rng.integers(INT32.min, INT32.max + 1, count) >> rng.integers(0, 32, count)
    return np.concatenate([CORNERS, rng.integers(INT32.min, INT32.max + 1, count), small]).astype(np.int32)


def test_doubling_high_mul_equals_numpy(requant_program):
    a = np.repeat(int32_values(np.random.default_rng(0), 100), 213)
    b = np.tile(int32_values(np.random.default_rng(1), 100), 213)
    expected = requant.saturating_rounding_doubling_high_mul(a, b)
    np.testing.assert_array_equal(answers(requant_program, 0, a, b, 0), expected)


def test_rounding_shift_right_equals_numpy_for_every_exponent(requant_program):
    x = int32_values(np.random.default_rng(2), 500)
    for exponent in range(32):
        expected = requant.rounding_divide_by_pot(x, exponent)
        np.testing.assert_array_equal(answers(requant_program, 1, x, 0, exponent), expected)


def test_multiply_equals_numpy_for_every_shift(requant_program):
    rng = np.random.default_rng(3)
    x = int32_values(rng, 500)
    multiplier = np.where(rng.random(len(x)) < 0.1, 0, rng.integers(1 << 30, 1 << 31, len(x)))
    multiplier[::7] = INT32.max
    for shift in range(-31, 31):
        expected = requant.multiply_by_quantized_multiplier(x, multiplier, np.int64(shift))
        np.testing.assert_array_equal(answers(requant_program, 2, x, multiplier, shift), expected)


def test_clamp_keeps_what_is_between_its_limits(requant_program):
    x = int32_values(np.random.default_rng(4), 500)
    for low, high in [(-128, 127), (0, 127), (-128, -128), (5, 6)]:
        np.testing.assert_array_equal(answers(requant_program, 3, x, low, high), np.clip(x, low, high))
