"""The firmware's side of the serial link, on a fake board under sanitizers, against its twin in Python.

The fake board is harness_board.c. Every reply, to sense and to nonsense, must be the one that the twin gives.
"""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest
from cobs import cobs

from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, MAX_PAYLOAD, STATUS, TRANSFER, Frame
from edge_tr.ir.tflite import parse
from tests.firmware.harness_build import compile_c, compile_model, compile_runtime, write_tree
from tests.firmware.harness_frames import (
    APP,
    CHUNK,
    HELLO,
    VERSION,
    assert_as_the_twin,
    infer,
    load,
    read,
    replies,
    request,
)
from tests.firmware.harness_models import Network, lower_levels
from tests.firmware.harness_twin import NAK, WIRE_BYTES, twin_of

RESET_EXIT_CODE = 42
STOP = 3  # a layer in the middle


@pytest.fixture(scope="module")
def model():
    """Seven layers; an input of two chunks; two budgets."""
    net = Network(np.random.default_rng(42), (21, 19, 2))
    net.conv(4, (3, 3), (2, 2), "RELU")
    net.branch()
    net.pool("AVERAGE_POOL_2D", 2)
    net.flatten()
    net.dense(10)
    net.softmax()
    graph = parse(net.finish())
    return graph, lower_levels(graph, "g=8,k=3; g=8,k=12")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module")
def program(model, runtime, tmp_path_factory):
    return compile_model(model[1], tmp_path_factory.mktemp("link"), runtime, APP)


@pytest.fixture
def twin(model):
    return twin_of(*model)


# --- sense ------------------------------------------------------------------------------------


def test_a_whole_check_of_a_sample_gives_what_golden_says(program, twin):
    layers, size = twin.layers, twin.output_bytes
    wire = [HELLO, *load(twin, 7), infer(7), read(COMMAND.READ_OUTPUT, 7, 0, size)]
    wire += [
        read(COMMAND.READ_DIGESTS, 7, 0, layers),
        read(COMMAND.READ_COST, 7, 0, layers),
        request(COMMAND.CALIBRATE),
    ]
    got = assert_as_the_twin(program, twin, b"".join(wire))
    assert [frame.status for frame in got] == [STATUS.OK] * len(got)


def test_every_layer_can_be_stopped_at_and_read_in_parts(program, twin):
    wire = []
    for sample, layer in enumerate(twin.program.layers):
        wire += [*load(twin, sample, sample), infer(sample, sample)]
        for offset in range(0, layer.output_bytes, 500):
            count = min(500, layer.output_bytes - offset)
            wire.append(read(COMMAND.READ_LAYER, sample, offset, count, sample))
    got = assert_as_the_twin(program, twin, b"".join(wire))
    assert [frame.status for frame in got] == [STATUS.OK] * len(got)


def test_every_frame_may_come_twice(program, twin):
    size = twin.output_bytes
    once = [HELLO, *load(twin, 3), infer(3), read(COMMAND.READ_OUTPUT, 3, 0, size), read(COMMAND.READ_COST, 3, 0, 2)]
    got = assert_as_the_twin(program, twin, b"".join(frame + frame for frame in once))
    assert got[:-1:2] == got[1::2] and {frame.status for frame in got} == {STATUS.OK}


def test_reset_answers_and_then_restarts(program, twin):
    got = replies(program, HELLO + request(COMMAND.RESET, sequence=9) + HELLO, RESET_EXIT_CODE)
    assert got == [*twin.answers(HELLO), Frame(COMMAND.RESET | frames.REPLY_BIT.value, 9)]


# --- every command in every state ------------------------------------------------------------------


def states(twin) -> dict[str, list[bytes]]:
    first, *rest = load(twin, 0)
    loaded = [first, *rest]
    return {
        "fresh": [],
        "half loaded": [first],
        "loaded": loaded,
        "stopped": [*loaded, infer(0, STOP)],
        "done": [*loaded, infer(0)],
        "done with more terms": [*loaded, infer(0, level=1)],
    }


def probes(twin) -> list[bytes]:
    """Requests that are right in some state, and their neighbours that never are."""
    layers, size = twin.layers, twin.output_bytes
    wire = [HELLO, request(COMMAND.CALIBRATE), infer(1), infer(0, layers), infer(0, layers - 1), infer(0, STOP)]
    wire += [infer(0, level=1), infer(0, level=2), infer(0, STOP, level=1), infer(0, level=255)]
    parts = [(0, 0), (0, 1), (1, 2), (1, size), (layers, 1), (size, 0), (0, size + 1), (0, 0xFFFF), (0xFFFFFFFF, 1)]
    for command in (COMMAND.READ_OUTPUT, COMMAND.READ_LAYER, COMMAND.READ_DIGESTS, COMMAND.READ_COST):
        for offset, count in parts:
            wire += [read(command, 0, offset, count, layer) for layer in (0, STOP, layers - 1, layers)]
        wire += [read(command, 1, 0, 1), request(command), request(command, bytes(7)), request(command, bytes(9))]
    for offset, count in [(1, 4), (CHUNK, 4), (len(twin.input), 0), (len(twin.input), 1), (0xFFFFFFFF, 1), (2, 3)]:
        wire += [request(COMMAND.LOAD_INPUT, TRANSFER.pack(offset=offset, count=count) + bytes(n)) for n in (count, 5)]
    wire += [request(COMMAND.LOAD_INPUT, bytes(n)) for n in (0, 7)]
    wire += [request(COMMAND.INFER, bytes(n)) for n in (0, 3, 5)]
    return wire


@pytest.mark.parametrize("state", ["fresh", "half loaded", "loaded", "stopped", "done", "done with more terms"])
def test_every_command_in_every_state_has_the_right_status(state, program, twin):
    start = b"".join(states(twin)[state])
    wire = b"".join(start + b"".join(probes(twin)[i::7]) for i in range(7))
    got = assert_as_the_twin(program, twin, wire)
    assert {frame.status for frame in got} >= {STATUS.OK, STATUS.BAD_ARGUMENT, STATUS.BAD_STATE}


def test_a_calibration_that_would_keep_the_board_busy_is_refused(program, twin):
    most = frames.MAX_CALIBRATION.value
    wire = b"".join(request(COMMAND.CALIBRATE, sample=rounds) for rounds in (most, most + 1, 0xFFFFFFFF))
    got = assert_as_the_twin(program, twin, wire)
    assert [f.status for f in got[:-1]] == [STATUS.OK, STATUS.BAD_ARGUMENT, STATUS.BAD_ARGUMENT]


def test_unknown_commands_and_versions_are_refused(program, twin):
    known = {member.value for member in COMMAND.members}
    wire = b"".join(request(command) for command in range(256) if command not in known)
    wire += b"".join(request(COMMAND.RESET, version=version) for version in range(256) if version != VERSION)
    got = assert_as_the_twin(program, twin, wire)
    assert [f.status for f in got[:-1]] == [STATUS.BAD_COMMAND] * (256 - len(known)) + [STATUS.BAD_VERSION] * 255


@pytest.mark.parametrize("seed", range(3))
def test_random_conversations_give_the_twins_replies(seed, program, twin):
    rng = np.random.default_rng(seed)
    whole = [frame for start in states(twin).values() for frame in start]
    menu = [*probes(twin), *whole, *load(twin, 1, 1), infer(1)]
    wire = []
    for _ in range(1500):
        frame = bytearray(menu[rng.integers(len(menu))])
        if rng.random() < 0.1:
            frame[rng.integers(len(frame))] ^= 1 << rng.integers(8)
        wire.append(bytes(frame))
    got = assert_as_the_twin(program, twin, b"".join(wire))
    assert len({frame.status for frame in got}) >= 4


# --- nonsense -------------------------------------------------------------------------------------


def test_every_flipped_bit_of_a_frame_is_answered_by_nak(program, twin):
    wire = load(twin, 0)[1]
    flipped = []
    for bit in range(8, 8 * (len(wire) - 1)):
        damaged = bytearray(wire)
        damaged[bit // 8] ^= 1 << bit % 8
        flipped.append(bytes(damaged))
    got = assert_as_the_twin(program, twin, b"".join(flipped))
    assert set(got[:-1]) == {NAK} and len(got) > len(flipped)


def test_lost_doubled_and_inserted_bytes_cost_a_frame_and_no_more(program, twin):
    wire = load(twin, 0)[1][:60] + b"\0"
    hello = HELLO[1:-1]
    damaged = [hello[:i] + hello[i + 1 :] for i in range(len(hello))]
    damaged += [hello[:i] + hello[i : i + 1] + hello[i:] for i in range(len(hello))]
    damaged += [hello[:i] + b"\0" + hello[i:] for i in range(1, len(hello))]
    damaged += [hello[:i] for i in range(len(hello))] + [wire]
    got = assert_as_the_twin(program, twin, b"".join(part + b"\0" + HELLO for part in damaged))
    assert sum(frame.status == STATUS.OK for frame in got) >= len(damaged)


def test_random_bytes_are_answered_by_nak(program, twin):
    rng = np.random.default_rng(1)
    noise = rng.bytes(100_000) + bytes(rng.choice([0, 1, 2, 255], 50_000).astype(np.uint8)) + bytes(1000)
    got = assert_as_the_twin(program, twin, noise)
    assert set(got[:-1]) == {NAK}


@pytest.mark.parametrize("length", [WIRE_BYTES - 1, WIRE_BYTES, WIRE_BYTES + 1, WIRE_BYTES + 2, 5000, 100_000])
def test_as_many_bytes_as_a_frame_has_or_more_are_answered_by_one_nak(length, program, twin):
    filled = [b"\x01" * length, b"\xff" * length, b"\x01" * (length - 1) + b"\x02"]
    got = assert_as_the_twin(program, twin, b"\0".join(filled))
    assert got[:-1] == [NAK] * len(filled)


def sealed(body: bytes) -> bytes:
    """A body of any length as a frame with a right CRC-32."""
    return cobs.encode(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"


def oversized(length: int, byte: bytes = b"\1") -> bytes:
    head = TRANSFER.pack(offset=0, count=length - TRANSFER.size)
    return (
        frames.FRAME_HEADER.pack(version=VERSION, command=COMMAND.LOAD_INPUT, length=length)
        + head
        + byte * (length - 8)
    )


def test_payloads_longer_than_the_buffer_are_answered_by_nak(program, twin):
    wire = b"".join(sealed(oversized(length)) for length in (515, 516, 700, 5000, 65535))
    assert assert_as_the_twin(program, twin, wire)[:-1] == [NAK] * 5


@pytest.mark.parametrize("length", [513, 514])
def test_payloads_a_little_longer_than_the_longest_are_refused_too(length, program):
    assert replies(program, sealed(oversized(length, b"\0")))[0].status in (STATUS.NAK, STATUS.BAD_ARGUMENT)


@pytest.mark.parametrize("claimed", [0, 1, 3, 4, 6, 512, 0xFFFF])
def test_a_length_that_is_not_the_payloads_is_answered_by_nak(claimed, program, twin):
    body = frames.FRAME_HEADER.pack(version=VERSION, command=COMMAND.HELLO, length=claimed) + bytes(5)
    assert assert_as_the_twin(program, twin, sealed(body) + sealed(b"\1\1") + sealed(b""))[:-1] == [NAK] * 3


def test_the_longest_payload_is_taken(program, twin):
    wire = b"".join(frames.encode(Frame(COMMAND.HELLO, 1, payload=byte * MAX_PAYLOAD.value)) for byte in (b"\0", b"\1"))
    got = assert_as_the_twin(program, twin, wire + sealed(oversized(512)))
    assert [frame.status for frame in got[:3]] == [STATUS.BAD_ARGUMENT, STATUS.BAD_ARGUMENT, STATUS.OK]  # not NAK


# --- what only a build can have -------------------------------------------------------------------------


def test_digests_that_were_not_asked_for_cannot_be_read(program, twin):
    wire = [*load(twin, 0), infer(0), *load(twin, 1, 1), infer(1, digests=0), read(COMMAND.READ_DIGESTS, 1, 0, 1)]
    expected = twin.answers(b"".join(wire))
    assert expected[-1].status == STATUS.BAD_STATE
    assert replies(program, b"".join(wire)) == expected


def test_a_damaged_table_is_found_at_the_start_and_reported(model, runtime, tmp_path):
    tree = write_tree(model[1], tmp_path)
    source = tree / "model" / "model.c"
    text = source.read_text()
    changed = re.sub(
        r"(_table\[\d+\] = \{\s+(?:0x\w+u,\s+){10}0x)(\w)", lambda m: m[1] + f"{int(m[2], 16) ^ 1:x}", text, count=1
    )
    assert changed != text
    source.write_text(changed)
    includes = [tree / "model", tree / "app"]
    program = compile_c(tmp_path / "damaged", [*(tree / "model").glob("*.c"), *APP, runtime], includes)
    got = replies(program, HELLO + infer(0) + request(COMMAND.CALIBRATE))
    assert [frame.status for frame in got] == [STATUS.OK, STATUS.BAD_TABLE, STATUS.OK]
