"""The real firmware, built with address and undefined-behaviour sanitisers, takes any bytes and stays reachable."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from edge_tr import boards
from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, Frame
from edge_tr.target.emulator import RunningBoard, emulate, image_file
from edge_tr.target.link import Link, Patience
from edge_tr.target.port import open_port
from edge_tr.target.toolchain import compile_and_link
from tests.system.helpers import DIGITS, succeed

SANITISERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
HARMLESS = [command for command in range(256) if command != COMMAND.RESET]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits firmware for the host, placed for its emulator."""
    folder = tmp_path_factory.mktemp("fuzz")
    succeed("build", DIGITS, "--target", "host", "-o", folder / "out", "--kernel", "term-pairs")
    board = boards.load("host")
    toolchain = dataclasses.replace(board.toolchain, cflags=(*board.toolchain.cflags, *SANITISERS))
    board = dataclasses.replace(board, toolchain=toolchain)
    sources = folder / "out" / "src"
    linked = compile_and_link(
        board,
        board.application,
        sorted(sources.rglob("*.c")),
        [sources / part for part in ("include", "model", "app")],
        folder / "obj",
        "fuzzed",
    )
    image_file(folder).write_bytes(linked.elf.read_bytes())
    image_file(folder).chmod(0o755)
    return folder


@pytest.fixture
def running(state: Path) -> Iterator[RunningBoard]:
    with emulate(boards.load("host"), state) as board:
        yield board


def assert_alive(port: serial.SerialBase, running: RunningBoard) -> None:
    """Ends a frame that is under way, then HELLO must work."""
    hello = Link(port, Patience(reply_seconds=2.0, tries=5)).hello()
    assert hello.layers > 0 and running.process.poll() is None, running.log()


def drain(port: serial.SerialBase) -> None:
    """Read what the board answered, or both sides wait for each other once every buffer is full."""
    port.timeout = 0.0
    while port.read(65536):
        pass


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_leave_the_firmware_reachable(seed: int, running: RunningBoard) -> None:
    dice = random.Random(seed)
    with open_port(running.url, 115200) as port:
        for _ in range(200):
            zeros = dice.choice((0.0, 0.01, 0.3))
            size = dice.choice((1, 10, 700, 3000))
            port.write(bytes(0 if dice.random() < zeros else dice.randrange(1, 256) for _ in range(size)))
            drain(port)
        assert_alive(port, running)


@pytest.mark.parametrize("seed", range(4))
def test_undamaged_frames_with_any_contents_leave_the_firmware_reachable(seed: int, running: RunningBoard) -> None:
    """CRCs hold, so every handler sees lengths, offsets, counts, layers and samples at and past their limits."""
    dice = random.Random(seed)
    edges = [0, 1, 2, 63, 64, 65, 511, 512, 513, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFC0, 0xFFFFFFFF]
    with open_port(running.url, 115200) as port:
        for number in range(1500):
            transfer = frames.TRANSFER.pack(
                offset=dice.choice(edges), count=dice.choice(edges) & 0xFFFF, layer=dice.choice(edges) & 0xFFFF
            )
            inference = frames.INFER_REQUEST.pack(stop_layer=dice.choice((0, 3, 5, 6, 0xFFFF)), digests=1)
            payload = dice.choice((b"", transfer, transfer + dice.randbytes(64), inference, dice.randbytes(512)))
            command = dice.choice(HARMLESS) if dice.random() < 0.2 else dice.randrange(1, 8)
            port.write(frames.encode(Frame(command, number & 0xFFFF, dice.choice((0, 0, 1)), payload=payload)))
            if number % 20 == 0:
                drain(port)
        assert_alive(port, running)


@pytest.mark.parametrize("seed", range(2))
def test_spoilt_frames_leave_the_firmware_reachable(seed: int, running: RunningBoard) -> None:
    dice = random.Random(seed)
    with open_port(running.url, 115200) as port:
        for number in range(1000):
            wire = bytearray(frames.encode(Frame(dice.choice(HARMLESS), number, payload=dice.randbytes(number % 512))))
            for _ in range(dice.randrange(1, 4)):
                wire[dice.randrange(len(wire))] = dice.randrange(256)
            port.write(wire[: dice.randrange(1, len(wire) + 1)])
            drain(port)
        assert_alive(port, running)
