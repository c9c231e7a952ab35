"""Several inputs and outputs, and states, in generated C and over the link, against golden."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, STATUS, TRANSFER
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_frames import APP, HELLO, assert_as_the_twin, infer, load, read, replies, request
from tests.firmware.harness_models import as_bytes, drawn, expected_bytes, lower_with
from tests.firmware.harness_twin import twin_of
from tests.models.with_ends import assigned_again, shared_ends, stream

MODELS = {
    "ends": shared_ends(),
    "stream": stream(),
    "again": assigned_again(),
    "begun": stream(first=[7, -128, 127, 0, -3]),
    "long": stream(steps=120, width=9),
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module", params=["ends", "begun", "long"])
def linked(request, runtime, tmp_path_factory):
    """(graph, program, executable) of a model behind the link."""
    graph = parse(MODELS[request.param])
    program = lower_with(graph, "planes", "lossless")
    return graph, program, compile_model(program, tmp_path_factory.mktemp("link"), runtime, APP)


@pytest.fixture
def twin(linked):
    return twin_of(*linked[:2])


# --- the C API ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_layers_and_outputs_equal_golden_and_steps_carry_their_state(name, runtime, tmp_path):
    graph, rng = parse(MODELS[name]), np.random.default_rng(4)
    program = lower_with(graph, "planes", "lossless")
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    x = drawn(graph, rng)
    assert run_c(executable, as_bytes(x, graph.inputs)) == expected_bytes(graph, program, x)
    if graph.states:
        x = drawn(graph, rng, (1, 12))
        outputs = run(graph, x).outputs
        got = run_c(executable, as_bytes(x, graph.inputs, 2), arguments=("steps",))
        assert got == as_bytes(outputs, graph.outputs, 2)


@pytest.mark.parametrize("name", MODELS)
def test_ends_are_what_the_header_says_and_beyond_them_is_nothing(name, runtime, tmp_path):
    program = lower_with(parse(MODELS[name]), "planes", "lossless")
    run_c(compile_model(program, tmp_path, runtime, [HERE / "harness_bounds.c"]))


def test_all_values_of_a_state_come_back_where_they_differ_and_where_they_do_not():
    same, other = (lower_with(parse(MODELS[name]), "planes", "lossless") for name in ("stream", "begun"))
    assert {len(set(state.initial.ravel().tolist())) for state in same.states} == {1}
    assert {len(set(state.initial.ravel().tolist())) for state in other.states} == {5}
    assert same.memory.beside == 16 and same.memory.regions[-1].kind == "state"
    assert same.memory.regions[-1].offset >= same.memory.size


# --- the link -----------------------------------------------------------------------------


def sample(twin, number: int, seed: int) -> list[bytes]:
    """A sample as `check` runs it, outputs in pieces that begin and end inside tensors."""
    pieces = [(at, min(7, twin.output_bytes - at)) for at in range(0, twin.output_bytes, 7)]
    layers = [read(COMMAND.READ_DIGESTS, number, 0, twin.layers), read(COMMAND.READ_COST, number, 0, twin.layers)]
    outputs = [read(COMMAND.READ_OUTPUT, number, *piece) for piece in pieces]
    return [*load(twin, number, seed), infer(number), *layers, *outputs]


def reset_state(twin, number: int) -> list[bytes]:
    return [request(COMMAND.RESET_STATE, sample=number)] if twin.program.states else []


def sequence(twin, first: int, seed: int, count: int = 3) -> list[bytes]:
    steps = (sample(twin, first + step, seed + step) for step in range(count))
    return [*reset_state(twin, first), *(frame for step in steps for frame in step)]


def test_ends_come_one_after_the_other_and_states_go_from_sample_to_sample(linked, twin):
    wire = [HELLO, *sample(twin, 0, 9), *sequence(twin, 1, 1), *sequence(twin, 50, 2)]
    got = assert_as_the_twin(linked[2], twin, b"".join(wire))
    assert {frame.status for frame in got} == {STATUS.OK}


def test_every_frame_may_come_twice_and_a_step_is_one(linked, twin):
    wire = sequence(twin, 5, 7)
    got = assert_as_the_twin(linked[2], twin, b"".join(frame + frame for frame in wire))
    assert got[:-1:2] == got[1::2] and {frame.status for frame in got} == {STATUS.OK}


@pytest.mark.parametrize("linked", ["begun"], indirect=True)
def test_what_comes_late_never_steps_again(linked, twin):
    """Each frame of a sequence once more, after each other frame: a step that counts has golden's answer."""
    wire = sequence(twin, 5, 7, 2)[:-1]
    late = [b"".join([*wire[: i + 1], old, *wire[i + 1 :]]) for i in range(len(wire)) for old in wire[: i + 1 : 2]]
    got = assert_as_the_twin(linked[2], twin, b"".join(late[:: max(1, len(late) // 150)]))
    assert {frame.status for frame in got} == {STATUS.OK, STATUS.BAD_STATE}


def test_a_sample_that_was_stopped_ends_its_sequence(linked, twin):
    wire = [*reset_state(twin, 2), *load(twin, 2), infer(2, 1), read(COMMAND.READ_LAYER, 2, 0, 3, 1)]
    wire += [*load(twin, 3), infer(3), *load(twin, 2), infer(2), *sequence(twin, 2, 5)]
    got = assert_as_the_twin(linked[2], twin, b"".join(wire))
    refused = [frame.command & 0x7F for frame in got if frame.status != STATUS.OK]
    assert refused == ([COMMAND.INFER] * 2 if twin.program.states else [])


@pytest.mark.parametrize("seed", range(2))
def test_random_conversations_give_the_twins_replies(seed, linked, twin):
    rng = np.random.default_rng(seed)
    size, total = len(twin.input), twin.output_bytes
    menu = [frame for first in (0, 1) for frame in sequence(twin, first, first, 2)]
    menu += [request(COMMAND.RESET_STATE, b"x"), *load(twin, 0), *load(twin, 1)] * (len(menu) // 8)
    menu += [request(COMMAND.RESET_STATE, payload, number) for payload, number in ((b"", 0), (b"", 1))]
    menu += [read(COMMAND.READ_OUTPUT, 0, *part) for part in ((0, total), (total, 0), (total, 1), (1, total))]
    heads = [TRANSFER.pack(offset=offset, count=count) + bytes(count) for offset, count in ((0, 3), (size - 1, 2))]
    menu += [request(COMMAND.LOAD_INPUT, head) for head in heads]
    menu += [infer(0, 1), infer(0, twin.layers - 1), infer(1, 0)]
    got = assert_as_the_twin(linked[2], twin, b"".join(menu[i] for i in rng.integers(len(menu), size=400)))
    assert {frame.status for frame in got} >= {STATUS.OK, STATUS.BAD_ARGUMENT, STATUS.BAD_STATE}


def test_without_states_there_is_nothing_to_reset(linked, twin):
    (status, *_) = [frame.status for frame in replies(linked[2], request(COMMAND.RESET_STATE))]
    assert status == (STATUS.OK if twin.program.states else STATUS.BAD_COMMAND)
    assert frames.COMMAND.RESET_STATE == 10
