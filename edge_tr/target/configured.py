"""Work for an accelerator of another configuration: in a process of its own, since a process has one.

`python -c` with `_START` runs the other side: a call comes pickled on its standard input, and on its standard output go
what it tells of its progress, then what it returns or raises. Both sides are this edge-tr.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_tr.errors import EdgeTrError
from edge_tr.formats.accelerator import CONFIGURATION, VARIABLE, Configuration

_START = "import sys; sys.path[0] = sys.argv[1]; from edge_tr.target.configured import main; main()"


def is_here(configuration: Configuration) -> bool:
    """Whether this process schedules for it."""
    return configuration is CONFIGURATION


def call(
    configuration: Configuration, function: Callable[..., Any], *arguments: Any, progress: Callable, **how: Any
) -> Any:
    """`function(*arguments, progress=progress, **how)` of a module of ours, where the configuration is this one."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, VARIABLE: configuration.name}
    with subprocess.Popen(
        [sys.executable, "-c", _START, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        pickle.dump((function.__module__, function.__qualname__, arguments, how), process.stdin)
        process.stdin.close()
        while True:
            try:
                kind, value = pickle.load(process.stdout)
            except EOFError as error:
                raise EdgeTrError(
                    f"the process that schedules for {configuration.name} ended without an answer: it was killed, or "
                    "its message above shows a fault of edge-tr"
                ) from error
            if kind == "returned":
                return value
            if kind == "raised":
                raise value
            progress(*value)


def main() -> None:
    """The other side."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what else is printed is no message

    def tell(kind: str, value: object) -> None:
        pickle.dump((kind, value), out)
        out.flush()

    module, name, arguments, how = pickle.load(sys.stdin.buffer)
    function = getattr(importlib.import_module(module), name)
    try:
        tell("returned", function(*arguments, progress=lambda *said: tell("progress", said), **how))
    except Exception as error:  # whatever it is, it is the caller's
        tell("raised", error)
