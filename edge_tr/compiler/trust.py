"""Which builds may run programs here: those that this user's `edge-tr build` made, and those that are trusted by name.

A build folder can hold a native program, name an emulator with any command line, or bring a Python package. One that
came from elsewhere is data until `--trust` is given. docs/trust.md says what that covers.
"""

from __future__ import annotations

import filecmp
import shlex
from pathlib import Path

from edge_tr import boards
from edge_tr.boards import Board
from edge_tr.errors import UsageError
from edge_tr.files.known import is_known
from edge_tr.manifest import BuildFolder
from edge_tr.target.emulator import PLACED, image_file


def require(folder: BuildFolder, runs: str | None, command: str) -> None:
    """UsageError that names what `command` would run, where that is not this user's own; `runs` None: nothing is."""
    if runs is not None and not is_own(folder):
        raise UsageError(
            f"{folder.path} is not a build that you made here, or it was changed since: `{command}` would run {runs}. "
            "Build it here, or repeat with --trust if you trust where it comes from"
        )


def is_own(folder: BuildFolder) -> bool:
    """Whether this user's `build` wrote what is in it, wherever it lies now; of a program that is its own board, what
    was flashed too."""
    placed = image_file(folder.state)
    as_built = not placed.is_file() or filecmp.cmp(placed, folder.image, shallow=False)
    return as_built and is_known(folder.digest())


def run_by(board: Board, folder: BuildFolder) -> str | None:
    """What this computer runs in the place of a board; None where that is an emulator of edge-tr's own boards, whose
    firmware stays inside it."""
    if board.emulator is None:
        return None
    if board.emulator.program == PLACED:
        return f"its program {folder.image}"
    if boards.ships(board):
        return None
    return f"the emulator of {board.folder}: {shlex.join([board.emulator.program, *board.emulator.arguments])}"


def run_to_flash(board: Board, folder: BuildFolder, port: str | None) -> str | None:
    """What this computer runs to flash the build; None where that is nothing, or what boards of edge-tr's name."""
    if port is None and board.emulator is not None:
        return run_by(board, folder)
    if boards.ships(board) or not board.flash.commands:
        return None
    lines = (shlex.join([command.program, *command.arguments]) for command in board.flash.commands)
    return f"a flasher of {board.folder}: {' or '.join(lines)}"


def run_by_package(package: Path) -> str:
    """What co-simulation runs."""
    return f"its Python package {package}"
