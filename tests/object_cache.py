"""Objects that the tests' builds have in common, compiled once for all tests and workers.

Most builds of one board compile the same runtime. A compilation is answered from a folder if the very same one has
succeeded before: the same compiler, options and source, and the same headers, by content. Everything else runs, failing
compilations too. Only compilations in the tests' own processes are kept; the commands that tests start as processes
compile all they need.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_tr.target import toolchain

_INCLUDE = re.compile(rb"^[ \t]*#[ \t]*include\b[ \t]*(.*)$", re.MULTILINE)
_NAMED = re.compile(rb'"([^"]+)"|<([^>]+)>')
_ELUSIVE = re.compile(rb"__has_include|\.incbin|__DATE__|__TIME__|__TIMESTAMP__|__FILE__")
"""What makes an object depend on more than the text that it is compiled from."""


RUN = toolchain._run
"""What runs every command, the compiler's too."""


class Unknown(Exception):
    """The text of a compilation depends on what is not looked at here."""


class ObjectCache:
    """Stands in for `toolchain._run`, which runs a command and gives its output."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, command: Sequence[str]) -> str:
        if "-c" not in command:
            return RUN(command)
        try:
            kept = self._folder / f"{key(command)}.o"
        except Unknown:
            return RUN(command)
        target = Path(command[command.index("-o") + 1])
        if kept.is_file():
            shutil.copyfile(kept, target)
            return ""
        printed = RUN(command)
        own = kept.with_suffix(f".{os.getpid()}-{target.name}")  # another worker, another thread
        shutil.copyfile(target, own)
        os.replace(own, kept)
        return printed


def key(command: Sequence[str]) -> str:
    """A digest of all that a compilation's object depends on; Unknown if that cannot be told."""
    source = Path(command[command.index("-c") + 1])
    places = {source, Path(command[command.index("-o") + 1])}
    folders = [Path(word[2:]) for word in command if word.startswith("-I")]
    options = [word for word in command[1:] if not word.startswith("-I") and Path(word) not in places]
    compiler = Path(shutil.which(command[0]) or command[0]).resolve()
    made = compiler.stat()
    digest = hashlib.sha256(repr([str(compiler), made.st_size, made.st_mtime_ns, options, source.name]).encode())
    for name, text in texts(source, folders):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(text).digest())
    return digest.hexdigest()


def texts(source: Path, folders: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the source and of every header that it may include; the compiler's own have no content."""
    seen, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        text = path.read_bytes()
        if _ELUSIVE.search(text):
            raise Unknown(path)
        yield path.name, text
        for what in _INCLUDE.findall(text):
            named = _NAMED.match(what.strip())
            if named is None:
                raise Unknown(path)
            name = (named[1] or named[2]).decode()
            found = _found(name, [path.parent, *folders] if named[1] else folders)
            if found is None:
                yield name, b""
            elif found not in seen:
                seen.add(found)
                waiting.append(found)


def _found(name: str, folders: Sequence[Path]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)
