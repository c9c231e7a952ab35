"""`edge-tr clean`: what `build` and `tune` wrote goes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_tr.compiler.folders import OF_A_BUILD
from edge_tr.errors import UsageError
from edge_tr.files.changes import changing, held
from edge_tr.files.locks import locked
from edge_tr.files.writing import writing_to
from edge_tr.manifest import BuildFolder


@dataclass(frozen=True)
class Removed:
    """What went from where."""

    path: Path
    files: int
    bytes: int


def clean(path: Path) -> Removed:
    """Empty a build's folder of all that `build`, `flash` and `check` wrote, or remove the points that `tune` keeps
    beside a budget; UsageError for anything else. Files of others stay, and the folder with them."""
    if path.suffix == ".toml" or path.suffix == ".work":
        return _points(path.with_suffix(".work"))
    folder = BuildFolder(path)
    if not path.is_dir() or not folder.manifest_file.is_file() or not folder.is_ours():
        raise UsageError(f"{path} is neither a build of edge-tr nor a budget of tune: nothing was removed")
    with held(path):
        found = {file for pattern in OF_A_BUILD for file in path.glob(pattern) if file.is_file()}
        removed = _sum(path, found)
        with changing(path, OF_A_BUILD):
            pass
    return removed


def _points(work: Path) -> Removed:
    if not work.is_dir():
        raise UsageError(f"{work} does not exist: tune has kept no points for this budget")
    with locked(work):
        found = list(work.glob("*.npz"))
        removed = _sum(work, found)
        with writing_to(work):
            for file in found:
                file.unlink(missing_ok=True)
    return removed


def _sum(path: Path, files: Iterable[Path]) -> Removed:
    sizes = [file.stat().st_size for file in files]
    return Removed(path, len(sizes), sum(sizes))
