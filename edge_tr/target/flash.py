"""Put an image into a board: through a loader that speaks AN3155, by its drive, by a program, or by the emulator."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import serial

from edge_tr.boards import Board
from edge_tr.errors import DeviceError, UsageError
from edge_tr.files.reading import read_bytes
from edge_tr.formats import image as image_format
from edge_tr.formats.schema import FormatError
from edge_tr.manifest import BuildFolder
from edge_tr.target import drives, mcumgr, programs
from edge_tr.target.emulator import boot_file, emulate, image_file
from edge_tr.target.flash_files import sound_files
from edge_tr.target.port import DIRECT, Line, open_port
from edge_tr.target.transfer import NoLoader, Progress, Transfer
from edge_tr.target.usb import FOUND, port_of

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
    folder: BuildFolder | None = None,
    progress: Progress = lambda done, total: None,
) -> FlashResult:
    """Write, verify and start `image`, as `image.seal` gave it; DeviceError with cause and remedy.

    Without a port the board's emulator is started for it, and the flash's contents stay in `state_dir`; a board that
    has none is looked for among the ports and drives of this computer. `folder`: of the build, for flashers that read
    its files.
    """
    start = time.monotonic()
    verified = False
    if port is not None or board.emulator is None:
        method, verified = _onto_hardware(board, image, port, folder, line, progress)
    elif board.loader is not None:
        _check(board, image)
        _program_emulated(board, image, state_dir, loader_elf, progress)
        method, verified = "AN3155 through the emulated UART, by our second-stage loader", True
    else:
        if board.toolchain.freestanding:  # the host's program has no header
            _check(board, image)
        _place(board, image, state_dir, folder)
        progress(len(image), len(image))
        method = f"placed by the emulator: {board.emulator.placed}"
    return FlashResult(board.name, method, port, len(image), verified, time.monotonic() - start)


def _onto_hardware(
    board: Board, image: bytes, port: str | None, folder: BuildFolder | None, line: Line, progress: Progress
) -> tuple[str, bool]:
    """How it was done, and whether all was read back here."""
    protocol = board.flash.protocol
    if protocol == "none":
        advice = "leave out --port" if board.emulator else f"flash it by hand: {board.flash.help}"
        raise UsageError(f"{board.name} is not flashed through a port: {advice}")
    _check(board, image)
    if protocol == "an3155":
        url = port_of(board, board.flash.usb, port, line)
        _program(board, image, url, line, progress)
        return f"AN3155 through {url}", True
    if protocol == "mcumgr":
        return mcumgr.flash(board, image, port, line, progress)
    if folder is None:
        raise UsageError(f"{board.name} is flashed from the files of a build: use edge-tr flash")
    files = sound_files(board, image, folder)
    if protocol == "command":
        return f"by {programs.run(board, files, port, line)}", False
    drive = drives.drive_of(board, None if port == FOUND else port, line)
    if drive is not None:
        file = files["uf2" if protocol == "uf2" else "hex"]
        drives.copy(file, drive, board)
        progress(len(image), len(image))
        return f"{file.name} copied to {drive}", False
    if board.flash.commands and programs.installed(board) is not None:
        return f"by {programs.run(board, files, None, line)}", False
    others = f"; or install {board.flash.commands[0].install}" if board.flash.commands else ""
    raise DeviceError(f"the drive {board.flash.drive} of {board.name} was not found: {board.flash.help}{others}")


def _check(board: Board, image: bytes) -> None:
    """Nothing is sent that the board could not start."""
    try:
        header = image_format.check(image)
    except FormatError as error:
        raise DeviceError(f"the image is damaged: {error}; build again") from error
    if header["board_id"] != board.board_id or header["load_address"] != board.memory.flash_origin:
        raise DeviceError(f"the image was built for another board than {board.name}: build again")


def _place(board: Board, image: bytes, state_dir: Path, folder: BuildFolder | None) -> None:
    """Where the emulator takes it from, with what the build has before it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    if board.boot is not None and folder is not None:
        boot_file(state_dir).write_bytes(read_bytes(folder.boot, board.boot.bytes))
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
