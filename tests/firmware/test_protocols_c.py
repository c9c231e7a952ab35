"""Public protocols in generated C under sanitizers, on a fake board: answers against golden, and whose a byte is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, Frame
from edge_tr.golden.run import run
from edge_tr.ir.schema import KINDS
from edge_tr.ir.tflite import parse
from edge_tr.kernels import parse_choice
from edge_tr.lower.program import lower
from edge_tr.prepared.budget import parse as parse_budget
from tests.clients import wire
from tests.clients.wire import Mlperf, St, results_of
from tests.firmware.harness_build import HERE, compile_c, compile_runtime, run_c
from tests.firmware.harness_frames import HELLO
from tests.firmware.harness_models import Network, drawn, lower_levels, samples
from tests.firmware.harness_protocols import (
    LONG,
    Replayed,
    compile_protocols,
    received,
    said,
    silence,
)  # fmt: skip
from tests.models.with_ends import shared_ends, stream

NAME = "test"


def lossless(graph):
    return lower(graph, parse_budget("lossless"), parse_choice([]), "c")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module")
def images():
    """A network of two budgets: 300 inputs, 11 outputs."""
    net = Network(np.random.default_rng(8), (10, 10, 3))
    net.conv(4, (3, 3), (2, 2), "RELU")
    net.pool("AVERAGE_POOL_2D", 2)
    net.flatten()
    net.dense(11)
    net.softmax()
    graph = parse(net.finish())
    return graph, lower_levels(graph, "g=8,k=3; lossless")


@pytest.fixture(scope="module")
def board(images, runtime, tmp_path_factory):
    """It speaks everything, as ic01."""
    return compile_protocols(*images, tmp_path_factory.mktemp("images"), runtime, benchmark="ic01")


@pytest.fixture(scope="module")
def autoencoder(runtime, tmp_path_factory):
    net = Network(np.random.default_rng(9), (40,))
    net.dense(7)
    net.dense(40)
    graph = parse(net.finish())
    folder = tmp_path_factory.mktemp("autoencoder")
    return graph, compile_protocols(graph, lossless(graph), folder, runtime, ("mlperf",), "ad01")


def reals(graph, output: np.ndarray) -> np.ndarray:
    """An output's values as the device dequantises them."""
    of = graph.tensor(graph.outputs[0]).quantization
    return np.float32(of.scale[0]) * (output.astype(np.int32) - of.zero_point[0]).astype(np.float32)


# --- MLPerf Tiny's text -----------------------------------------------------------------------------------------


def test_the_runner_is_told_the_names_it_matches(board):
    port = Replayed(board)
    assert port.of(Mlperf, Mlperf.name) == "edge-tr"
    assert port.of(Mlperf, Mlperf.profile) == {"profile": "ULPMark for tinyML Firmware V0.0.1", "model": "ic01"}
    (lap,) = port.of(Mlperf, lambda client: client.ask("timestamp"))
    assert lap.startswith("m-lap-us-") and lap[9:].isdecimal()
    assert len(port.of(Mlperf, lambda client: client.ask("help"))) == 12


def inferred(board, data: bytes, inferences: int = 1, warmups: int = 0) -> tuple[list[float], int]:
    def ask(client: Mlperf):
        client.load(data)
        return client.infer(inferences, warmups)

    return Replayed(board).of(Mlperf, ask)


def test_pixels_give_goldens_outputs_with_three_decimals(board, images):
    graph, _ = images
    x = samples(graph, np.random.default_rng(1), 4)
    golden = run(graph, x).output
    for given, output in zip(x, golden):
        pixels = (given.astype(np.int32) + 128).astype(np.uint8).tobytes()
        results, _ = inferred(board, pixels, 2, 1)
        assert results == [float(f"{value:.3f}") for value in reals(graph, output).ravel()]


def test_time_is_that_of_all_measured_inferences(board):
    """The fake counter moves by a millisecond at every look: one at the start, one an inference, one at the end."""
    data = bytes(300)
    assert [inferred(board, data, n, 3)[1] for n in (1, 2, 30)] == [2_000, 3_000, 31_000]


def test_int8_inputs_are_taken_as_they_are(images, runtime, tmp_path):
    graph, program = images
    board = compile_protocols(graph, program, tmp_path, runtime, ("mlperf",), "kws01")
    x = samples(graph, np.random.default_rng(2), 3)[2]
    results, _ = inferred(board, x.tobytes())
    assert results == [float(f"{value:.3f}") for value in reals(graph, run(graph, x[None]).output).ravel()]


def quantised(values: np.ndarray, scale: np.float32, zero_point: int) -> np.ndarray:
    """As the reference submission: round() of C, halves away from zero; nan as zero."""
    steps = np.nan_to_num(values / scale, nan=0.0, posinf=1e9, neginf=-1e9).astype(np.float64)
    whole = np.sign(steps) * np.floor(np.abs(steps) + 0.5)
    return np.clip(whole + zero_point, -128, 127).astype(np.int8)


def test_floats_are_quantised_and_the_result_is_the_mean_squared_error(autoencoder):
    graph, board = autoencoder
    rng, of = np.random.default_rng(3), graph.tensor(graph.inputs[0]).quantization
    scale, zero_point = np.float32(of.scale[0]), int(of.zero_point[0])
    halves = (np.arange(40) - 20 + 0.5).astype(np.float32) * scale
    for values in (rng.normal(0, 3, 40), halves, np.nextafter(halves, 0), rng.uniform(-1e4, 1e4, 40)):
        values = values.astype(np.float32)
        (result,), _ = inferred(board, values.astype("<f4").tobytes(), 2)
        output = reals(graph, run(graph, quantised(values, scale, zero_point)[None]).output).ravel()
        total = np.float32(0)
        for error in (output - values).astype(np.float32):
            total = np.float32(total + np.float32(error * error))
        assert result == float(f"{np.float32(total / np.float32(40)):.3f}")
    for special in (np.nan, np.inf, -np.inf):
        (result,), _ = inferred(board, np.full(40, special, "<f4").tobytes())
        assert math.isnan(result) if math.isnan(special) else result == math.inf


def test_reals_are_printed_as_printf_does(images, runtime, tmp_path):
    """Random bits, and all that lie at or beside a half of the last digit."""
    from edge_tr.boards import load
    from edge_tr.codegen.mcu import source_tree
    from edge_tr.codegen.protocols import protocols_of, wanted

    graph, program = images
    tree = source_tree(program, "host", "x", spoken=protocols_of(wanted(["mlperf"], "ic01"), graph, load("host")))
    for path, data in tree.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    model = [tmp_path / "model", tmp_path / "include", tmp_path / "app"]
    sources = [HERE / "harness_reals.c", *(tmp_path / "model").glob("*.c")]
    reader = compile_c(tmp_path / "reals", [*sources, runtime], model, ("-DTR_PROTOCOLS=1",))
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 1 << 32, 40_000, np.uint64).astype(np.uint32).view(np.float32)
    halves = ((rng.integers(0, 1 << 22, 20_000) + 0.5) / 1000).astype(np.float32)
    exact = (rng.integers(0, 1 << 16, 10_000) * np.float32(1 / 16384)).astype(np.float32)
    values = np.concatenate([bits, halves, np.nextafter(halves, 0), -halves, exact]).astype("<f4")
    values = values[~np.isnan(values) & ~(np.abs(values) > 1e15)]  # beyond, it says inf
    got = run_c(reader, values.tobytes()).decode().splitlines()
    assert [word.lstrip("-") for word in got] == [f"{abs(float(value)):.3f}" for value in values]
    negative = [word.startswith("-") for word in got]
    assert negative == [bool(value < 0) for value in values]


WRONG = {
    "bogus x": "e-[Unknown command: bogus]",
    "NAME": "e-[Unknown command: NAME]",
    "db": "e-[Command 'db' requires a subcommand]",
    "db load": "e-[Command 'db load' requires the # of bytes]",
    "db load 0": "e-[Command 'db load' must be >0 bytes]",
    "db load -1": "e-[Command 'db load' must be >0 bytes]",
    "db load 301": "e-[Supplied buffer size 301 exceeds maximum of 300]",
    "db load 4294967297": "e-[Command 'db load' must be >0 bytes]",
    "infer 0 0": "e-[Inference iterations must be >0]",
    "infer x": "e-[Inference iterations must be >0]",
    "infer 1 -2": "e-[Inference warmup must be >=0]",
    "infer 1 0": "e-[Input db has 0 bytes, expected 300]",
    "results": "e-[There are no results before infer]",
    "n" * 81: "e-[The command is longer than 80 characters]",
    "n" * 5000: "e-[The command is longer than 80 characters]",
}


@pytest.mark.parametrize("command", WRONG, ids=lambda command: command[:20])
def test_what_is_wrong_is_said_and_the_device_is_ready(command, board):
    assert Replayed(board).of(Mlperf, lambda client: client.ask(command)) == [WRONG[command]]


def test_the_buffer_takes_what_it_was_told_to_and_is_printed(board):
    def ask(client: Mlperf):
        client.ask("db load 12")
        yield client.ask("db 00")
        yield client.ask("db 0102030405060708090a0bffff")  # more than is left
        yield client.ask("db aa")
        yield client.ask("db print")
        yield client.ask("db print 3 8")
        yield client.ask("db load 2")
        yield client.ask("db 0")
        yield client.ask("db 1g")
        yield client.ask("db FF")
        yield client.ask("db print 9 1")
        yield client.ask("infer 1 0")

    assert Replayed(board).of(Mlperf, lambda client: list(ask(client))) == [
        [],
        ["m-load-done"],
        [],
        ["m-buffer-00-01-02-03-04-05-06-07", "m-buffer-08-09-0a-0b"],
        ["m-buffer-08-09-0a"],
        ["m-[Expecting 2 bytes]"],
        ["e-[Insufficent number of hex digits]"],
        ["e-[Invalid hex digit]"],
        [],
        ["m-buffer-01"],
        ["e-[Input db has 1 bytes, expected 300]"],
    ]


# --- ST's packets ------------------------------------------------------------------------------------------------


def test_the_model_is_described(board, images):
    graph, program = images
    port = Replayed(board)
    assert port.of(St, St.sync) == (0x0301, 1, 2 | 1 << 16 | 2 << 24)
    assert port.of(St, St.system)[2] == [1_000_000]
    model = port.of(St, St.model)
    assert model[1] == [NAME.encode()] and model[3] == [graph.sha256.encode()]
    assert model[7] == [sum(product.dot.macs for product in program.products)]
    assert model[8] == [len(program.layers)] and (model[10], model[12], model[14], model[16]) == ([1], [1], [1], [0])
    for field, tensor in ((11, program.inputs[0]), (13, program.outputs[0])):
        got, of = wire.tensor_of(wire.fields_of(model[field][0])), tensor.quantization
        assert (got.name, got.shape, got.dtype) == (tensor.name, tensor.shape, "int8")
        assert (got.scale, got.zero_point) == (np.float32(of.scale[0]), of.zero_point[0])
    assert wire.fields_of(model[15][0])[3] == [program.memory.size]
    assert [port.of(St, lambda client, c=c: client.refused(c, 1)) for c in (10, 12, 20, 30, 200)] == [4] * 5
    assert port.of(St, lambda client: client.refused(wire.RUN, 1, "other")) == 4


@pytest.mark.parametrize("mode", [1, 3, 5, 9])
def test_a_run_gives_goldens_tensors_of_every_layer_and_times(mode, board, images):
    graph, program = images
    x = samples(graph, np.random.default_rng(4), 3)[2]
    result = run(graph, x[None], keep="all")
    taken, layers, (output,) = Replayed(board).of(St, lambda client: client.run(NAME, [x.tobytes()], mode))
    assert taken == len(program.layers)  # a look before and after each layer, a millisecond
    if mode & 8:
        assert output.data is None
    else:
        assert np.array_equal(output.data, result.output)
    assert len(layers) == (len(program.layers) if mode & 6 else 0)
    expected = program.levels[-1].alive.of(result.tensors)
    kinds = {name: number for number, name in KINDS.items()}
    for layer, got in zip(program.layers, layers):
        assert (got.name, got.type, got.milliseconds, got.cycles) == (layer.name, kinds[layer.op.kind], 1.0, 1000)
        assert got.tensor.shape == program.alive.graph.tensor(layer.output).shape
        assert got.tensor.data is None if mode == 3 else np.array_equal(got.tensor.data, expected[layer.output])


def test_a_constant_input_is_one_element(board, images):
    graph, _ = images
    x = np.full((1, 10, 10, 3), -77, np.int8)
    _, _, (output,) = Replayed(board).of(St, lambda client: client.run(NAME, [x.tobytes()[:1]], 1 | 0x200))
    assert np.array_equal(output.data, run(graph, x).output)


def test_an_input_of_another_size_is_refused(board):
    wrong = received(b"".join(wire.packets(wire.request(5, wire.RUN, 1, NAME))))
    for size in (0, 299, 301, 1000):
        data = wire.message((1, 0), (2, size), (3, 0), (4, bytes(size)))
        packets = b"".join(wire.packets(data))
        (reply,) = said(board, wrong + received(packets))
        assert reply.startswith(b"".join(answered(5, wire.WAITING, 0)))
        assert reply.endswith(b"".join(answered(5, wire.FAILED, 1)))


def answered(number: int, state: int, error: int) -> list[bytes]:
    """An acknowledgement as packets."""
    body = wire.message((1, number), (2, state), (12, wire.message((1, 0), (2, error))))
    return [bytes([len(body) | wire.LAST]) + body.ljust(wire.PACKET, b"\0")]


def test_several_ends_of_several_types(runtime, tmp_path):
    graph = parse(shared_ends())
    program = lossless(graph)
    board = compile_protocols(graph, program, tmp_path, runtime, ("st",))
    x = drawn(graph, np.random.default_rng(6), (1,))
    result = run(graph, x)
    data = [np.ascontiguousarray(x[i]).tobytes() for i in graph.inputs]
    _, layers, outputs = Replayed(board).of(St, lambda client: client.run(NAME, data, 5))
    assert len(layers) == len(program.layers) and len(outputs) == len(graph.outputs)
    for index, got in zip(graph.outputs, outputs):
        assert np.array_equal(got.data, result.outputs[index])


def test_states_go_on_and_begin_anew_with_a_first_sample(runtime, tmp_path):
    graph = parse(stream())
    board = compile_protocols(graph, lossless(graph), tmp_path, runtime, ("st",))
    (index,) = graph.inputs
    x = drawn(graph, np.random.default_rng(7), (1, 3))[index]
    golden = run(graph, {index: x}).outputs
    steps = [x[0, i].tobytes() for i in (0, 1, 2, 0)]

    def ask(client: St):
        return [client.run(NAME, [step], first=i in (0, 3))[2] for i, step in enumerate(steps)]

    for step, outputs in zip((0, 1, 2, 0), Replayed(board).of(St, ask)):
        for i, got in zip(graph.outputs, outputs):
            assert np.array_equal(got.data, golden[i][:, step])


# --- whose byte it is -------------------------------------------------------------------------------------------


def messages(rng: np.random.Generator, board) -> list[bytes]:
    """One of each kind and length that says nothing else when it is said again."""
    found = [HELLO, frames.encode(Frame(99, 7)), frames.encode(Frame(COMMAND.INFER, 3, payload=rng.bytes(300)))]
    found += [f"{text}%".encode() for text in ("name", "profile", "help", "db print", "x", "", "a b " * 19, "q" * 90)]
    found += [b"".join(wire.packets(wire.request(i, wire.SYNC))) for i in (1, 200, 1 << 31)]
    found += [
        b"".join(wire.packets(wire.request(9, c, 0, name))) for c in (1, 10, 11) for name in ("", "a" * 9, "b" * 60)
    ]
    return found


@pytest.fixture(scope="module")
def dictionary(board):
    """What the board says to each message alone."""
    known = messages(np.random.default_rng(0), board)
    replies = said(board, *(received(each) for each in known))
    assert all(replies), [m for m, reply in zip(known, replies) if not reply]
    return dict(zip(known, replies))


def test_messages_of_all_protocols_follow_each_other_without_a_pause(board, dictionary):
    rng = np.random.default_rng(20)
    for _ in range(12):
        chosen = [list(dictionary)[i] for i in rng.integers(0, len(dictionary), 60)]
        (got,) = said(board, received(b"".join(chosen)))
        assert got == b"".join(dictionary[each] for each in chosen)


def garbage(rng: np.random.Generator, known: list[bytes]) -> bytes:
    """Noise, pieces of messages, and both."""
    noise = rng.bytes(int(rng.integers(0, 700)))
    kind = rng.integers(0, 4)
    if kind == 0:
        return noise
    if kind == 1:
        return bytes(rng.choice(np.frombuffer(b"\0\x03\x08\x20%\x0b\x0ana", np.uint8), int(rng.integers(1, 60))))
    piece = known[int(rng.integers(0, len(known)))]
    first, end = sorted(int(i) for i in rng.integers(0, len(piece) + 1, 2))
    return piece[first:end] if kind == 2 else piece[:end] + noise[:40]


def test_after_any_garbage_and_a_silence_every_message_is_answered(board, dictionary):
    """The silence is shorter than the patience of a run that waits for its input."""
    rng, known = np.random.default_rng(21), list(dictionary)
    scripts, wanted = [], []
    for _ in range(400):
        chosen = [known[i] for i in rng.integers(0, len(known), 3)]
        scripts.append(received(garbage(rng, known)) + silence(LONG) + received(b"".join(chosen)))
        wanted.append(b"".join(dictionary[each] for each in chosen))
    for got, expected in zip(said(board, *scripts), wanted):
        assert got.endswith(expected)


@pytest.mark.parametrize("message, copies", [(HELLO, 4), (b"name%", 110), (wire.packets(wire.request(3, 0))[0], 20)])
def test_after_any_garbage_without_a_silence_one_of_some_copies_is_answered(message, copies, board, dictionary):
    """A text may be swallowed by a frame that has begun, up to the longest one; a frame only by a packet."""
    rng, known = np.random.default_rng(22), list(dictionary)
    (reply,) = said(board, received(message))
    scripts = [received(garbage(rng, known) + message * copies) for _ in range(60)]
    for got in said(board, *scripts):
        assert got.endswith(reply)


def test_every_request_of_ours_begins_as_the_dispatcher_expects():
    for command in range(1, 128):
        for payload in (b"", bytes(5), b"\xff" * 512):
            for sequence, sample in ((0, 0), (1, 1), (0xFFFF, 0xFFFF_FFFF)):
                assert frames.encode(Frame(command, sequence, sample, payload=payload))[:2] == b"\0\x03"


def test_a_sample_of_frames_is_forgotten_when_others_use_the_model(board, images):
    from tests.firmware.harness_frames import infer, load, read
    from tests.firmware.harness_twin import twin_of

    twin = twin_of(*images)
    mine = b"".join([*load(twin, 7), infer(7, level=1)])
    reading = read(COMMAND.READ_OUTPUT, 7, 0, 11)
    data = bytes(300)
    text = b"".join(f"{word}%".encode() for word in ("db load 300", *(f"db {data[:30].hex()}",) * 10, "infer 1 0"))
    (got,) = said(board, received(mine + reading + text + reading))
    replies = [frames.decode(part) for part in got.split(b"\0") if part and not part.startswith(b"m-")]
    assert [reply.status for reply in replies][-2:] == [frames.STATUS.OK, frames.STATUS.BAD_STATE]
    assert len(replies[-2].payload) == 11
    assert results_of(next(line for line in got.decode("latin-1").split("\r\n") if "m-results" in line))
