"""Every operator of two operands on all 65,536 pairs of values, at many quantisations, against the reference."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.operators.walk import Walk
from edge_tr.prepared.ranges import channel_ranges
from tests.operators import (
    drawn_pairs,
    test_op_comparisons,
    test_op_div,
    test_op_extremes,
    test_op_mul,
    test_op_squared_difference,
    test_op_sums,
)

BUILDERS = {}  # each operator's own are in its own file
PAIRS = {
    **test_op_sums.BUILDERS,
    "ADD": functools.partial(test_op_sums.summed, kind="ADD"),
    **test_op_mul.BUILDERS,
    **test_op_extremes.BUILDERS,
    **test_op_squared_difference.BUILDERS,
    **test_op_div.BUILDERS,
    **{kind: test_op_comparisons.BUILDERS[kind] for kind in test_op_comparisons.COMPARISONS},
}
ALL = np.arange(-128, 128).astype(np.int8)


@pytest.mark.parametrize("kind", PAIRS)
def test_all_pairs_of_values_equal_the_reference(kind, monkeypatch):
    """The input along one axis, a constant of all values along the other."""
    monkeypatch.setattr(drawn_pairs, "shapes", lambda rng: ((1, 256, 1), (1, 1, 256)))
    monkeypatch.setattr(drawn_pairs, "values", lambda rng, shape: ALL.reshape(shape).copy())
    x = ALL.reshape(1, 256, 1)
    for seed in range(15):
        data = PAIRS[kind](np.random.default_rng([seed, 11]))
        oracle = Oracle(data)
        found = run(parse(data), x, rounding=reference_info(oracle.runtime).rounding, keep="all").tensors
        for index, expected in oracle.tensors(x).items():
            np.testing.assert_array_equal(found[index], expected, err_msg=f"seed {seed}, tensor {index}")


@pytest.mark.parametrize("kind", PAIRS)
def test_values_stay_within_the_ranges_that_are_claimed(kind):
    for seed in range(30):
        rng = np.random.default_rng([seed, 13])
        graph = parse(PAIRS[kind](rng))
        x = rng.integers(-128, 128, (40, *graph.tensor(graph.inputs[0]).shape[1:])).astype(np.int8)
        x[0], x[1] = -128, 127
        ranges = channel_ranges(graph, {op.index: op.record for op in graph.ops}, {})
        for index, values in run(graph, x, keep="all").tensors.items():
            rows = values.reshape(-1, graph.channels(index))
            assert (ranges[index].low <= rows.min(axis=0)).all() and (rows.max(axis=0) <= ranges[index].high).all()


def test_a_walk_has_the_least_axes():
    assert Walk.of((1, 4, 5, 6), ((1, 4, 5, 6), (1, 4, 5, 6))) == Walk((120,), ((1,), (1,)))
    assert Walk.of((1, 4, 5, 6), ((1, 4, 5, 6), (1, 1, 1, 6))) == Walk((20, 6), ((6, 1), (0, 1)))
    assert Walk.of((1, 4, 5, 6), ((1, 4, 5, 1), (1, 4, 5, 6))) == Walk((20, 6), ((1, 0), (6, 1)))
    assert Walk.of((2, 3, 4), ((2, 1, 4), (1, 3, 1))) == Walk((2, 3, 4), ((4, 0, 1), (0, 1, 0)))
    assert Walk.of((1, 1), ((1, 1), (1, 1))) == Walk((1,), ((0,), (0,)))


def added(first: tuple[int, ...], second: tuple[int, ...], result: tuple[int, ...]) -> Graph:
    model = ModelWriter()
    x, y = model.activation(first, 0.1), model.activation(result, 0.2)
    model.op("MUL", [x, model.constant(np.ones(second, np.int8), [0.1])], [y], fused_activation_function="NONE")
    return parse(model.finish([x], [y]))


def test_what_does_not_broadcast_is_refused():
    with pytest.raises(ModelError, match="inputs of shapes 1x4x3 and 2x3; supported: shapes that broadcast"):
        added((1, 4, 3), (2, 3), (1, 4, 3))
    with pytest.raises(ModelError, match="output of shape 1x4x3; supported: 1x4x2x3"):
        added((1, 4, 1, 3), (2, 3), (1, 4, 3))


def test_a_broadcast_along_too_many_axes_is_refused():
    first, second = (1, 2, 1, 2, 1, 2, 1, 2), (2, 1, 2, 1, 2, 1, 2, 1)
    with pytest.raises(ModelError, match="a broadcast along 8 axes apart; supported: up to 6"):
        added(first, second, (2,) * 8)
