"""Put an image into a board: through a loader that speaks AN3155, or by the emulator."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import serial

from edge_tr.boards import Board
from edge_tr.errors import DeviceError, UsageError
from edge_tr.formats import image as image_format
from edge_tr.formats.schema import FormatError
from edge_tr.target.emulator import emulate, image_file
from edge_tr.target.port import DIRECT, Line, open_port
from edge_tr.target.transfer import NoLoader, Progress, Transfer

EMULATOR_TRIES = 3


@dataclass(frozen=True)
class FlashResult:
    """What was done; `method` is a sentence for people."""

    target: str
    method: str
    port: str | None
    image_bytes: int
    verified: bool  # read back and equal
    seconds: float


def flash(
    board: Board,
    image: bytes,
    port: str | None,
    state_dir: Path,
    *,
    line: Line = DIRECT,
    loader_elf: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> FlashResult:
    """Write, verify and start `image`, as `image.seal` gave it; DeviceError with cause and remedy.

    Without a port the board's emulator is started for it, and the flash's contents stay in `state_dir`.
    """
    start = time.monotonic()
    if port is not None:
        _require_protocol(board)
        _check(board, image)
        _program(board, image, port, line, progress)
        method = f"AN3155 through {port}"
    elif board.loader is not None:
        _check(board, image)
        _program_emulated(board, image, state_dir, loader_elf, progress)
        method = "AN3155 through the emulated UART, by our second-stage loader"
    elif board.emulator is not None:
        if board.toolchain.freestanding:  # the host's program has no header
            _check(board, image)
        _place(image, state_dir)
        progress(len(image), len(image))
        method = f"placed by the emulator: {board.emulator.placed}"
    else:
        raise UsageError(f"{board.name} has no emulator: connect the board and give its --port")
    by_loader = port is not None or board.loader is not None
    return FlashResult(board.name, method, port, len(image), by_loader, time.monotonic() - start)


def _require_protocol(board: Board) -> None:
    if board.flash.protocol == "none":
        raise UsageError(f"{board.name} is not flashed through a port: leave out --port")


def _check(board: Board, image: bytes) -> None:
    """Nothing is sent that the board could not start."""
    try:
        header = image_format.check(image)
    except FormatError as error:
        raise DeviceError(f"the image is damaged: {error}; build again") from error
    if header["board_id"] != board.board_id or header["load_address"] != board.memory.flash_origin:
        raise DeviceError(f"the image was built for another board than {board.name}: build again")


def _place(image: bytes, state_dir: Path) -> None:
    state_dir.mkdir(parents=True, exist_ok=True)
    file = image_file(state_dir)
    file.unlink(missing_ok=True)  # a running host board keeps its own
    file.write_bytes(image)
    file.chmod(0o755)


def _program_emulated(board: Board, image: bytes, state_dir: Path, loader_elf: Path | None, progress: Progress) -> None:
    """On a busy computer the loader may have stopped waiting before the first byte came: start it once more."""
    for left in reversed(range(EMULATOR_TRIES)):
        with emulate(board, state_dir, loader_elf=loader_elf) as running:
            try:
                return _program(board, image, running.url, DIRECT, progress)
            except DeviceError as error:
                if not (left and isinstance(error, NoLoader)):
                    raise running.explain(str(error)) from error


def _program(board: Board, image: bytes, url: str, line: Line, progress: Progress) -> None:
    transfer = Transfer(board, image, progress)
    with open_port(url, line.baud or board.flash.baud, board.flash.parity, line.wait_seconds) as port:
        try:
            transfer.run(port)
        except (serial.SerialException, OSError) as error:
            raise DeviceError(
                f"the connection was lost after {transfer.done} of {len(image)} bytes ({error}): "
                "check the cable and flash again"
            ) from error
