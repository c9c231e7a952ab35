"""Run the board's compiler on a source tree: sources in, an executable and its raw image out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from edge_tr import boards
from edge_tr.boards import Board, Part
from edge_tr.errors import DoesNotFitError, EdgeTrError, UsageError
from edge_tr.formats import image as image_format
from edge_tr.target import linkmap
from edge_tr.target.tools import require_tool

OPTIMISATION = ("-O2", "-fno-tree-scev-cprop")
"""The second: no multiplication behind a loop for what its variables end at; some cores call a function for it."""
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
MODEL_SECTION, SEAL_SECTION = ".tr_model", ".tr_seal"
"""Of linked programs: what is checked, and what it must add up to."""
THIRD_PARTY = "third_party"
_JOBS = 4
_OF_THE_COMPUTER = (
    "No space left on device", "File size limit exceeded", "Disk quota exceeded", "Read-only file system",
    "Permission denied", "Cannot allocate memory", "out of memory", "Input/output error", "File name too long",
    "Too many open files",
)  # fmt: skip
"""What a compiler says when it is not the program that is wrong."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a linked program: flash holds code, constants and initial data; RAM data and stack."""

    flash: int
    ram: int


@dataclass(frozen=True)
class Piece:
    """Bytes that one object gave to a linked program, `part`: its source, or for what the compiler brings its
    library's file name, if any, and its own."""

    part: str
    source: Path | None
    library: str
    member: str
    size: int


@dataclass(frozen=True)
class Linked:
    """`image` is None for a host program, which is not copied into flash."""

    elf: Path
    image: bytes | None
    sizes: Sizes
    symbols: Mapping[str, int]  # bytes by symbol
    pieces: tuple[Piece, ...]  # of which the sizes are made, but for gaps and the stack
    model_bytes: int  # code and constants that the program checks


def compile_and_link(
    board: Board,
    part: Part,
    sources: Iterable[Path],
    include_dirs: Iterable[Path],
    build_dir: Path,
    name: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stack_for: Callable[[Path], int] | None = None,
) -> Linked:
    """Compile `sources` and the board's own, link them as `name`.elf below `build_dir`. `stack_for`: bytes to reserve
    for the stack of a program that was linked without limits; by default what board.toml says.

    ToolMissingError without the compiler; DoesNotFitError, with the sizes, when the link overflows
    the board's memory; UsageError with the compiler's words where a board that is not edge-tr's own does not compile,
    or where files cannot be written; EdgeTrError, likewise, on any other failure.
    """
    try:
        return _compile_and_link(board, part, sources, include_dirs, build_dir, name, progress, stack_for)
    except CompilerFailed as failed:
        raise _explained(failed, board) from failed


def _compile_and_link(
    board: Board,
    part: Part,
    sources: Iterable[Path],
    include_dirs: Iterable[Path],
    build_dir: Path,
    name: str,
    progress: Callable[[int, int], None],
    stack_for: Callable[[Path], int] | None,
) -> Linked:
    gcc = _tool(board, "gcc")
    build_dir.mkdir(parents=True, exist_ok=True)
    own = list(sources)
    taken = {path.name for path in part.sources}
    files = [path for path in own if path.name not in taken] + list(part.sources)
    includes = [f"-I{path}" for path in (*include_dirs, *part.include_dirs)]
    objects = [build_dir / f"{name}-{index:02d}-{_object_name(path)}" for index, path in enumerate(files)]
    commands = [
        [gcc, *OPTIMISATION, *part.cflags, *_warnings(source), *includes, "-c", str(source), "-o", str(target)]
        for source, target in zip(files, objects)
    ]
    with ThreadPoolExecutor(_JOBS) as pool:
        for done, _ in enumerate(pool.map(_run, commands), 1):
            progress(done, len(commands) + 1)
    elf = build_dir / f"{name}.elf"
    stack = board.memory.stack_bytes
    if stack_for is not None and board.toolchain.freestanding:
        _run(_link_command(part, gcc, objects, elf, (*part.ldflags, *UNLIMITED)))
        stack = stack_for(elf)
        part = replace(part, ldflags=(*part.ldflags, f"-Wl,--defsym=TR_STACK_BYTES={stack:#x}"))
    _link(board, part, gcc, objects, elf, stack)
    progress(len(commands) + 1, len(commands) + 1)
    model_bytes = _seal_model(board, elf)
    image = _raw_image(board, elf) if board.toolchain.freestanding else None
    pieces = tuple(_pieces(name, dict(zip(map(str, objects), files)), elf.with_suffix(".map")))
    return Linked(elf, image, _sizes(board, elf, stack), _symbols(board, elf), pieces, model_bytes)


def compiler_version(board: Board) -> str:
    """Of the board's GCC, as 12.2.1."""
    return _run([_tool(board, "gcc"), "-dumpfullversion"]).strip()


def _pieces(part: str, sources: Mapping[str, Path], map_file: Path) -> Iterator[Piece]:
    """What a link kept; `sources` by object."""
    for name, size in linkmap.kept(map_file.read_text(encoding="utf-8")).items():
        library, _, member = name.rstrip(")").rpartition("(")
        yield Piece(part, sources.get(name), Path(library).name, Path(member).name, size)


def _warnings(source: Path) -> tuple[str, ...]:
    """What others wrote is compiled as it is."""
    return ("-w",) if THIRD_PARTY in source.parts else WARNINGS


def _object_name(source: Path) -> str:
    """After the source and its folder, which linker scripts tell the model's objects by."""
    return f"{source.stem}.{source.resolve().parent.name}.o"


def _seal_model(board: Board, elf: Path) -> int:
    """Fill in the model's seal; the bytes that it is of, 0 where nothing checks them."""
    sections = _sections(board, elf)
    if not sections.get(MODEL_SECTION) or not sections.get(SEAL_SECTION):
        return 0
    objcopy, part = _tool(board, "objcopy"), elf.with_suffix(".part")
    _run([objcopy, "-O", "binary", f"--only-section={MODEL_SECTION}", str(elf), str(part)])
    model = part.read_bytes()
    part.write_bytes(image_format.model_seal(model))
    _run([objcopy, f"--update-section={SEAL_SECTION}={part}", str(elf)])
    part.unlink()
    return len(model)


UNLIMITED = ("-Wl,--defsym=TR_FLASH_BYTES=0x10000000", "-Wl,--defsym=TR_RAM_BYTES=0x10000000")


def _link_command(part: Part, gcc: str, objects: Sequence[Path], elf: Path, ldflags: Sequence[str]) -> list[str]:
    listing = "-Xlinker", f"-Map={elf.with_suffix('.map')}"
    return [gcc, *part.cflags, *map(str, objects), *ldflags, *listing, "-o", str(elf)]


def _link(board: Board, part: Part, gcc: str, objects: Sequence[Path], elf: Path, stack: int) -> None:
    """Link within the board's memory; if that overflows, link without limits to say by how much."""
    command = _link_command(part, gcc, objects, elf, part.ldflags)
    done = _started(command)
    if done.returncode == 0:
        return
    if "will not fit in region" not in done.stderr and "overflowed by" not in done.stderr:
        raise CompilerFailed(command, done.stderr)
    _run(_link_command(part, gcc, objects, elf, (*part.ldflags, *UNLIMITED)))
    sizes, symbols = _sizes(board, elf, stack), _symbols(board, elf)
    elf.unlink()
    raise OverflowingLink(sizes, symbols)


class OverflowingLink(DoesNotFitError):
    """The program was linked without limits, only to learn its sizes."""

    def __init__(self, sizes: Sizes, symbols: Mapping[str, int]) -> None:
        super().__init__(f"needs {sizes.flash} bytes of flash and {sizes.ram} bytes of RAM")
        self.sizes = sizes
        self.symbols = symbols


def _sizes(board: Board, elf: Path, stack: int) -> Sizes:
    """From `size -A`: sections that are loaded, by where they live, and the bytes of the stack."""
    sections = _sections(board, elf)
    data, bss = (sum(size for name, size in sections.items() if name.startswith(kind)) for kind in (".data", ".bss"))
    constant = (".text", ".rodata", ".vectors", ".tr_", ".image", ".ARM", ".init", ".fini", ".eh_frame")
    code = sum(size for name, size in sections.items() if name.startswith(constant))
    return Sizes(flash=code + data, ram=data + bss + stack)


def _sections(board: Board, elf: Path) -> dict[str, int]:
    """Bytes by section."""
    listing = _run([_tool(board, "size"), "-A", str(elf)]).splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in listing if line.startswith(".")}


def _symbols(board: Board, elf: Path) -> dict[str, int]:
    """Bytes by symbol, from `nm -S`; of two static symbols of one name, the sum."""
    sizes: dict[str, int] = {}
    for line in _run([_tool(board, "nm"), "-S", str(elf)]).splitlines():
        parts = line.split()
        if len(parts) == 4:
            sizes[parts[3]] = sizes.get(parts[3], 0) + int(parts[1], 16)
    return sizes


def _raw_image(board: Board, elf: Path) -> bytes:
    raw = elf.with_suffix(".bin")
    _run([_tool(board, "objcopy"), "-O", "binary", str(elf), str(raw)])
    return raw.read_bytes()


def _tool(board: Board, tool: str) -> str:
    return require_tool(f"{board.toolchain.prefix}{tool}", board.toolchain.package)


def _run(command: Sequence[str]) -> str:
    done = _started(command)
    if done.returncode != 0:
        raise CompilerFailed(command, done.stderr)
    return done.stdout


def _started(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run to its end, with messages in English."""
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)


class CompilerFailed(EdgeTrError):
    """The compiler's command, and what it said."""

    def __init__(self, command: Sequence[str], said: str) -> None:
        super().__init__(f"{command[0]} failed")
        self.command, self.said = command, said.strip()


def _explained(failed: CompilerFailed, board: Board) -> EdgeTrError:
    """The same with whose fault it is: the computer's, the user's board's, or ours."""
    command, said = failed.command, failed.said
    known = next((line for line in said.splitlines() if any(words in line for words in _OF_THE_COMPUTER)), None)
    if known is not None:
        return UsageError(f"{command[0]} could not write its files: {known}; make room or choose another folder")
    if not boards.ships(board):
        return UsageError(f"the board in {board.folder} does not build, {command[0]} says:\n{said}")
    return EdgeTrError(f"{command[0]} failed; this is a bug of edge-tr, please report it:\n{' '.join(command)}\n{said}")
