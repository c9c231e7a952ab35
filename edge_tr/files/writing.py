"""Files written whole or not at all: beside their place first, then renamed. A process killed meanwhile leaves the old
file; after a power cut the file system decides."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_tr.errors import UsageError

SURROUNDINGS = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP,
    errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.EISDIR, errno.ENOTDIR,
})  # fmt: skip
"""Errors that say something of the computer and its files, and nothing of this program."""


@contextlib.contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Failures to write there are the user's to solve: UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error}; make room or choose another place") from error


def replace(path: Path, data: bytes | str) -> None:
    """Make `data` the contents of `path`; text as UTF-8. UsageError if that fails, and then the old file is there."""
    with writing_to(path.parent), replacing(path) as partial:
        partial.write_bytes(data.encode("utf-8", "replace") if isinstance(data, str) else data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` if the context ends well."""
    descriptor, name = tempfile.mkstemp(prefix=".edge-tr-", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """What files of this process may not be."""
    os.umask(mask := os.umask(0o077))
    return mask
