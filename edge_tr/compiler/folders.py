"""Build folders as commands use them: held by one at a time, changed at once or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from edge_tr.errors import UsageError
from edge_tr.files.changes import changing, held
from edge_tr.files.known import remember
from edge_tr.files.locks import HIDDEN
from edge_tr.files.writing import writing_to
from edge_tr.manifest import BuildFolder, Manifest, OverlayManifest

_PIECE = 1 << 16
OF_A_BUILD = (
    "build.json", "model.tflite", "revealed*.tflite", "firmware.*", "loader.elf", "sbom.cdx.json", "check.json",
    "report.html", "comparison.html", "src/**/*", "obj/**/*", "emulator/**/*", "edge_tr_pynq/**/*.py",
    "edge_tr_pynq/**/*.npz", "edge_tr_pynq/**/*.json",
)  # fmt: skip
"""What a build replaces, its board's state and reports included; bitstreams and other people's files stay."""


@contextlib.contextmanager
def claimed(folder: BuildFolder) -> Iterator[None]:
    """Make the folder if need be, and hold it; UsageError if it is in use, or has other things in it than a build."""
    path = folder.path
    if path.is_file():
        raise UsageError(f"{path} is a file: choose another -o")
    made = not path.is_dir()
    with writing_to(path):
        path.mkdir(parents=True, exist_ok=True)
    try:
        if not (path / HIDDEN).is_dir():
            _require_ours(folder)
        with held(path):
            _require_ours(folder)
            yield
    finally:
        if made:
            with contextlib.suppress(OSError):  # there is something in it
                path.rmdir()


def _require_ours(folder: BuildFolder) -> None:
    if not folder.is_ours():
        raise UsageError(f"{folder.path} holds files that edge-tr did not build: choose another -o, or empty it")


@contextlib.contextmanager
def replaced_build(folder: BuildFolder) -> Iterator[BuildFolder]:
    """A place for a build's files. When the context ends well they take those of the earlier build in `folder`, and
    this user's edge-tr knows them from then on, where its state folder can be written."""
    with changing(folder.path, OF_A_BUILD) as staged:
        build = BuildFolder(staged)
        yield build
        remembered(build)


def remembered(build: BuildFolder) -> None:
    """From now on it is this user's own, if the state folder can be written."""
    with contextlib.suppress(OSError):
        remember(build.digest())


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BuildFolder, Manifest | OverlayManifest]]:
    """A finished build, held; UsageError if it is none, or in use."""
    folder = BuildFolder(path)
    if not (path / HIDDEN).is_dir():
        folder.read()  # says that there is no build, before anything is locked
    with held(path):
        manifest = folder.read()
        needed = folder.program if isinstance(manifest, OverlayManifest) else folder.image
        if not manifest.fits or not needed.is_file():
            raise UsageError(f"{path} holds an unfinished build: run edge-tr build again")
        yield folder, manifest


@contextlib.contextmanager
def changed_state(folder: BuildFolder) -> Iterator[Path]:
    """A copy of the emulated board's memory, which takes its place when the context ends well."""
    with changing(folder.path, ("emulator/**/*",)) as staged:
        state = BuildFolder(staged).state
        with writing_to(folder.path):
            state.mkdir()
            copy_state(folder, state)
        yield state


def copy_state(folder: BuildFolder, to: Path) -> None:
    """The emulated board's memory into another folder."""
    for file in folder.state.glob("*"):
        _copy(file, to / file.name)


def _copy(source: Path, target: Path) -> None:
    """With holes where there are zeros: emulated flash is mostly empty."""
    zeros = bytes(_PIECE)
    with source.open("rb") as old, target.open("wb") as new:
        while piece := old.read(_PIECE):
            if piece == zeros[: len(piece)]:
                new.seek(len(piece), 1)
            else:
                new.write(piece)
        new.truncate()
    shutil.copymode(source, target)
