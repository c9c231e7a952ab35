"""The echo application (tests/firmware/board_echo.c) and the loader, built for any board."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from pathlib import Path

import serial

from edge_tr.boards import Board
from edge_tr.formats import image
from edge_tr.target.port import read
from edge_tr.target.toolchain import compile_and_link

SOURCE = Path(__file__).resolve().parents[1] / "firmware" / "board_echo.c"
GREETING = b"edge-tr echo\n"


@dataclass(frozen=True)
class Built:
    """A sealed image (the host's program as it is) and the loader, if the board has one of ours."""

    board: Board
    image: bytes
    loader_elf: Path | None


def build(board: Board, folder: Path, padding: int = 3000) -> Built:
    """`padding`: random-looking bytes after the program, so that it is more than a block or two."""
    loader = None
    if board.second_stage is not None:
        loader = compile_and_link(board, board.second_stage, [], [], folder, "loader").elf
    linked = compile_and_link(board, board.application, [SOURCE], [], folder, "echo")
    if linked.image is None:
        return Built(board, linked.elf.read_bytes(), loader)
    body = linked.image + bytes(i * i % 251 for i in range(padding))
    origin = board.memory.flash_origin
    return Built(board, seal(board, body, origin), loader)


def seal(board: Board, body: bytes, origin: int) -> bytes:
    """The image with its header."""
    return image.seal(body, load_address=origin, board=board.name, build_id=1, model_sha256=bytes(32))


class Echo:
    """The application, asked through an open port."""

    def __init__(self, port: serial.SerialBase) -> None:
        self._port = port

    def wake(self, seconds: float = 20.0) -> None:
        """Until it answers: the first byte may only end the loader's wait, or come while it starts."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._port.write(b"B")
            if read(self._port, len(GREETING), 0.2) == GREETING:
                while read(self._port, len(GREETING), 0.2):
                    pass
                return
        raise AssertionError("the application does not answer")

    def ask(self, question: bytes, size: int) -> bytes:
        """`size` bytes of answer."""
        self._port.write(question)
        answer = read(self._port, size, 20.0)
        assert len(answer) == size, answer
        return answer

    def ticks(self, rounds: int) -> int:
        """Counter ticks of a loop of two instructions a round, and a constant."""
        return struct.unpack("<Q", self.ask(b"N" + struct.pack("<I", rounds), 8))[0]

    def counter(self) -> tuple[int, int]:
        """Its kind (formats.frames.COUNTER) and its rate in Hz."""
        kind, hz = struct.unpack("<II", self.ask(b"K", 8))
        return kind, hz
