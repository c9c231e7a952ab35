"""The user's cache folder: what takes long to make and is the same for all builds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def folder() -> Path:
    """Where it is, whether or not it is there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-tr"


def made_once(target: Path, make: Callable[[], None]) -> None:
    """Call `make`, which puts the file or folder `target` there, unless it is there already. A process that is making
    the same is waited for."""
    if target.exists():
        return
    import fcntl  # of POSIX, as all tools are that need it

    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            make()
