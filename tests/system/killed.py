"""A command that is killed at its n-th operation on files: SIGKILL, by itself, from an audit hook.

Python tells of every file that it opens, renames or removes; compilers and emulators go on as they would. The command
is a fork of this process, which spares it the imports and lets it find compiled objects.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_tr import cli
from edge_tr.files.locks import HIDDEN

_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "shutil.rmtree")
_TIMER = re.compile(rb"none: the board(?:'|&#39;)s[^\"<\n]*")


def events_of(arguments: Sequence[object]) -> int:
    """How many operations a command has in the folder that its last argument names."""
    status, operations = _forked(arguments, 0)
    assert status == 0, f"{arguments} ended with {status}"
    return operations


def killed_at(arguments: Sequence[object], at: int) -> None:
    """Run it until then; it may have ended before, as the order of threads differs."""
    status, _ = _forked(arguments, at)
    assert status in (0, signal.SIGKILL), f"{arguments}, killed at {at}, ended with {status}"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path, what is on its way into it left out; in them the folder's own name, which the
    linker's map has, and what the host's timer was seen to do, which depends on the load."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and HIDDEN not in path.parts]
    return {
        str(path.relative_to(folder)): _TIMER.sub(b"", path.read_bytes().replace(bytes(folder), b"")) for path in files
    }


def _forked(arguments: Sequence[object], at: int) -> tuple[int, int]:
    """(wait status, operations counted, 0 if it was killed)."""
    words = [str(argument) for argument in arguments]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _child(words, at, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        counted = pipe.read()
    return os.waitpid(child, 0)[1], int(counted or 0)


def _child(words: list[str], at: int, writer: int) -> None:
    """Never returns."""
    code, counted = 1, 0

    def hook(event: str, values: tuple) -> None:
        nonlocal counted
        if event in _EVENTS and any(
            isinstance(value, str | os.PathLike) and words[-1] in str(value) for value in values
        ):
            counted += 1
            if counted == at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(hook)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        code = cli.main(words)
        os.write(writer, str(counted).encode())
    finally:
        os._exit(code)
