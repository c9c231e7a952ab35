"""Builds on microcontrollers, for real or emulated: flashed, and connected with."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_tr.boards import Board
from edge_tr.compiler.common import Progress
from edge_tr.compiler.folders import changed_state, copy_state
from edge_tr.errors import DeviceError, UsageError
from edge_tr.files.reading import MAX_BINARY, read_bytes
from edge_tr.manifest import BuildFolder
from edge_tr.target.costs import Counts, Device
from edge_tr.target.emulator import RunningBoard, emulate
from edge_tr.target.flash import FlashResult
from edge_tr.target.flash import flash as flash_image
from edge_tr.target.link import EMULATED, Link
from edge_tr.target.port import DIRECT, Line, open_port
from edge_tr.target.usb import port_of


def flash(folder: BuildFolder, board: Board, port: str | None, progress: Progress, line: Line = DIRECT) -> FlashResult:
    """Put a build onto its board: through `port`, into the memory of the emulated board, or where it is found."""
    image = _image(folder, board)
    emulated = port is None and board.emulator is not None
    with changed_state(folder) if emulated else contextlib.nullcontext(folder.state) as state:
        return flash_image(
            board,
            image,
            port,
            state,
            line=line,
            loader_elf=folder.loader if folder.loader.is_file() else None,
            folder=folder,
            progress=lambda done, total: progress("flashing", done, total, "B"),
        )


def _image(folder: BuildFolder, board: Board) -> bytes:
    """What is flashed. An image has a CRC; a program of this computer has none, but lies in the folder twice."""
    try:
        image = read_bytes(folder.image, MAX_BINARY)
        damaged = not board.toolchain.freestanding and image != read_bytes(folder.elf, MAX_BINARY)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder.path} cannot be read ({error}): build again") from error
    if damaged:
        raise DeviceError(f"the program is damaged: {folder.image} differs from {folder.elf.name}; build again")
    return image


@contextlib.contextmanager
def connect(board: Board, folder: BuildFolder, port: str | None, line: Line = DIRECT) -> Iterator[Device]:
    """The board behind `port`, or an emulator that runs while the context lasts."""
    if port is not None or board.emulator is None:
        port = port_of(board, board.link.usb, port, line)
        with open_port(port, line.baud or board.link.baud, board.link.parity, line.wait_seconds) as serial_port:
            yield _device(board, Link(serial_port))
        return
    loader = folder.loader if folder.loader.is_file() else None
    with emulate(board, folder.state, loader_elf=loader) as running:
        try:
            with open_port(running.url, board.link.baud, board.link.parity) as serial_port:
                yield _device(board, Link(serial_port, EMULATED))
        except DeviceError as error:
            raise running.explain(str(error)) from error


@contextlib.contextmanager
def emulated(folder: BuildFolder, board: Board, progress: Progress) -> Iterator[Callable[[], RunningBoard]]:
    """What starts the emulated board with a copy of its memory, so that the folder is free for other commands; a board
    that nothing was flashed onto is flashed first."""
    if board.emulator is None:
        raise UsageError(
            f"{board.name} has no emulator: choose one of `edge-tr boards` that is verified in an emulator"
        )
    if not folder.state.is_dir():
        flash(folder, board, None, progress)
    with tempfile.TemporaryDirectory(prefix="edge-tr-") as name, contextlib.ExitStack() as running:
        state, loader = Path(name), None
        copy_state(folder, state)
        if folder.loader.is_file():
            loader = Path(shutil.copyfile(folder.loader, state / folder.loader.name))
        yield lambda: running.enter_context(emulate(board, state, loader_elf=loader))


def _device(board: Board, link: Link) -> Device:
    return Device(link, board.board_id, timer=_ticks(board))


def _ticks(board: Board) -> Counts | None:
    """What a tick is under the board's emulator, where that is known."""
    if board.emulator is None:
        return None
    program = " in ".join((*board.emulator.modules, board.emulator.program))
    if board.cycles_per_tick is not None:
        source = f"cycles counted by {program}, an emulator: not cycles of a board"
        return Counts(float(board.cycles_per_tick), "cycles", source)
    if board.instructions_per_tick is not None:
        source = f"instructions counted by {program} -icount, an emulator: not cycles of a board"
        return Counts(float(board.instructions_per_tick), "instructions", source)
    return None
