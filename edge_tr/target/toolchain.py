"""Run the board's compiler on a source tree: sources in, an executable and its raw image out."""

from __future__ import annotations

import os
import re
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
MODEL_SECTION, HOT_SECTION, SEAL_SECTION = ".tr_model", ".hot", ".tr_seal"
"""Of linked programs: what is checked, with what of it runs from RAM, and what it must add up to."""
RUNTIME = "src"
COLD = {"string", "verify", "crc32", "seal", "table", "softmax", "wide_softmax", "requant"}
COLD |= {"units", "units_armv7em", "add_armv7m", "pool"}
"""The runtime's folder, and of its sources those that start before code is copied into RAM, those that run little, and
loops for cores that have a cache for them."""
THIRD_PARTY = "third_party"
_JOBS = 4
_OF_THE_COMPUTER = (
    "No space left on device", "File size limit exceeded", "Disk quota exceeded", "Read-only file system",
    "Permission denied", "Cannot allocate memory", "out of memory", "Input/output error", "File name too long",
    "Too many open files",
)  # fmt: skip
"""What a compiler says when it is not the program that is wrong."""
UNLIMITED = tuple(
    f"-Wl,--defsym={limit}"
    for limit in ("TR_FLASH_BYTES=0x10000000", "TR_RAM_BYTES=0x10000000", "TR_CODE_DATA=0xffffffff")
)
"""For a link that is to tell sizes and the bound of the stack, whether the program fits or not."""
NO_STACK = "-Wl,--defsym=TR_STACK_BYTES=0"
"""For the link that is to tell the bound: where code and data share RAM they must not overlap even in that one, as they
might behind more stack than the bound."""
STACK_SECTION = ".stack"
"""In the linker scripts of boards/common: what is reserved."""
_CODE_RAM = re.compile(
    r"region `CODE_RAM' overflowed|data reaches into the RAM of code|section \.hot VMA|overlaps section \.hot"
)
"""What a linker says, and cortex-m.ld, where code has no room in RAM."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a linked program: flash holds code, constants and initial data; RAM holds data, the reserved `stack`,
    and `code_in_ram`."""

    flash: int
    ram: int
    stack: int
    code_in_ram: int = 0


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
    hot: bool = False,
    stack_for: Callable[[Path], int] | None = None,
) -> Linked:
    """Compile `sources` and the board's own, link them as `name`.elf below `build_dir`; `hot`: with the runtime's code
    in the RAM that code runs from. `stack_for`: bytes to reserve for the stack of a program that was linked without
    limits; None: what board.toml says.

    ToolMissingError without the compiler; DoesNotFitError, with the sizes, when the link overflows the board's memory;
    HotTooLarge where code has no room in RAM; UsageError with the compiler's words where a board that is not edge-tr's
    own does not compile, or where files cannot be written; EdgeTrError, likewise, on any other failure.
    """
    try:
        return _compile_and_link(board, part, sources, include_dirs, build_dir, name, progress, hot, stack_for)
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
    hot: bool,
    stack_for: Callable[[Path], int] | None,
) -> Linked:
    gcc = _tool(board, "gcc")
    build_dir.mkdir(parents=True, exist_ok=True)
    own = list(sources)
    taken = {path.name for path in part.sources}
    files = [path for path in own if path.name not in taken] + list(part.sources)
    includes = [f"-I{path}" for path in (*include_dirs, *part.include_dirs)]
    objects = [build_dir / f"{name}-{index:02d}-{_object_name(path, hot)}" for index, path in enumerate(files)]
    commands = [
        [gcc, *OPTIMISATION, *part.cflags, *_warnings(source), *includes, "-c", str(source), "-o", str(target)]
        for source, target in zip(files, objects)
    ]
    with ThreadPoolExecutor(_JOBS) as pool:
        for done, _ in enumerate(pool.map(_run, commands), 1):
            progress(done, len(commands) + 1)
    elf = build_dir / f"{name}.elf"
    for last, flags in _placings(board, hot):
        try:
            _link_with_stack(board, _linked_by(part, *flags), gcc, objects, elf, stack_for)
            break
        except HotTooLarge:
            if last:
                raise
    progress(len(commands) + 1, len(commands) + 1)
    model_bytes = _seal_model(board, elf)
    image = _raw_image(board, elf) if board.toolchain.freestanding else None
    pieces = tuple(_pieces(name, dict(zip(map(str, objects), files)), elf.with_suffix(".map")))
    return Linked(elf, image, _sizes(board, elf), _symbols(board, elf), pieces, model_bytes)


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


def _object_name(source: Path, hot: bool) -> str:
    """After the source and its folder, which linker scripts tell the model's objects by, or what runs from RAM."""
    folder = source.resolve().parent.name
    from_ram = hot and folder == RUNTIME and source.stem.removeprefix("tr_") not in COLD
    return f"{source.stem}.{'hot' if from_ram else folder}.o"


def _seal_model(board: Board, elf: Path) -> int:
    """Fill in the model's seal; the bytes that it is of, 0 where nothing checks them."""
    sections = _sections(board, elf)
    if not sections.get(MODEL_SECTION) or not sections.get(SEAL_SECTION):
        return 0
    objcopy, part = _tool(board, "objcopy"), elf.with_suffix(".part")
    of = (f"--only-section={section}" for section in (HOT_SECTION, MODEL_SECTION))
    _run([objcopy, "-O", "binary", *of, str(elf), str(part)])
    model = part.read_bytes()
    part.write_bytes(image_format.model_seal(model))
    _run([objcopy, f"--update-section={SEAL_SECTION}={part}", str(elf)])
    part.unlink()
    return len(model)


def _link_command(part: Part, gcc: str, objects: Sequence[Path], elf: Path, limits: Sequence[str] = ()) -> list[str]:
    listing = "-Xlinker", f"-Map={elf.with_suffix('.map')}"
    return [gcc, *part.cflags, *map(str, objects), *part.ldflags, *limits, *listing, "-o", str(elf)]


def _link(board: Board, part: Part, gcc: str, objects: Sequence[Path], elf: Path) -> None:
    """Link within the board's memory; if that overflows, link without limits to say by how much."""
    if _linked_in(_link_command(part, gcc, objects, elf)):
        return
    _link_without_limits(part, gcc, objects, elf)
    sizes, symbols = _sizes(board, elf), _symbols(board, elf)
    elf.unlink()
    raise OverflowingLink(sizes, symbols)


def _placings(board: Board, hot: bool) -> list[tuple[bool, tuple[str, ...]]]:
    """Flags by where data may lie, those to try first at the front; and whether there is no other place left."""
    places = board.hot_flags if hot else ((),)
    return [(flags is places[-1], flags) for flags in places]


def _linked_by(part: Part, *flags: str) -> Part:
    return replace(part, ldflags=(*part.ldflags, *flags))


def _link_with_stack(
    board: Board, part: Part, gcc: str, objects: Sequence[Path], elf: Path, stack_for: Callable[[Path], int] | None
) -> None:
    """With the stack that `stack_for` says, see `compile_and_link`."""
    if stack_for is not None and board.toolchain.freestanding:
        _link_without_limits(_linked_by(part, NO_STACK), gcc, objects, elf)
        part = _linked_by(part, f"-Wl,--defsym=TR_STACK_BYTES={stack_for(elf):#x}")
    _link(board, part, gcc, objects, elf)


def _link_without_limits(part: Part, gcc: str, objects: Sequence[Path], elf: Path) -> None:
    command = _link_command(part, gcc, objects, elf, UNLIMITED)
    if not _linked_in(command):
        raise CompilerFailed(command, "the program is larger than an address space has room for")


def _linked_in(command: Sequence[str]) -> bool:
    """Whether the program has room in flash and RAM; HotTooLarge where its code has none in RAM."""
    done = _started(command)
    if done.returncode == 0:
        return True
    if _CODE_RAM.search(done.stderr):
        raise HotTooLarge(done.stderr)
    if "will not fit in region" not in done.stderr and "overflowed by" not in done.stderr:
        raise CompilerFailed(command, done.stderr)
    return False


class HotTooLarge(EdgeTrError):
    """The RAM that code runs from does not hold it, or data reaches into it."""


class OverflowingLink(DoesNotFitError):
    """The program was linked without limits, only to learn its sizes."""

    def __init__(self, sizes: Sizes, symbols: Mapping[str, int]) -> None:
        super().__init__(f"needs {sizes.flash} bytes of flash and {sizes.ram} bytes of RAM")
        self.sizes = sizes
        self.symbols = symbols


def _sizes(board: Board, elf: Path) -> Sizes:
    """From `size -A`: sections that are loaded, by where they live."""
    sections = _sections(board, elf)
    data, bss, hot = (
        sum(size for name, size in sections.items() if name.startswith(kind)) for kind in (".data", ".bss", HOT_SECTION)
    )
    constant = (".text", ".rodata", ".vectors", ".tr_", ".image", ".ARM", ".init", ".fini", ".eh_frame")
    code = sum(size for name, size in sections.items() if name.startswith(constant))
    stack = sections.get(STACK_SECTION, board.memory.stack_bytes)
    return Sizes(code + data + hot, data + bss + hot + stack, stack, hot)


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
