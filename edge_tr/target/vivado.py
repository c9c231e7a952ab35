"""The overlay's bitstream by Vivado, where there is one: made once, kept in the user's cache for every later build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from edge_tr.errors import ToolMissingError
from edge_tr.files.writing import replacing
from edge_tr.overlays import BITFILE
from edge_tr.target.cache import folder, made_once
from edge_tr.target.tools import require_tool, variable_of

FILES = (BITFILE, BITFILE.replace(".bit", ".hwh"))
_STEP = re.compile(r"edge-tr: step (\d+) of (\d+): ")
_TOLD = 20  # last lines of Vivado's words in an error


def find() -> str | None:
    """Path of vivado, from EDGE_TR_VIVADO or PATH; None if there is none."""
    return shutil.which(os.environ.get(variable_of("vivado")) or "vivado")


def bitstream(
    sources: Path,
    digest: str,
    package: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cache: Path | None = None,
) -> bool:
    """Put the bitstream and its hand-off into `package`; whether they are there afterwards.

    What lies in `package` stays. Else it is the one that Vivado once made of sources of this `digest`, or Vivado makes
    it of `sources` (the build's vivado/ folder), with progress(steps done, of steps). Without Vivado: False.
    ToolMissingError, with its last words, if Vivado fails.
    """
    if all((package / name).is_file() for name in FILES):
        return True
    made = (cache or folder()) / f"overlay-{digest[:16]}"
    if not made.is_dir():
        vivado = find()
        if vivado is None:
            return False
        made_once(made, lambda: _make(sources, vivado, made, progress))
    for name in FILES:
        with replacing(package / name) as partial:
            shutil.copyfile(made / name, partial)
    return True


def _make(sources: Path, vivado: str, made: Path, progress: Callable[[int, int], None]) -> None:
    with tempfile.TemporaryDirectory(dir=made.parent) as scratch:
        out = Path(scratch) / "out"
        out.mkdir()
        _run(sources, vivado, out, progress)
        os.replace(out, made)


def _run(sources: Path, vivado: str, out: Path, progress: Callable[[int, int], None]) -> None:
    make = require_tool("make", "make")
    command = [make, "--no-print-directory", "-C", str(sources), "overlay", f"VIVADO={vivado}", f"PACKAGE={out}"]
    words = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        for line in run.stdout:
            words = [*words, line][-_TOLD:]
            if step := _STEP.match(line):
                progress(int(step[1]) - 1, int(step[2]))
    missing = [name for name in FILES if not (out / name).is_file()]
    if run.returncode or missing:
        raise ToolMissingError(
            f"Vivado made no bitstream; its log is {sources / 'vivado.log'}, the end of its output is below. Correct "
            f"the cause, or build without Vivado ({variable_of('vivado')}=none):\n{''.join(words).rstrip()}"
        )
