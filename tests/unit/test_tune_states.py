"""tune on models with states, and on uint8 ones whose weights have a zero point of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_tr.golden.ends import Samples, samples_of
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from edge_tr.tr.hese import term_count
from edge_tr.tr.requant import Rounding
from edge_tr.tuning.cost import dot_layers
from edge_tr.tuning.descent import anneal, group_sums, limited, most_terms, terms_of
from edge_tr.tuning.fit import Settings, Source
from edge_tr.tuning.kept import Kept
from edge_tr.tuning.points import Points
from edge_tr.tuning.reads import Step, by_step, computed
from edge_tr.tuning.select import calibrate, rewritten, select
from edge_tr.tuning.sensitivity import _step_backward, sensitivities
from edge_tr.tuning.tuning import tune
from edge_tr.tuning.written import goal_of
from tests.firmware.harness_models import Network
from tests.models.unsigned import as_uint8
from tests.models.with_ends import recurrent
from tests.operators.test_op_svdf import svdf
from tests.operators.test_op_unidirectional_sequence_lstm import lstm

STEPS = 5


def sequences(graph: Graph, count: int, steps: int = STEPS, seed: int = 0) -> Samples:
    shape = graph.tensor(graph.inputs[0]).shape[1:]
    x = np.random.default_rng(seed).integers(-128, 128, (count, steps, *shape)).astype(np.int8)
    return samples_of(graph, x)


# --- states ------------------------------------------------------------------------------------


def test_gradients_go_back_through_the_state_to_what_it_was_at_first() -> None:
    """That of the first step's state, against differences of golden's outputs from other states."""
    graph, rng = parse(recurrent()), np.random.default_rng(1)
    (state,) = graph.states
    x, signs = sequences(graph, 150), rng.choice(np.array([-1.0, 1.0], np.float32), (150, STEPS, 4))
    start = rng.integers(-20, 20, graph.states[state].shape).astype(np.int8)
    graph = replace(graph, states={state: start})
    gradients: dict[int, np.ndarray] = {}
    steps = by_step(graph, computed(graph, x), x.steps)
    for number in reversed(range(STEPS)):
        gradients = {i: of for i, of in gradients.items() if i == state}
        gradients[graph.outputs[0]] = signs[:, number]
        _step_backward(graph, steps[number], gradients)
    found, wanted = [], []
    for element in range(start.size):
        moved = np.zeros(start.shape, np.int8)
        moved.flat[element] = 6
        up, down = (run(replace(graph, states={state: start + sign * moved}), x).output for sign in (1, -1))
        wanted.append(((up.astype(np.float32) - down) * signs).sum(axis=(1, 2)) / 12)
        found.append(gradients[state].reshape(150, -1)[:, element])
    found, wanted = np.concatenate(found), np.concatenate(wanted)
    assert np.corrcoef(found, wanted)[0, 1] > 0.9
    assert (found @ wanted) / (found @ found) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("build, seed", [(lstm, 2), (lstm, 8), (lstm, 10), (lstm, 11), (svdf, 0), (svdf, 3)])
def test_gradients_of_lstm_and_svdf_are_those_of_small_changes(build, seed) -> None:
    """Of models whose gates seldom saturate: with a projection, peepholes, layer normalisation, coupled gates."""
    rng = np.random.default_rng(seed)
    graph = parse(build(rng))
    op = next(op for op in graph.ops if op.updates)
    inputs = [_inner(graph, index, rng) for index in graph.activations(op)]
    outputs = op.record.golden(inputs, Rounding.DOUBLE)
    given = [_signs(of.shape, rng) * (1 if of.dtype == np.int8 else 2**-8) for of in outputs]
    for position, gradient in enumerate(op.record.all_gradients(inputs, outputs, given)):
        x = inputs[position]
        moves = _signs(x.shape, rng) * (3 if x.dtype == np.int8 else 400)
        moved = [[*inputs[:position], (x + sign * moves).astype(x.dtype), *inputs[position + 1 :]] for sign in (1, -1)]
        up, down = (op.record.golden(values, Rounding.DOUBLE) for values in moved)
        changes = [(a.astype(np.float32) - b) * g for a, b, g in zip(up, down, given)]
        wanted = sum(change.reshape(len(x), -1).sum(axis=1) for change in changes)
        found = (gradient.reshape(x.shape) * moves).reshape(len(x), -1).sum(axis=1)
        assert (found @ wanted / 2) / (found @ found) == pytest.approx(1, abs=0.12)


def _inner(graph: Graph, index: int, rng: np.random.Generator) -> np.ndarray:
    """Values from the middle half of a tensor's type."""
    tensor = graph.tensor(index)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min // 2, limits.max // 2, (400, *tensor.shape)).astype(tensor.dtype)


def _signs(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.choice(np.array([-1.0, 1.0], np.float32), shape)


def test_what_a_layer_does_to_later_steps_counts() -> None:
    """The layers before the variable matter more in sequences, the one behind it as much as in single steps."""
    graph = parse(recurrent(7))
    first, second, last = (layer.index for layer in dot_layers(graph))
    alone, together = (
        sensitivities(graph, sequences(graph, *shape), np.random.default_rng(0)) for shape in ((128, 1), (16, 8))
    )
    assert together[first].mean() > 1.5 * alone[first].mean() and together[second].mean() > 1.5 * alone[second].mean()
    assert together[last].mean() == pytest.approx(alone[last].mean(), rel=0.1)


def test_the_choice_sees_the_states_that_the_chosen_layers_make(tmp_path: Path) -> None:
    """A point's output is that of its file, in every step, and the interpreter's."""
    data = recurrent(3, [5, -7, 0, 100, -128, 127, 1, -1])
    graph = parse(data)
    x = sequences(graph, 12)
    points = Points(Source(data, x, 0), Settings(passes=6), Kept(tmp_path))
    (point,) = points.at([(0.1, 1.0)])
    selection = points.selection(point)
    assert 0 < point.terms_per_weight < 2
    tuned = rewritten(calibrate(data, x), selection)
    output = run(parse(tuned), x).output
    np.testing.assert_array_equal(output.reshape(selection.output.shape), selection.output)
    oracle = Oracle(tuned)
    rounded = run(parse(tuned), x, rounding=reference_info(oracle.runtime).rounding).output
    np.testing.assert_array_equal(oracle.outputs(x)[graph.outputs[0]], rounded)


def test_labels_of_sequences_are_of_their_last_steps_or_of_all(tmp_path: Path) -> None:
    data, goal = recurrent(), goal_of(max_terms=2.9)
    (tmp_path / "model.tflite").write_bytes(data)
    graph = parse(data)
    calibration, test = sequences(graph, 6), sequences(graph, 5, seed=1)
    np.savez(tmp_path / "calibration.npz", x=calibration.first)
    choices = run(graph, test).output.reshape(5, STEPS, -1).argmax(axis=2)
    for name, labels in (("last", choices[:, -1]), ("all", choices)):
        np.savez(tmp_path / "test.npz", x=test.first, y=labels)
        out, settings = tmp_path / "budget.toml", Settings(passes=2)
        found = tune(tmp_path / "model.tflite", tmp_path / "calibration.npz", out, goal, settings=settings,
                     data=tmp_path / "test.npz")  # fmt: skip
        assert found.original_accuracy == 100, name


# --- weights with a zero point -----------------------------------------------------------------

WIDE = [(0, 255), (-255, 0), (-37, 218), (-128, 117)]
"""What weights of a uint8 file can be, and of that int8."""


@pytest.mark.parametrize("limits", WIDE)
def test_a_free_choice_is_the_nearest_value_within_the_limits(limits) -> None:
    target = np.random.default_rng(5).uniform(limits[0] - 9, limits[1] + 9, (4, 30))
    found = anneal(target, np.eye(30), np.zeros(4), limits=limits).q
    np.testing.assert_array_equal(found, np.clip(np.rint(target), *limits))
    assert most_terms(limits) == term_count(np.arange(limits[0], limits[1] + 1)).max()


@pytest.mark.parametrize("limits", WIDE)
@pytest.mark.parametrize("most", [1, 5])
def test_groups_keep_to_their_terms_and_weights_to_their_limits(limits, most) -> None:
    target = np.random.default_rng(6).uniform(limits[0] - 9, limits[1] + 9, (6, 19))
    q = limited(target, np.eye(19), 8, most, limits=limits).q
    assert group_sums(terms_of(q), 8).max() <= most and limits[0] <= q.min() <= q.max() <= limits[1]


def unsigned(zero_point: int) -> bytes:
    net = Network(np.random.default_rng(2), (6, 5, 3))
    net.conv(6, (3, 3), (1, 1), "RELU")
    net.depthwise(1, (3, 3), (1, 1))
    net.flatten()
    net.dense(5)
    return as_uint8(net.finish(), np.random.default_rng(3), zero_point)


@pytest.mark.parametrize("group", [None, 8])
@pytest.mark.parametrize("zero_point", [0, 77, 255])
def test_tuned_uint8_weights_are_what_their_file_holds(zero_point, group, tmp_path: Path) -> None:
    data = unsigned(zero_point)
    graph = parse(data)
    x = samples_of(graph, np.random.default_rng(4).integers(-128, 128, (20, 6, 5, 3)).astype(np.int8))
    points = Points(Source(data, x, 0), Settings(group=group, passes=6), Kept(tmp_path))
    (point,) = points.at([(1e-3, 1.0)])
    tuned = rewritten(calibrate(data, x), points.selection(point))
    records = [op.record for op in dots(parse(tuned))]
    given = [op.record for op in dots(graph)]
    assert sum(term_count(of.weights).sum() for of in records) < sum(term_count(of.weights).sum() for of in given)
    np.testing.assert_array_equal(run(parse(tuned), x).output, points.selection(point).output)
    oracle = Oracle(tuned)
    rounded = run(parse(tuned), x, rounding=reference_info(oracle.runtime).rounding).output
    np.testing.assert_array_equal(oracle.outputs(x)[graph.outputs[0]], rounded)


def test_lossless_nine_bit_weights_stay_as_they_are() -> None:
    data = unsigned(0)
    calibration = calibrate(data, np.zeros((2, 6, 5, 3), np.int8))
    same = select(calibration, lambda problem: problem.layer.record.weights)
    assert rewritten(calibration, same) == data


def test_an_operator_is_given_a_state_as_it_was_until_one_before_it_updates_it() -> None:
    old, new = np.zeros((2, 3), np.int8), np.ones((2, 3), np.int8)
    reader, writer, after = (SimpleNamespace(index=n, updates=of) for n, of in enumerate([(), (7,), ()]))
    graph = SimpleNamespace(ops=(reader, writer, after), activations=lambda op: (7,))
    step = Step({7: old}, {7: new})
    assert [step.inputs(graph, op)[0] is old for op in graph.ops] == [True, True, False]
    assert step.inputs(graph, after)[0] is new
