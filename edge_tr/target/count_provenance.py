"""What a table of figures was made with: the commit and the versions of the tools."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from edge_tr.target.tools import require_tool


def commit(folder: Path) -> str:
    """Short hash of what is checked out, and whether files differ from it."""
    git = [require_tool("git", "git"), "-C", str(folder)]
    changed = _output([*git, "status", "--porcelain", "--untracked-files=no"])
    return _output([*git, "rev-parse", "--short=12", "HEAD"]) + (" with uncommitted changes" if changed else "")


def compilers(tools: Iterable[tuple[str, str]]) -> list[str]:
    """First line of --version of each (program, Debian package)."""
    return [_output([require_tool(program, package), "--version"]).splitlines()[0] for program, package in tools]


def packages(names: Iterable[str]) -> list[str]:
    """Name and version of installed Python packages."""
    return [f"{name} {metadata.version(name)}" for name in names]


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
