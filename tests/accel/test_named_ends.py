"""Several inputs and outputs, and states, on the accelerator's board: by name, in sequence, by the agent's frames."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import AccelProgram, lower_accel
from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, INFER_REQUEST, STATUS, TRANSFER, Frame
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.prepared.budget import parse as parse_budget
from tests.accel.simulated_board import SimulatedBoard
from tests.firmware.harness_models import drawn
from tests.models.with_ends import recurrent, several

FIRST = [5, -9, 100, -128, 127, 0, 1, 44]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


def built(data: bytes, *budgets: str) -> tuple[Graph, AccelProgram]:
    graph = parse(data)
    *below, budget = map(parse_budget, budgets or ("lossless",))
    return graph, lower_accel(graph, budget, below)


def test_arrays_come_and_go_by_name_at_every_level(board: SimulatedBoard) -> None:
    graph, program = built(several(), "g=8,k=4", "lossless")
    accelerator = board.load(program)
    names = board.accelerator.program.input_names
    assert names == tuple(tensor.name for tensor in graph.file_inputs)
    assert {layer.name for layer in program.most.host_layers} == {"softmax_5"}
    x = drawn(graph, np.random.default_rng(1), (3,))
    for number, level in enumerate(program.levels):
        accelerator.level = number
        expected = run(graph, x, weights=level.revealed).outputs
        for given in (dict(zip(names, x.values())), {"x0": x[graph.inputs[0]], "x1": x[graph.inputs[1]]}):
            outputs = accelerator.predict(given)
            assert list(outputs) == [tensor.name for tensor in graph.file_outputs]
            for index, output in zip(graph.outputs, outputs.values()):
                np.testing.assert_array_equal(output, expected[index])
    usage = board.module("errors").UsageError
    with pytest.raises(usage, match=r"array for each input by its name: t0, t\d+; or x0, x1"):
        accelerator.predict(x[graph.inputs[0]])
    with pytest.raises(usage, match="different numbers of samples"):
        accelerator.predict(x0=x[graph.inputs[0]], x1=x[graph.inputs[1]][:2])


@pytest.mark.parametrize("first", [None, FIRST])
def test_states_are_carried_reset_and_kept_by_what_only_looks(board: SimulatedBoard, first: list[int] | None) -> None:
    graph, program = built(recurrent(first=first))
    accelerator, (state,) = board.load(program), graph.states
    kept = [layer.name.rpartition("_")[0] for layer in program.most.host_layers if "keeps a state" in layer.reason]
    assert kept == ["read_variable", "assign_variable"]
    x = drawn(graph, np.random.default_rng(2), (2, 5))
    golden = run(graph, x, weights=program.most.revealed, keep="all")
    expected = [golden.outputs[index] for index in graph.outputs]
    (given,) = x.values()
    whole = accelerator.predict(given)  # sequences, each from a reset
    assert list(whole) == list(accelerator.program.output_names)
    for output, right in zip(whole.values(), expected):
        np.testing.assert_array_equal(output, right)
    accelerator.reset_state()
    layers = [layer for turn in program.most.turns for layer in turn.layers]
    alive = program.most.alive.of(golden.tensors)
    for step in range(5):  # one by one, looked at before each
        looked = [tensor for tensor, _ in accelerator.run_layers(given[0, step], len(layers) - 1)]
        for layer, tensor in zip(layers, looked):
            np.testing.assert_array_equal(tensor, alive[layer.tensor][0, step].ravel(), err_msg=layer.name)
        for output, right in zip(accelerator.predict(given[0, step]).values(), expected):
            np.testing.assert_array_equal(output[0], right[0, step])
    np.testing.assert_array_equal(accelerator.states[state], golden.tensors[state][0, -1].ravel())


def test_an_output_that_is_an_input_and_one_that_the_processor_only_copies(board: SimulatedBoard) -> None:
    """Beside the accelerator's."""
    data = several()
    graph = parse(data)
    image, vector = graph.inputs
    graph = parse(several(also=(image, vector)))
    program = lower_accel(graph, parse_budget("lossless"))
    x = drawn(graph, np.random.default_rng(3), (2,))
    expected = run(graph, x).outputs
    outputs = board.load(program).outputs(board.accelerator.samples(dict(zip(("x0", "x1"), x.values()))))
    assert len(outputs) == 5
    for index, output in zip(graph.outputs, outputs):
        np.testing.assert_array_equal(output, expected[index])


# --- the agent ------------------------------------------------------------------------------


class Asker:
    """Requests to an agent, and its replies."""

    def __init__(self, board: SimulatedBoard, program: AccelProgram) -> None:
        self.agent = board.module("agent").Agent(board.load(program))

    def __call__(self, command: int, payload: bytes = b"", sample: int = 0) -> Frame:
        wire = frames.encode(Frame(command, 5, sample, payload=payload))
        return frames.decode(self.agent.answer(wire.strip(b"\0")).strip(b"\0"))

    def load(self, sample: int, data: bytes) -> int:
        head = TRANSFER.pack(offset=0, count=len(data))
        return self(COMMAND.LOAD_INPUT, head + data, sample).status

    def infer(self, sample: int, stop: int = frames.ALL_LAYERS.value, digests: int = 0) -> int:
        return self(COMMAND.INFER, INFER_REQUEST.pack(stop_layer=stop, digests=digests, level=0), sample).status

    def read(self, command: int, sample: int, count: int, layer: int = 0, offset: int = 0) -> Frame:
        return self(command, TRANSFER.pack(offset=offset, count=count, layer=layer), sample)


def test_the_agent_takes_and_gives_ends_one_after_the_other(board: SimulatedBoard) -> None:
    graph, program = built(several())
    ask, x = Asker(board, program), drawn(graph, np.random.default_rng(4), (1,))
    hello = frames.HELLO_REPLY.unpack(ask(COMMAND.HELLO).payload)
    assert (hello["input_bytes"], hello["output_bytes"]) == (90 + 10, 180 + 10 + 10)
    assert ask(COMMAND.RESET_STATE).status == STATUS.BAD_COMMAND
    assert ask.load(7, b"".join(values.tobytes() for values in x.values())) == STATUS.OK
    assert ask.infer(7) == STATUS.OK
    expected = b"".join(run(graph, x).outputs[index].tobytes() for index in graph.outputs)
    assert ask.read(COMMAND.READ_OUTPUT, 7, 200).payload == expected
    assert ask.read(COMMAND.READ_OUTPUT, 7, 15, offset=175).payload == expected[175:190]
    assert ask.read(COMMAND.READ_OUTPUT, 7, 201).status == STATUS.BAD_ARGUMENT
    last = len(program.most.turns[-1].layers) and hello["layers"] - 1
    assert ask.read(COMMAND.READ_LAYER, 7, 10, last).payload == expected[190:]


def test_the_agent_steps_once_and_in_order(board: SimulatedBoard) -> None:
    graph, program = built(recurrent(first=FIRST))
    ask, x = Asker(board, program), drawn(graph, np.random.default_rng(5), (1, 4))
    (given,) = x.values()
    golden = run(graph, x, keep="all")
    layers = [layer.tensor for turn in program.most.turns for layer in turn.layers]

    def load(step: int) -> int:
        return ask.load(10 + step, given[0, step].tobytes())

    def right(step: int) -> bool:
        expected = b"".join(golden.outputs[index][0, step].tobytes() for index in graph.outputs)
        return ask.read(COMMAND.READ_OUTPUT, 10 + step, 12).payload == expected

    assert ask(COMMAND.RESET_STATE, b"x").status == STATUS.BAD_ARGUMENT
    assert ask(COMMAND.RESET_STATE, sample=10).status == STATUS.OK == ask(COMMAND.RESET_STATE, sample=10).status
    for step in range(3):
        assert [load(step), ask.infer(10 + step, digests=1), ask.infer(10 + step, digests=1)] == [STATUS.OK] * 3
        assert right(step)
        digests = ask.read(COMMAND.READ_DIGESTS, 10 + step, len(layers)).payload
        alive = program.most.alive.of(golden.tensors)
        assert digests == b"".join(zlib.crc32(alive[t][0, step].tobytes()).to_bytes(4, "little") for t in layers)
    assert [load(2), ask.infer(12)] == [STATUS.OK, STATUS.BAD_STATE]  # late: it has been
    assert [load(3), ask.infer(13)] == [STATUS.OK, STATUS.OK] and right(3)
    assert ask(COMMAND.RESET_STATE, sample=10).status == STATUS.OK  # late: it begins a sequence, and the sample is gone
    assert ask.read(COMMAND.READ_OUTPUT, 13, 12).status == STATUS.BAD_STATE
    assert [load(0), ask.infer(10, stop=2), load(1), ask.infer(11)] == [*[STATUS.OK] * 3, STATUS.BAD_STATE]  # torn
    assert ask(COMMAND.RESET).status == STATUS.OK  # as a board that starts: sample 0 is next
    assert [ask.load(0, given[0, 0].tobytes()), ask.infer(0)] == [STATUS.OK] * 2


def test_clients_have_states_of_their_own(board: SimulatedBoard) -> None:
    graph, program = built(recurrent())
    one, x = Asker(board, program), drawn(graph, np.random.default_rng(6), (2, 3))
    two = Asker.__new__(Asker)
    two.agent = board.module("agent").Agent(board.accelerator)
    (given,) = x.values()
    expected = run(graph, x).outputs
    for step in range(3):
        for n, ask in enumerate((one, two)):
            assert [ask.load(step, given[n, step].tobytes()), ask.infer(step)] == [STATUS.OK] * 2
            right = b"".join(expected[index][n, step].tobytes() for index in graph.outputs)
            assert ask.read(COMMAND.READ_OUTPUT, step, 12).payload == right
