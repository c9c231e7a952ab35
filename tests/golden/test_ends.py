"""Several inputs and outputs, and states that are carried from step to step: golden equals the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError, UsageError
from edge_tr.golden import micro
from edge_tr.golden.ends import samples_of
from edge_tr.golden.oracle import Oracle, Runtime
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.with_ends import assigned_again, shared_ends, stream


def drawn(*shape: int, seed: int = 15) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def agrees(data: bytes, x: object, oracle: Oracle | None = None) -> dict[int, np.ndarray]:
    """Every tensor and output equals the interpreter's; the outputs."""
    oracle = oracle or Oracle(data)
    result = run(parse(data), x, keep="all")
    for index, expected in oracle.tensors(x).items():
        np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"tensor {index}")
    outputs = oracle.outputs(x)
    assert result.outputs.keys() == outputs.keys()
    for index, expected in outputs.items():
        np.testing.assert_array_equal(result.outputs[index], expected, err_msg=f"output {index}")
    return outputs


def test_outputs_may_be_read_inside_be_named_twice_and_be_an_input():
    data = shared_ends()
    graph = parse(data)
    assert graph.inputs == (0, 2) and graph.outputs == (4, 5, 4, 0, 5)
    assert [tensor.dtype for tensor in graph.file_outputs] == ["int8", "float32", "int8", "int8", "int8"]
    outputs = agrees(data, {0: drawn(9, 3, 4), 2: drawn(9, 3, 4, seed=16)})
    assert set(outputs) == {0, 4, 5}


def test_a_model_of_several_inputs_needs_an_array_for_each():
    graph = parse(shared_ends())
    with pytest.raises(UsageError, match=r"2 inputs \(t0, t1\): give an array for each"):
        run(graph, drawn(9, 3, 4))
    with pytest.raises(UsageError, match=r"tensors \[0\] are given, the model's inputs are \[0, 2\]"):
        run(graph, {0: drawn(9, 3, 4)})
    with pytest.raises(UsageError, match=r"input t1 is \[samples, 3, 4\], got \[9, 4, 3\]"):
        run(graph, {0: drawn(9, 3, 4), 2: drawn(9, 4, 3)})
    with pytest.raises(UsageError, match=r"different numbers of samples or steps: t0 \[9\], t2 \[8\]"):
        run(graph, {0: drawn(9, 3, 4), 2: drawn(8, 3, 4)})


@pytest.mark.parametrize("first", [None, [7, -128, 127, 0, -3]])
def test_a_variable_is_carried_through_a_sequence_and_reset_between_sequences(first):
    data = stream(first=first)
    graph = parse(data)
    (state,) = graph.states
    assert graph.tensor(state).name == "window" and graph.tensor(state).shape == (1, 3, 5)
    assert not {"VAR_HANDLE", "CALL_ONCE"} & {op.kind for op in graph.ops}
    x = drawn(4, 9, 1, 5)
    means, window = agrees(data, x).values()
    assert means.shape == (4, 9, 5)
    np.testing.assert_array_equal(window[:, -1, :, :], x[:, -3:, 0])
    alone, _ = agrees(data, x[2:3]).values()
    np.testing.assert_array_equal(alone[0], means[2])
    once, _ = agrees(data, x[:, 0]).values()
    np.testing.assert_array_equal(once, means[:, 0])


def test_of_several_assignments_the_last_one_is_the_state_and_reads_between_see_theirs():
    data = assigned_again()
    graph = parse(data)
    assert [op.kind for op in graph.ops if op.updates] == ["ASSIGN_VARIABLE"]
    first, second, last = agrees(data, drawn(3, 7, 5)).values()
    np.testing.assert_array_equal(first[:, 1:], last[:, :-1])
    assert (first != second).any() and (second != last).any()


@pytest.mark.parametrize("options", [dict(call_once=False), dict(first=[7, -128, 127, 0, -3])])
def test_tflite_micro_carries_states_too_and_begins_at_the_zero_point_without_a_first_value(options):
    data = stream(**options)
    if not options.get("call_once", True):
        assert set(parse(data).states.popitem()[1].ravel().tolist()) == {-3}
    agrees(data, drawn(3, 6, 1, 5), Oracle(data, Runtime("tflite-micro", "", micro)))


def test_sequences_have_the_shape_that_is_asked_for():
    graph = parse(stream())
    with pytest.raises(UsageError, match=r"\[samples, 1, 5\] or \[sequences, steps, 1, 5\], got \[2, 3, 5\]"):
        run(graph, drawn(2, 3, 5))
    with pytest.raises(UsageError, match="no steps"):
        run(graph, drawn(2, 0, 1, 5))
    assert samples_of(graph, drawn(2, 3, 1, 5)).leading == (2, 3)
    assert samples_of(graph, drawn(2, 3, 1, 1, 5)).leading == (2, 3)
    assert samples_of(graph, drawn(2, 1, 5)).leading == (2,)


def test_a_streaming_wake_word_of_the_public_keeps_its_state_over_fifty_steps(shared):
    data = (shared / "models" / "okay_nabu_v2.tflite").read_bytes()
    (scores,) = agrees(data, drawn(2, 50, 3, 40)).values()
    assert scores.shape == (2, 50, 1)


def test_what_call_once_may_not_do_is_named():
    model, start = ModelWriter(), ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1, 4), 0.25)
    model.op("CALL_ONCE", [], [], init_subgraph_index=1)
    model.op("QUANTIZE", [x], [y])
    value, other = start.activation((1, 4), 0.5), start.activation((1, 4), 0.5)
    start.op("QUANTIZE", [value], [other])
    with pytest.raises(ModelError, match=r"CALL_ONCE \(operator 0\): found a subgraph with QUANTIZE; supported"):
        parse(model.finish([x], [y], [start]))
