"""Boards that show a drive: a file is copied there, and the board takes it.

A UF2 loader's drive has INFO_UF2.TXT, whose Board-ID names the board (github.com/microsoft/uf2). Debuggers with a drive
(DAPLink, ST-LINK) have a label, and leave FAIL.TXT where they refused the file.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from edge_tr.boards import Board
from edge_tr.errors import DeviceError
from edge_tr.target.port import WAIT_STEP_SECONDS, Line

INFO, FAIL = "INFO_UF2.TXT", "FAIL.TXT"
MOST_TEXT = 4096
FAIL_SECONDS = 3.0
"""Until a debugger has said that it refused a file."""


def mounted() -> list[Path]:
    """Folders of all drives."""
    if sys.platform == "darwin":
        return sorted(Path("/Volumes").iterdir())
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines]
    return sorted(Path(_unescaped(words[1])) for words in fields if len(words) > 2 and words[2] in ("vfat", "msdos"))


def _unescaped(path: str) -> str:
    """As in fstab(5): blanks and backslashes are octal."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path


def is_the_boards(drive: Path, board: Board) -> bool:
    """By its label or, for a UF2 loader, by what the drive says."""
    if board.flash.protocol == "uf2":
        said = _text(drive / INFO)
        return said is not None and f"board-id: {board.flash.drive}".lower() in map(str.lower, said.splitlines())
    return drive.name == board.flash.drive


def drives_of(board: Board) -> list[Path]:
    """The drives that are connected and this board's."""
    return [drive for drive in mounted() if is_the_boards(drive, board)]


def drive_of(board: Board, folder: str | None, line: Line) -> Path | None:
    """`folder`, or the board's drive; None if there is none within the time of `line`."""
    if folder is not None:
        if not Path(folder).is_dir():
            raise DeviceError(
                f"--port {folder}: {board.name} is flashed by a copy to its drive, but this is not a folder"
            )
        return Path(folder)
    deadline = time.monotonic() + line.wait_seconds
    while not (found := drives_of(board)):
        if time.monotonic() >= deadline:
            return None
        time.sleep(WAIT_STEP_SECONDS)
    return found[0] if len(found) == 1 else Path(line.choose(f"{len(found)} drives are {board.name}'s", _words(found)))


def copy(file: Path, drive: Path, board: Board) -> None:
    """Onto the drive, whole; DeviceError if it cannot be written, or the board says that it refused it."""
    data = file.read_bytes()
    written = False
    try:
        with (drive / file.name).open("wb", buffering=0) as target:
            target.write(data)
            written = True
            os.fsync(target.fileno())
    except OSError as error:  # a board that has all of it restarts, and its drive goes
        if not written or drive.is_dir():
            raise DeviceError(f"{file.name} could not be copied to {drive}: {error}; {board.flash.help}") from error
    _require_taken(drive, board)


def _require_taken(drive: Path, board: Board) -> None:
    if board.flash.protocol == "uf2":
        return
    deadline = time.monotonic() + FAIL_SECONDS
    while time.monotonic() < deadline:
        said = _text(drive / FAIL)
        if said is not None:
            raise DeviceError(f"{board.name} refused the file: {' '.join(said.split())}")
        time.sleep(WAIT_STEP_SECONDS)


def _text(path: Path) -> str | None:
    """Of a short file, if it is there."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(MOST_TEXT).decode("utf-8", "replace")
    return None


def _words(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths]
