"""Files that strangers wrote, read within bounds of size and depth.

Whatever is wrong with the contents is a ValueError, whatever keeps them from being read an OSError.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_TEXT = 1 << 20
"""Bytes of a TOML file: a budget for every layer of the largest model is a fifth of that."""
MAX_MANIFEST = 1 << 26
"""Bytes of a JSON file: a layer takes under a kilobyte."""
MAX_BINARY = 1 << 28
"""Bytes of a model or an image: no board here holds a quarter of that."""
MAX_DEPTH = 32
"""Of tables and lists inside each other; ours have five."""
_SHOWN = 80


def read_bytes(path: Path, most: int) -> bytes:
    """The whole file, of at most `most` bytes; it is not read further than that, whatever it claims to be."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as tables."""
    return _shallow(tomllib.loads, read_bytes(path, MAX_TEXT).decode("utf-8"))


def read_json(path: Path) -> Any:
    """A JSON file."""
    return _shallow(json.loads, read_bytes(path, MAX_MANIFEST).decode("utf-8"))


def is_file(path: Path) -> bool:
    """Whether there is such a file; names that no file system takes are of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def brief(value: object) -> str:
    """How a message shows a value of unknown size."""
    shown = value if isinstance(value, str) else repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


def _shallow(parse: Any, text: str) -> Any:
    try:
        values = parse(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep") from None
    level = [values]
    for _ in range(MAX_DEPTH):
        level = [item for value in level for item in _inside(value)]
        if not level:
            return values
    raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


def _inside(value: Any) -> list[Any]:
    """Tables and lists directly in one."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict | list)]
