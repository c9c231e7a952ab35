"""The bill of materials of a build: what ends up on the device, file by file, with licences (see `sbom`)."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge_tr import resources
from edge_tr.boards import Board
from edge_tr.manifest import BuildFolder, BuildRecord
from edge_tr.sbom import GCC_RUNTIME, OURS, Component, bill
from edge_tr.target.toolchain import Piece, compiler_version

_GCC_RUNTIME = ("libgcc", "crtbegin", "crtend")
_TAG = re.compile(rb"SPDX-License-Identifier:\s*([^\r\n*]+)")
_GENERATED = ("model/", "edge_tr_pynq/program.")
_LIBRARIES = {"firmware/third_party/nanopb/": "Zlib"}
"""Licences of files that do not name theirs, by the folder that holds the text."""


def firmware_bill(board: Board, folder: BuildFolder, manifest: BuildRecord, pieces: Sequence[Piece]) -> str:
    """Of the image and the board's loader: the sources of every object of which the linker kept something (headers
    excepted), and what the compiler's libraries gave."""
    files: dict[str, Component] = {}
    for piece in pieces:
        if piece.source is not None:
            name, ours = _named(board, folder, piece.source)
            facts = files[name].facts if name in files else {}
            facts = {**facts, f"bytes in {piece.part}": str(piece.size)}
            files[name] = _file(name, piece.source.read_bytes(), ours, facts)
    libraries = _libraries([piece for piece in pieces if piece.source is None], compiler_version(board))
    subject = _subject("firmware", manifest, folder.image.read_bytes())
    return bill(subject, [_model(manifest), *files.values(), *libraries])


def package_bill(manifest: BuildRecord, tree: Mapping[str, bytes]) -> str:
    """Of the folder that is copied to an accelerator's board. What the board's own image brings is not in it."""
    files = [_file(name, data, _is_ours(name)) for name, data in tree.items()]
    return bill(_subject("application", manifest), [_model(manifest), *files])


def _subject(kind: str, manifest: BuildRecord, data: bytes | None = None) -> Component:
    sha256 = "" if data is None else hashlib.sha256(data).hexdigest()
    return Component(kind, f"{manifest.model} for {manifest.target}", manifest.build_id, sha256=sha256)


def _model(manifest: BuildRecord) -> Component:
    return Component("machine-learning-model", manifest.model, sha256=manifest.model_sha256)


def _file(name: str, data: bytes, ours: bool, facts: Mapping[str, str] | None = None) -> Component:
    """A file that names its licence has that one."""
    tag = _TAG.search(data)
    of_library = next((licence for folder, licence in _LIBRARIES.items() if name.startswith(folder)), "")
    licence = tag[1].decode().strip() if tag else of_library or (OURS if ours else "")
    return Component("file", name, licence=licence, sha256=hashlib.sha256(data).hexdigest(), facts=facts or {})


def _is_ours(name: str) -> bool:
    """Generated code and data are the model's, whose licence its owner knows."""
    return not name.startswith(_GENERATED)


def _named(board: Board, folder: BuildFolder, source: Path) -> tuple[str, bool]:
    """A source file as it lies in a checkout, in the build folder or beside the user's board folder; whether it is
    ours."""
    if source.is_relative_to(folder.sources):
        name = source.relative_to(folder.sources).as_posix()
        return (f"firmware/{name}", True) if _is_ours(name) else (name, False)
    for shipped in ("firmware", "boards"):
        base = resources.folder(shipped)
        if source.is_relative_to(base):
            return f"{shipped}/{source.relative_to(base).as_posix()}", True
    return Path(os.path.relpath(source, board.folder.resolve().parent)).as_posix(), False


def _libraries(pieces: Sequence[Piece], version: str) -> Iterator[Component]:
    """What the compiler brings: a component for each library, or object on its own."""
    given: dict[str, dict[str, list[str]]] = {}
    for piece in pieces:
        by_part = given.setdefault(piece.library.partition(".")[0] or piece.member, {})
        by_part.setdefault(piece.part, []).append(f"{piece.member} {piece.size}")
    for name, by_part in given.items():
        facts = {f"in {part}": ", ".join(members) for part, members in by_part.items()}
        is_gcc = name.startswith(_GCC_RUNTIME)
        yield Component("library", name, version if is_gcc else "", GCC_RUNTIME if is_gcc else "", facts=facts)
