"""Several files of a folder changed at once: all or none, whenever the process is killed.

New files are written to `.edge-tr/new/files` inside the folder. `.edge-tr/new` then becomes `.edge-tr/ready`, with the
list of files that go: from that rename on the change is made, and whoever opens the folder next finishes it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from edge_tr.errors import UsageError
from edge_tr.files.locks import HIDDEN, locked
from edge_tr.files.reading import read_json
from edge_tr.files.writing import writing_to

_OBSOLETE = "obsolete.json"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold an existing folder of plain files, with no change half made; UsageError for links in it, and if it is in
    use."""
    refuse_links(folder, recursive=False)
    with locked(folder):
        refuse_links(folder, recursive=True)
        with writing_to(folder):
            _recover(folder)
        yield


@contextlib.contextmanager
def changing(folder: Path, replaces: Iterable[str] = ()) -> Iterator[Path]:
    """An empty folder whose files get their places in `folder`, which is held, when the context ends well.

    Files in `folder` that match a pattern of `replaces` and are not written again go. UsageError where it cannot be
    written to; `folder` then is as it was.
    """
    new, ready = folder / HIDDEN / "new", folder / HIDDEN / "ready"
    with writing_to(folder):
        (new / "files").mkdir(parents=True)
    try:
        yield new / "files"
        with writing_to(folder):
            kept = set(_files(new / "files"))
            _room_for(kept, folder)
            old = {path for pattern in replaces for path in folder.glob(pattern)}
            names = {str(path.relative_to(folder)) for path in old if not path.is_dir()}
            (new / _OBSOLETE).write_text(json.dumps(sorted(names - kept)))
            os.replace(new, ready)
            _finish(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _room_for(names: Iterable[str], folder: Path) -> None:
    """OSError where a folder lies in the place of a file, or a file in that of a folder."""
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / name))
        for parent in PurePosixPath(name).parents[:-1]:
            if (folder / parent).is_file():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder / parent))


def _recover(folder: Path) -> None:
    """Undo a change that was not made yet, finish one that was."""
    if (folder / HIDDEN / "new").exists():
        shutil.rmtree(folder / HIDDEN / "new")
    if (folder / HIDDEN / "ready").exists():
        _finish(folder)


def _finish(folder: Path) -> None:
    """Make what is ready so; again from the start if this was interrupted."""
    ready = folder / HIDDEN / "ready"
    for name in _obsolete(ready):
        (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are in it
            for parent in PurePosixPath(name).parents[:-1]:
                (folder / parent).rmdir()
    for name in _files(ready / "files"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(ready / "files" / name, target)
    shutil.rmtree(ready)


def _obsolete(ready: Path) -> list[str]:
    """Names of files to remove; of a list that names anything outside, UsageError."""
    try:
        names = read_json(ready / _OBSOLETE)
    except FileNotFoundError:
        return []  # all of it is done, but for the last folders
    except ValueError as error:
        raise UsageError(f"{ready} is damaged ({error}): remove it, and build again") from error
    if not isinstance(names, list) or not all(isinstance(name, str) and _is_inside(name) for name in names):
        raise UsageError(f"{ready} is damaged: remove it, and build again")
    return names


def _is_inside(name: str) -> bool:
    """Whether it is the path of something below a folder; no system takes a null."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _files(folder: Path) -> list[str]:
    """All files below, by their paths from there."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def refuse_links(folder: Path, *, recursive: bool) -> None:
    """UsageError for anything in it that is neither a file nor a folder: links lead to files outside."""
    walk = os.walk(folder) if recursive else [next(os.walk(folder), (folder, [], []))]
    for parent, folders, files in walk:
        for name in (*folders, *files):
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):  # a lock that its holder removes
                mode = os.stat(path, follow_symlinks=False).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    kind = "a symbolic link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
                    raise UsageError(f"{path} is {kind}, which a build folder must not contain: remove it")
