"""uint8 models: every operator whose reference kernel takes uint8, against the interpreter; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run, sample_shape
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.operators import dots
from edge_tr.operators.unsigned import WITHOUT_KERNEL
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.prepared.revealed import revealed_levels
from tests.models.drawing import scale
from tests.models.random_ops import BUILDERS, build
from tests.models.unsigned import DOT_KINDS, EXTREMES, as_uint8
from tests.operators.test_packaged_records import assert_equal_arithmetic

KINDS = [kind for kind in BUILDERS if kind not in WITHOUT_KERNEL]


def equal(data: bytes, x: np.ndarray) -> None:
    """Every tensor."""
    oracle = Oracle(data)
    result = run(parse(data), x, rounding=reference_info(oracle.runtime).rounding, keep="all")
    for index, expected in oracle.tensors(x).items():
        np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"tensor {index}")


def inputs(data: bytes, rng: np.random.Generator, count: int = 4) -> np.ndarray:
    graph = parse(data)
    x = rng.integers(-128, 128, (count, *sample_shape(graph.tensor(graph.inputs[0])))).astype(np.int8)
    x[0], x[1] = -128, 127
    return x


@pytest.mark.parametrize("kind", KINDS)
def test_random_uint8_models_equal_the_reference(kind):
    for seed in range(40 if kind in DOT_KINDS else 8):
        rng = np.random.default_rng([seed, 6])
        data = as_uint8(build(kind, rng), rng)
        equal(data, inputs(data, rng))


@pytest.mark.parametrize("kind", sorted(WITHOUT_KERNEL))
def test_what_the_reference_does_not_compute_in_uint8_is_refused(kind):
    """Of several models: the operator of some is on other types."""
    with pytest.raises(ModelError, match="found uint8"):
        for seed in range(1, 40):
            rng = np.random.default_rng(seed)
            parse(as_uint8(build(kind, rng), rng))


@pytest.mark.parametrize("zero_point", EXTREMES)
@pytest.mark.parametrize("kind", DOT_KINDS[:3])
def test_revealed_weights_are_written_back_and_the_interpreter_says_the_same(kind, zero_point):
    """Of every zero point, with budgets that take some weights beyond what uint8 holds."""
    for seed in range(6):
        rng = np.random.default_rng([seed, zero_point])
        data = as_uint8(build(kind, rng), rng, zero_point)
        graph, x = parse(data), inputs(data, rng)
        (level,) = revealed_levels(graph, [parse_budget(f"g=4,k={1 + seed % 4}")])
        rewritten = rewrite_weights(data, level.revealed)
        for op in dots(parse(rewritten)):
            np.testing.assert_array_equal(op.record.weights, level.revealed[op.index])
        oracle = Oracle(rewritten)
        result = run(graph, x, weights=level.revealed, rounding=reference_info(oracle.runtime).rounding)
        np.testing.assert_array_equal(result.output, oracle.run(x))
        small = level.alive.graph
        np.testing.assert_array_equal(run(small, x).output, run(graph, x, weights=level.revealed).output)


def concatenated(rng: np.random.Generator) -> bytes:
    """Two inputs and a constant, of other scales and zero points than the output."""
    model, given = ModelWriter(), (scale(rng), int(rng.choice(EXTREMES)))
    x, again = (model.activation((1, 16, 16), *given, dtype="uint8") for _ in range(2))
    model.op("RESHAPE", [x, model.constant(np.array([1, 16, 16], np.int32))], [again])
    held = model.constant(rng.integers(0, 256, (1, 16, 3)).astype(np.uint8), [scale(rng)], [int(rng.integers(256))])
    wanted = given if rng.random() < 0.2 else (given[0] * float(10 ** rng.uniform(-1, 1)), int(rng.choice(EXTREMES)))
    y = model.activation((1, 16, 35), *wanted, dtype="uint8")
    model.op("CONCATENATION", [x, held, again], [y], axis=2, fused_activation_function="NONE")
    return model.finish([x], [y])


def test_concatenations_rescale_every_value():
    every = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16)
    for seed in range(60):
        equal(concatenated(np.random.default_rng(seed)), every)


def test_int8_concatenations_of_other_scales_are_refused():
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1, 8), 0.25)
    model.op("CONCATENATION", [x, x], [y], axis=1, fused_activation_function="NONE")
    with pytest.raises(ModelError, match="another quantisation"):
        parse(model.finish([x], [y]))


def test_uint8_beside_int8_is_refused():
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5, dtype="uint8"), model.activation((1, 4), 0.5)
    model.op("RELU", [x], [y])
    with pytest.raises(ModelError, match="found uint8 beside int8"):
        parse(model.finish([x], [y]))


@pytest.mark.parametrize("count", [3, 4, 49, 50])
def test_averages_round_halves_up(count):
    """Sums of every remainder, where int8 pools round them away from zero."""
    model = ModelWriter()
    x = model.activation((1, count, 256, 1), 0.5, 7, dtype="uint8")
    y = model.activation((1, 1, 256, 1), 0.5, 7, dtype="uint8")
    options = dict(padding="VALID", stride_h=1, stride_w=1, filter_height=count, filter_width=1)
    model.op("AVERAGE_POOL_2D", [x], [y], **options)
    values = np.zeros((1, count, 256, 1), np.int64)
    sums = np.linspace(-128 * count, 127 * count, 256).astype(int)
    values[0] = (sums // count)[:, None]
    values[0, ..., 0] += np.arange(count)[:, None] < (sums % count)
    equal(model.finish([x], [y]), values.astype(np.int8))


@pytest.mark.parametrize("kind", [*DOT_KINDS, "AVERAGE_POOL_2D", "L2_NORMALIZATION", "RESIZE_BILINEAR"])
def test_records_survive_the_accelerators_package(kind):
    rng = np.random.default_rng([3, 1])
    data = as_uint8(build(kind, rng), rng)
    assert_equal_arithmetic(parse(data), inputs(data, rng))


def test_a_concatenations_record_survives_it_too():
    data = concatenated(np.random.default_rng(0))
    assert_equal_arithmetic(parse(data), inputs(data, np.random.default_rng(1)))
