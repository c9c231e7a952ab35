"""What this user's `edge-tr build` made, by digest: an empty file each in the user's state folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MOST = 10_000
"""Builds that are remembered; the oldest are forgotten first."""


def _folder() -> Path:
    """XDG base directory specification: state that persists, and is the user's own."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "edge-tr" / "builds"


def remember(digest: str) -> None:
    """From now on it is known; OSError if the state folder cannot be written."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / digest).touch()
    _forget_oldest(folder)


def is_known(digest: str) -> bool:
    """Whether it was remembered."""
    try:
        return (_folder() / digest).is_file()
    except OSError:
        return False


def _forget_oldest(folder: Path) -> None:
    known = list(folder.iterdir())
    if len(known) > MOST:
        with contextlib.suppress(OSError):  # another process forgets them
            for path in sorted(known, key=lambda path: path.stat().st_mtime)[: len(known) - MOST]:
                path.unlink()
