"""tune on models with operators that are made of dot products: those of an LSTM are chosen, others stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.golden.ends import samples_of
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.graph import Tensor
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from edge_tr.record import Part
from edge_tr.tr.hese import term_count
from edge_tr.tr.requant import Rounding
from edge_tr.tuning.fit import Settings, Source
from edge_tr.tuning.kept import Kept
from edge_tr.tuning.points import Points
from edge_tr.tuning.select import calibrate, rewritten, select
from tests.firmware.harness_models import Network, samples
from tests.operators.test_op_transpose_conv import transpose_conv
from tests.operators.test_op_unidirectional_sequence_lstm import lstm


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


LSTMS = [2, 8, 10, 11]
"""Seeds: with a projection, peepholes, layer normalisation, coupled gates; gates seldom saturate."""


@pytest.mark.parametrize("seed", LSTMS)
def test_gradients_of_an_lstms_sums_are_those_of_small_changes(seed) -> None:
    """Of each part's bias, which is in every sum, against differences of golden's outputs."""
    rng = np.random.default_rng(seed)
    graph = parse(lstm(rng))
    op = next(op for op in graph.ops if op.updates)
    inputs = [_inner(graph.tensor(index), rng) for index in graph.activations(op)]
    outputs = op.record.golden(inputs, Rounding.DOUBLE)
    given = [rng.choice(np.array([-1.0, 1.0], np.float32), outputs[0].shape), *(0.0 * of for of in outputs[1:])]
    _, sums = op.record.backward(inputs, outputs, given)
    seen = set()
    read = op.record.part_inputs(inputs)

    def steps_of(part: Part) -> int:
        return 8 if part.activation == Part.INSIDE else 800  # an int8 output, or a gate with 12 fraction bits

    for part in op.record.parts():
        gradient, record = sums[part.name], part.record
        assert gradient.shape == (len(inputs[0]), record.uses, record.units)
        assert read[part.name].shape == (len(inputs[0]), record.uses, record.depth)
        move = rng.choice([-1, 1], record.units) * int(np.ceil(steps_of(part) / record.requant.real[0]))
        up, down = (
            op.record.with_parts({part.name: replace(record, bias=record.bias + sign * move)})
            .golden(inputs, Rounding.DOUBLE)[0]
            .astype(np.float32)
            for sign in (1, -1)
        )
        wanted = ((up - down) * given[0]).reshape(len(inputs[0]), -1).sum(axis=1) / 2
        found = (gradient.sum(axis=1) * move).sum(axis=1)
        if found.std() > 1:  # steps of the output: less is lost in its rounding
            assert (found @ wanted) / (found @ found) == pytest.approx(1, abs=0.2), part.name
            seen.add(part.name)
    assert len(seen) >= 5


def _inner(tensor: Tensor, rng: np.random.Generator) -> np.ndarray:
    """Values from the middle half of a tensor's type."""
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min // 2, limits.max // 2, (400, *tensor.shape)).astype(tensor.dtype)


@pytest.mark.parametrize("group", [None, 8])
@pytest.mark.parametrize("seed", LSTMS)
def test_the_gates_of_an_lstm_get_terms_of_their_own(seed, group, tmp_path: Path) -> None:
    """Fewer together; a point's output is its file's, and the interpreter's."""
    data = lstm(np.random.default_rng(seed))
    graph = parse(data)
    tensor = graph.tensor(graph.inputs[0])
    x = samples_of(graph, np.random.default_rng(4).integers(-128, 128, (40, *tensor.shape)).astype(np.int8))
    points = Points(Source(data, x, 0), Settings(group=group, passes=6), Kept(tmp_path))
    (point,) = points.at([(3.0, 1.0)])
    tuned = rewritten(calibrate(data, x), points.selection(point))
    before, after = (sum(term_count(op.record.weights).sum() for op in dots(of)) for of in (graph, parse(tuned)))
    assert after < before
    output = run(parse(tuned), x).output
    np.testing.assert_array_equal(output.reshape(points.selection(point).output.shape), points.selection(point).output)
    oracle = Oracle(tuned)
    rounded = run(parse(tuned), x, rounding=reference_info(oracle.runtime).rounding).output
    np.testing.assert_array_equal(oracle.outputs(x)[graph.outputs[0]], rounded)


def test_a_model_of_such_operators_alone_is_refused_with_what_to_do() -> None:
    data = transpose_conv(np.random.default_rng(1))
    with pytest.raises(UsageError, match=r"nothing to choose.*TRANSPOSE_CONV.*--budget"):
        calibrate(data, samples(parse(data), np.random.default_rng(0), 4))
