"""A folder held by one command at a time.

The lock is the kernel's, on a file in the folder: it ends with its process, however that ends, and none is ever stale.
The file says whose it is while it is held, and is removed afterwards.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_tr.errors import UsageError

HIDDEN = ".edge-tr"
"""In a folder that is held: the lock, and what is on its way into the folder."""
_LONGEST = 300  # characters of a command that a message shows
_UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder`, which exists; UsageError, with who has it, if another process does.

    A folder that nobody here may write to is not held: nobody here can change it either.
    """
    try:
        descriptor = _acquire(folder)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise UsageError(f"cannot lock {folder}: {error.strerror}; make room or choose another place") from error
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / HIDDEN / "lock").unlink()
            (folder / HIDDEN).rmdir()
        os.close(descriptor)


def _acquire(folder: Path) -> int:
    """The locked file, open."""
    path = folder / HIDDEN / "lock"
    while True:
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir()
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            if folder.is_dir():
                continue  # whoever held it has just removed what was there
            raise
        try:
            _lock(descriptor, folder)
            if _is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed between opening and locking


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 2 * _LONGEST, 0).decode("utf-8", "replace") or "another command"
        raise UsageError(f"{folder} is in use by {holder}: wait until it ends, or use another folder") from None
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    shown = "".join(c if c.isprintable() else "?" for c in command[:_LONGEST])
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} ({shown})".encode("utf-8", "replace"), 0)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
