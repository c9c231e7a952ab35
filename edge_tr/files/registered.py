"""Folders of boards that the user has made known by name: `edge-tr boards --add FOLDER`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from edge_tr.errors import UsageError
from edge_tr.files.reading import read_json
from edge_tr.files.writing import replace, writing_to


def _file() -> Path:
    """XDG base directory specification: configuration."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "edge-tr" / "boards.json"


def folders() -> Mapping[str, Path]:
    """By name of the board; UsageError where the list is damaged."""
    try:
        listed = read_json(_file())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{_file()} cannot be read ({error}): correct or remove it") from error
    if not isinstance(listed, dict) or not all(isinstance(folder, str) for folder in listed.values()):
        raise UsageError(f"{_file()} is not a list of boards: correct it or remove it")
    return {name: Path(folder) for name, folder in sorted(listed.items())}


def add(name: str, folder: Path) -> None:
    """From now on `name` is the board in `folder`, which has an absolute path."""
    _write({**folders(), name: folder})


def remove(name: str) -> None:
    """Forget `name`; its folder stays. UsageError if it is not known."""
    left = dict(folders())
    if name not in left:
        known = ", ".join(left) or "none is"
        raise UsageError(f"{name} is not registered: {known}")
    del left[name]
    _write(left)


def _write(listed: Mapping[str, Path]) -> None:
    file = _file()
    with writing_to(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace(file, json.dumps({name: str(folder) for name, folder in sorted(listed.items())}, indent=2) + "\n")
