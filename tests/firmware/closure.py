"""What a generated model depends on of the runtime: the compiled objects that a linker takes for it, and the
declarations of headers that its names lead to. A change elsewhere in the runtime leaves the digest as it is.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from tests.firmware.harness_build import FIRMWARE, command

_TOKEN = re.compile(r"\b(?:tr|TR)_\w+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BOUNDARY = re.compile(r"(?<=[;}])\n(?=\S)|\n\n(?=\S)")
_FUNCTION = re.compile(r"^static inline [^(]*?\b(tr_\w+)\(", re.MULTILINE)
_OTHERS = re.compile(r"^(?:struct|enum|union|#\s*define)\s+(\w+)|^typedef\b.*?\b(tr_\w+)(?=[;(])", re.MULTILINE)


@dataclass(frozen=True)
class Library:
    """The runtime compiled for one core: each object's digest, what it defines and what it takes from others."""

    digests: Mapping[Path, str]
    where: Mapping[str, Path]
    needs: Mapping[Path, Set[str]]

    def objects(self, names: Iterable[str]) -> Iterator[str]:
        """Digests of all objects that a program with these undefined names is linked with."""
        seen: set[Path] = set()
        waiting = {self.where[name] for name in names if name in self.where}
        while waiting:
            path = waiting.pop()
            seen.add(path)
            waiting |= {self.where[name] for name in self.needs[path] if name in self.where} - seen
        return (self.digests[path] for path in sorted(seen))


def library(folder: Path, nm: str) -> Library:
    """Of the objects in `folder`; `nm` lists their symbols."""
    where, needs = {}, defaultdict(set)
    objects = sorted(folder.glob("*.o"))
    for line in command(nm, "-A", "-g", *objects).splitlines():
        place, _, symbol = line.partition(".o:")
        kind, name = symbol.split()[-2:]
        if kind in "Uwv":
            needs[Path(f"{place}.o")].add(name)
        else:
            where[name] = Path(f"{place}.o")
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in objects}
    return Library(digests, where, needs)


@functools.cache
def _declared() -> dict[str, list[str]]:
    """Declarations of headers that decide what code is made of a name: types, macros, functions to be inlined."""
    found = defaultdict(list)
    for path in sorted([*(FIRMWARE / "include").glob("*.h"), *(FIRMWARE / "app").glob("*.h")]):
        for piece in _BOUNDARY.split(_COMMENT.sub("", path.read_text(encoding="utf-8"))):
            names = {*_FUNCTION.findall(piece), *(name for pair in _OTHERS.findall(piece) for name in pair if name)}
            enumerators = _TOKEN.findall(piece) if piece.startswith("enum") else ()
            for name in (*names, *enumerators):
                found[name].append(piece)
    return dict(found)


@functools.cache
def _tokens(piece: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(piece))


def digest_of(texts: Iterable[str], runtime: Library) -> str:
    """Of generated texts and all that they depend on of the runtime."""
    texts = list(texts)
    waiting = {token for text in texts for token in _TOKEN.findall(text)}
    seen: set[str] = set()
    pieces: set[str] = set()
    while waiting:
        token = waiting.pop()
        seen.add(token)
        for piece in set(_declared().get(token, ())) - pieces:
            pieces.add(piece)
            waiting |= _tokens(piece) - seen
    digest = hashlib.sha256()
    for text in (*texts, *sorted(pieces), *runtime.objects(sorted(seen))):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()
