"""ADD by tables: equal to the reference on every pair of inputs, or not used."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest

from edge_tr.ir.tflite import load, parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.operators.add_tables import add_tables
from edge_tr.tr.requant import Rounding
from tests.firmware.harness_models import lower_with
from tests.operators.test_op_add import equal_shapes

A, B = (values.ravel().astype(np.int8) for values in np.mgrid[-128:128, -128:128])


def add_model(first: float, second: float, result: float, zeros: tuple[int, int, int], activation: str = "NONE"):
    model = ModelWriter()
    a, b, y = (model.activation((1, 4), s, z) for s, z in zip((first, second, result), zeros))
    model.op("QUANTIZE", [a], [b])
    model.op("ADD", [a, b], [y], fused_activation_function=activation)
    graph = parse(model.finish([a], [y]))
    return graph.ops[1].record


def assert_exact(record) -> None:
    tables = add_tables(record)
    assert tables is not None
    assert np.array_equal(tables.apply(record, A, B), record.golden([A, B], Rounding.DOUBLE)[0])
    reach = np.abs(tables.first.astype(np.int64)).max() + np.abs(tables.second.astype(np.int64)).max()
    assert reach < 1 << 31
    lowest = int(tables.first.min()) + int(tables.second.min())
    low, high = record.activation
    assert lowest >= 0 or (lowest & 0xFFFFFFFF) >> tables.fraction > high - low  # the C code's one comparison


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
@pytest.mark.parametrize("scales", [(0.5, 0.5, 1.0), (0.25, 0.5, 0.5), (0.1, 0.3, 0.23), (3.0, 0.01, 0.05)], ids=str)
@pytest.mark.parametrize("zeros", [(-128, -128, -128), (127, -3, 5), (0, 0, 0)], ids=str)
def test_every_pair_of_inputs_gives_the_reference_result_ties_included(scales, zeros, activation):
    assert_exact(add_model(*scales, zeros, activation))


@pytest.mark.parametrize("zeros", [(1, -18, -17), (-7, -20, -17), (-19, -8, -6)], ids=str)
def test_ties_above_and_below_zero_that_no_rounded_share_tells_apart(zeros):
    """Scales in ratios of small numbers, as in MobileNetV2, and a result that is no finer than its inputs."""
    scale = float(np.float32(6 / 255))
    for a, b, y in itertools.product((scale, 0.03, scale / 2), repeat=3):
        if y >= max(a, b):
            assert_exact(add_model(a, b, y, zeros))
            assert_exact(add_model(a, b, y, zeros, "RELU6"))


def test_a_finer_result_may_have_none_and_keeps_the_reference():
    """A step of an input is 2.55 of the result: TFLite rounds the ties of 10 and 30 steps up, that of 50 down."""
    record = add_model(0.03, 0.03, float(np.float32(6 / 255)) / 2, (1, -18, -17))
    assert add_tables(record) is None and record.call().function == "tr_add"


def test_random_additions_have_tables():
    for seed in range(60):
        graph = parse(equal_shapes(np.random.default_rng(seed)))
        (layer,) = (layer for layer in lower_with(graph, "int8", "lossless").layers if layer.op.kind == "ADD")
        assert (layer.call.function, layer.kernel_name) == ("tr_add_tables", "tables")


def test_there_are_none_for_sums_that_are_no_sums():
    """A result that tables cannot give, as if TFLite had rounded one pair of inputs elsewhere by a whole step."""

    class Odd(type(add_model(0.1, 0.1, 0.1, (0, 0, 0)))):
        def exact(self, a, b):
            return np.where((a == 3) & (b == 5), -100, super().exact(a, b))

    record = add_model(0.1, 0.1, 0.1, (0, 0, 0))
    odd = Odd(**{field.name: getattr(record, field.name) for field in fields(record)})
    assert add_tables(record) is not None and add_tables(odd) is None


def test_results_far_outside_int8_have_no_tables():
    record = add_model(2.0**9, 2.0**9, 2.0**-9, (0, 0, 0))  # the largest ratio that models may have
    assert_exact(record)
    by = record.requant_out
    assert add_tables(replace(record, requant_out=replace(by, shift=by.shift + 3))) is None


def test_the_residual_network_adds_by_tables(shared):
    graph = load(shared / "models" / "pretrainedResnet_quant.tflite")
    for op in graph.ops:
        if op.kind == "ADD":
            assert_exact(op.record)
