"""Which edge-tr this is: its version, and in a checkout the commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edge_tr import __version__

PACKAGE = Path(__file__).resolve().parents[1]


def described(package: Path = PACKAGE) -> str:
    """`0.1.0`; in a checkout with git installed `0.1.0 (commit 0123456789ab)`, or `..., changed)` with changes to
    tracked files. `package`: the folder of the package edge_tr."""
    root = package.parent
    if not (root / ".git").exists() or not (root / "pyproject.toml").is_file():
        return __version__
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return __version__
    changed = ", changed" if _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    return f"{__version__} (commit {commit}{changed})"


def _git(root: Path, *words: str) -> str:
    """What git says; nothing where there is no git, or no answer."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
