"""Boards are data: a folder with a `board.toml`, C sources and a linker script.

`load` validates the file against the dataclasses of `tables` and `board`, which are its schema. All problems of a file
are reported at once. Nothing else in the project knows a board by its name.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from pathlib import Path

from edge_tr import resources
from edge_tr.boards.board import MONOCYPHER, Board
from edge_tr.boards.checks import inconsistencies
from edge_tr.boards.tables import Cache, Command, Flash, Memory, Pages, Parity, Part, Reads, Slots, Trust
from edge_tr.errors import UsageError
from edge_tr.files import registered
from edge_tr.files.reading import brief, is_file, read_toml
from edge_tr.files.tables import as_dataclass

__all__ = [
    "MONOCYPHER", "Board", "Cache", "Command", "Flash", "Memory", "Pages", "Parity", "Part", "Reads", "Slots", "Trust",
    "load", "names", "register", "ships",
]  # fmt: skip


def names() -> tuple[str, ...]:
    """All boards that ship with edge-tr, sorted."""
    return tuple(sorted(path.parent.name for path in resources.folder("boards").glob("*/board.toml")))


def load(name: str) -> Board:
    """The board called `name`, one that the user has registered under it, or the one in the folder of that path;
    UsageError with what is wrong."""
    folder = resources.folder("boards") / name
    if name not in names():
        folder = registered.folders().get(name, Path(name))
        if not is_file(folder / "board.toml"):
            raise UsageError(_unknown(name))
    return _load(folder.resolve())


def _unknown(name: str) -> str:
    gone = registered.folders().get(name)
    if gone is not None:
        return f"{gone} has no board.toml any more: put it back, or edge-tr boards --remove {name}"
    known = sorted(path.parent.name for path in resources.folder("boards").glob("*/*.toml"))
    known += sorted(registered.folders())
    close = difflib.get_close_matches(brief(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"unknown board {brief(name)!r}: {hint} (or give the path of a folder with a board.toml)"


def register(folder: Path) -> Board:
    """Make a user's board known by its name; UsageError if it is not valid, or the name is taken."""
    if not is_file(folder / "board.toml"):
        raise UsageError(f"{folder} has no board.toml: docs/boards.md says what a board's folder holds")
    board = _load(folder.resolve())
    if board.name in names():
        raise UsageError(f"{board.name} is a board of edge-tr's: give yours another name")
    registered.add(board.name, board.folder)
    return board


def ships(board: Board) -> bool:
    """Whether it is one of edge-tr's own."""
    return board.folder.parent == resources.folder("boards").resolve()


@functools.cache
def _load(folder: Path) -> Board:
    path = folder / "board.toml"
    try:
        table = read_toml(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    problems: list[str] = []
    board = as_dataclass(Board, table, "", problems)
    if not problems:
        board = dataclasses.replace(board, folder=folder)
        problems += inconsistencies(board)
    if problems:
        raise UsageError(f"{path}:\n" + "\n".join(f"  {problem}" for problem in problems))
    return board
