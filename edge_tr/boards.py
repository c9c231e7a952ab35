"""Boards are data: a folder with a `board.toml`, C sources and a linker script.

`load` validates the file against the dataclasses below, which are its schema:
a table is a dataclass, a key is a field, a field without a default is required.
All problems of a file are reported at once. Nothing else in the project knows
a board by its name.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from edge_tr import resources
from edge_tr.errors import UsageError
from edge_tr.files import registered
from edge_tr.files.reading import brief, is_file, read_toml
from edge_tr.files.tables import as_dataclass
from edge_tr.formats import image

MONOCYPHER = "third_party/monocypher"
VERSION_PAGES = 2
"""Pages at the end of flash for the versions of signed images."""

Verified = Literal["hardware", "emulator", "builds"]
Parity = Literal["none", "even"]


@dataclass(frozen=True)
class Toolchain:
    """The compiler: `prefix` + gcc of Debian's `package`, with the core's own flags."""

    prefix: str
    package: str
    cflags: tuple[str, ...] = ()
    freestanding: bool = True  # False: the host's own process with its C library


@dataclass(frozen=True)
class Memory:
    """What the application may use. The linker and `build` hold it to these limits (addresses and bytes)."""

    flash_origin: int
    flash_bytes: int
    ram_origin: int
    ram_bytes: int
    stack_bytes: int  # of ram_bytes


@dataclass(frozen=True)
class Sources:
    """C files and the linker script, relative to the board's folder."""

    files: tuple[str, ...]
    loader_files: tuple[str, ...] = ()  # besides, in the loader only
    linker_script: str | None = None


@dataclass(frozen=True)
class Loader:
    """Where our second-stage loader lies; a board without this table has a ROM loader or none."""

    origin: int
    bytes: int
    wait_ms: int  # after reset, for a host, before a good image is started (the board's own milliseconds)
    timeout_ms: int  # of silence inside a request, after which the loader waits for a new one (likewise)


@dataclass(frozen=True)
class Link:
    """The application's serial port."""

    baud: int
    parity: Parity = "none"
    usb: tuple[str, ...] = ()  # "0483:374b": USB ids of the adapter that the board has for it, vendor and product


@dataclass(frozen=True)
class Pages:
    """A run of erasable pages of one size; the first page of the first run lies at flash_origin."""

    count: int
    bytes: int


@dataclass(frozen=True)
class Command:
    """A flasher that somebody else wrote, run as a program.

    In `arguments`, {elf} {bin} {hex} {uf2} are files of the build, {port} is the serial port; {address} is where {bin}
    begins for the core, {offset} how far from the beginning of flash.
    """

    program: str
    install: str  # what a person does who has it not: "pip install esptool"
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Flash:
    """How the image gets into the board: through a loader that speaks AN3155, by a copy of the build's UF2 or HEX file
    to the drive that the board shows (uf2, drive), or by programs, of which the first that is installed is run."""

    protocol: Literal["an3155", "uf2", "drive", "command", "none"]
    product_id: int = 0  # what Get ID answers
    baud: int = 115200
    parity: Parity = "even"
    pages: tuple[Pages, ...] = ()  # numbered from 0; an image that reaches past them needs a mass erase
    enter: tuple[str, ...] = ()  # steps into the ROM loader: "rts=1", "dtr=0", "wait=50" (ms)
    leave: tuple[str, ...] = ()  # and back to the application
    help: str = "reset the board and try again"  # what a person does when the loader does not answer
    usb: tuple[str, ...] = ()  # of the port that is flashed through, where that is not [link]'s
    base: int | None = None  # address of flash's first byte; None: flash_origin
    family: int = 0  # of UF2 files
    drive: str = ""  # label of the drive
    commands: tuple[Command, ...] = ()  # by preference; after the drive, where there is one


@dataclass(frozen=True)
class Boot:
    """What the chip's ROM wants to find before the image, linked by itself."""

    origin: int
    bytes: int
    files: tuple[str, ...]
    linker_script: str
    checksum: Literal["none", "rp2040"] = "none"  # rp2040: CRC-32, most significant bit first, in the last four bytes


@dataclass(frozen=True)
class Emulator:
    """A program that runs the board and serves its UART on TCP.

    In `arguments`, {serial} {flash} {loader} {image} {ram_origin} and so on are filled in. The program prints
    "...127.0.0.1:PORT" and waits for a connection before the board starts.
    """

    program: str
    package: str
    arguments: tuple[str, ...]
    flash_file_bytes: int = 0  # size of {flash}, the file behind the emulated flash; 0: none, the image is placed
    placed: str = ""  # why the emulator places the image; "" if our loader writes it
    instructions_per_tick: str = "1"  # of tr_board_ticks(), for example "5/8"; "0": ticks are no instructions


@dataclass(frozen=True)
class Slots:
    """How flash is divided where the loader has a key: an image with its signature, its copy, two pages of versions."""

    bytes: int  # of each slot; of all but the versions, where the image is too large for two
    backup: int | None  # address of the copy
    versions: int  # address


@dataclass(frozen=True)
class Trust:
    """Whose images a loader starts: a public Ed25519 key of 32 bytes, and where they lie."""

    public_key: bytes
    slots: Slots


@dataclass(frozen=True)
class Part:
    """One thing to compile for a board, application or loader: what goes to the compiler besides -O and warnings."""

    sources: tuple[Path, ...]
    include_dirs: tuple[Path, ...]
    cflags: tuple[str, ...]
    ldflags: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """A validated board.toml."""

    name: str
    description: str
    core: str
    verified: Verified
    manuals: tuple[str, ...]
    toolchain: Toolchain
    memory: Memory
    sources: Sources
    link: Link
    flash: Flash
    loader: Loader | None = None
    boot: Boot | None = None
    emulator: Emulator | None = None
    counts_on: str | None = None  # the emulated board that costs are counted on, where there is no emulator
    unverified: tuple[str, ...] = ()  # registers and figures whose source could not be read, or that nobody tried
    folder: Path = dataclasses.field(default=Path(), metadata={"toml": False})

    @property
    def board_id(self) -> int:
        """What the image header and the loader know the board by."""
        return image.board_id(self.name)

    @property
    def instructions_per_tick(self) -> Fraction | None:
        """Factor from counter ticks to instructions under the emulator; None if there is none."""
        return Fraction(self.emulator.instructions_per_tick) or None if self.emulator else None

    @property
    def flash_offset(self) -> int:
        """Bytes from the beginning of flash to the image."""
        return 0 if self.flash.base is None else self.memory.flash_origin - self.flash.base

    @property
    def boot_block(self) -> Part | None:
        """What lies before the image; None for boards whose ROM starts it as it is."""
        if self.boot is None:
            return None
        files = self._files(self.boot.files)
        return self._part(files, self.boot.origin, self.boot.bytes, {}, self.boot.linker_script)

    @property
    def application(self) -> Part:
        """The board's share of an application: drivers, start-up, memory functions."""
        files = self._files(self.sources.files)
        if self.toolchain.freestanding:
            files += (_firmware("src/tr_string.c"),)
        return self._part(files, self.memory.flash_origin, self.memory.flash_bytes, {})

    @property
    def second_stage(self) -> Part | None:
        """All of our loader; None for boards without one."""
        return self.loader_for(None)

    def loader_for(self, trust: Trust | None) -> Part | None:
        """The loader that starts any whole image, or only those that `trust` says."""
        if self.loader is None:
            return None
        files = self._files(self.sources.files + self.sources.loader_files)
        files += tuple(_firmware(name) for name in ("src/tr_string.c", "src/tr_crc32.c"))
        files += tuple(sorted(_firmware("boot").glob("*.c")))
        defines: dict[str, int | str] = {
            "TR_LOADER": 1,
            "TR_IMAGE_ORIGIN": self.memory.flash_origin,
            "TR_IMAGE_BYTES": self.memory.flash_bytes,
            "TR_FLASH_BYTES": self.memory.flash_bytes,
            "TR_PAGE_BYTES": self.flash.pages[0].bytes,
            "TR_PRODUCT_ID": self.flash.product_id,
            "TR_BOARD_ID": self.board_id,
            "TR_BOOT_WAIT_MS": self.loader.wait_ms,
            "TR_BOOT_TIMEOUT_MS": self.loader.timeout_ms,
        }
        if trust is not None:
            files += tuple(sorted(_firmware(MONOCYPHER).glob("*.c")))
            defines |= self._trusting(trust)
        part = self._part(files, self.loader.origin, self.loader.bytes, defines)
        return part if trust is None else replace(part, include_dirs=(*part.include_dirs, _firmware(MONOCYPHER)))

    def _trusting(self, trust: Trust) -> dict[str, int | str]:
        """Where addresses are the whole board's, however little of it a build may use."""
        slots = trust.slots
        defines: dict[str, int | str] = {"TR_IMAGE_BYTES": slots.bytes, "TR_VERSIONS": slots.versions}
        defines |= {"TR_FLASH_BYTES": self._page_bytes, "TR_SIGNING_KEY": ",".join(map(hex, trust.public_key))}
        return defines if slots.backup is None else defines | {"TR_BACKUP": slots.backup}

    @property
    def _page_bytes(self) -> int:
        """Of all pages."""
        return sum(run.count * run.bytes for run in self.flash.pages)

    def slots(self, image_bytes: int = 0) -> Slots:
        """For a signed image of that size, and all that are no larger than half of flash if it is not."""
        page, origin = self.flash.pages[0].bytes, self.memory.flash_origin
        room = self._page_bytes - VERSION_PAGES * page
        half = room // 2 // page * page
        if image_bytes > half:
            return Slots(room, None, origin + room)
        return Slots(half, origin + half, origin + room)

    def _files(self, names: tuple[str, ...]) -> tuple[Path, ...]:
        return tuple(self.file(name) for name in names)

    def file(self, name: str) -> Path:
        """A file that board.toml names, relative to the board's folder; what is not there is looked for as if the
        folder lay among the boards that ship, so that `../common/` is theirs wherever the folder is."""
        own = (self.folder / name).resolve()
        return own if is_file(own) else (resources.folder("boards") / "any" / name).resolve()

    def _part(
        self,
        sources: tuple[Path, ...],
        origin: int,
        size: int,
        defines: Mapping[str, int | str],
        linker_script: str | None = None,
    ) -> Part:
        defines = {"TR_BAUD": self.link.baud, "TR_PARITY_EVEN": int(self.link.parity == "even"), **defines}
        cflags = (*self.toolchain.cflags, "-std=c11", *(_define(*item) for item in defines.items()))
        ldflags: tuple[str, ...] = ()
        linker_script = linker_script or self.sources.linker_script
        script = ("-T", str(self.file(linker_script))) if linker_script else ()
        if self.toolchain.freestanding:
            cflags += ("-ffreestanding", "-fno-common", "-ffunction-sections", "-fdata-sections")
            ldflags = ("-nostdlib", "-nostartfiles", "-static", "-Wl,--gc-sections", "-Wl,--build-id=none")
            ldflags += tuple(f"-Wl,--defsym={name}={value:#x}" for name, value in self._symbols(origin, size).items())
            ldflags += (*script, "-lgcc")
        else:  # at addresses that are known when the model is sealed
            cflags, ldflags = (*cflags, "-fno-pie"), ("-no-pie", *script)
        common = (self.folder.parent / "common", resources.folder("boards") / "common")
        return Part(sources, (_firmware("include"), *filter(Path.is_dir, common)), cflags, ldflags)

    def _symbols(self, origin: int, size: int) -> dict[str, int]:
        return {
            "TR_FLASH_ORIGIN": origin,
            "TR_FLASH_BYTES": size,
            "TR_RAM_ORIGIN": self.memory.ram_origin,
            "TR_RAM_BYTES": self.memory.ram_bytes,
            "TR_STACK_BYTES": self.memory.stack_bytes,
        }


def _define(name: str, value: int | str) -> str:
    return f"-D{name}={value}" if isinstance(value, str) else f"-D{name}={value}u"


def _firmware(path: str) -> Path:
    return resources.folder("firmware") / path


def names() -> tuple[str, ...]:
    """All boards that ship with edge-tr, sorted."""
    return tuple(sorted(path.parent.name for path in resources.folder("boards").glob("*/board.toml")))


def load(name: str) -> Board:
    """The board called `name`, one that the user has registered under it, or the one in the folder of that path;
    UsageError with what is wrong."""
    folder = resources.folder("boards") / name
    if name not in names():
        folder = registered.folders().get(name, Path(name))
        if not is_file(folder / "board.toml"):
            raise UsageError(_unknown(name))
    return _load(folder.resolve())


def _unknown(name: str) -> str:
    gone = registered.folders().get(name)
    if gone is not None:
        return f"{gone} has no board.toml any more: put it back, or edge-tr boards --remove {name}"
    known = sorted(path.parent.name for path in resources.folder("boards").glob("*/*.toml"))
    known += sorted(registered.folders())
    close = difflib.get_close_matches(brief(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"unknown board {brief(name)!r}: {hint} (or give the path of a folder with a board.toml)"


def register(folder: Path) -> Board:
    """Make a user's board known by its name; UsageError if it is not valid, or the name is taken."""
    if not is_file(folder / "board.toml"):
        raise UsageError(f"{folder} has no board.toml: docs/boards.md says what a board's folder holds")
    board = _load(folder.resolve())
    if board.name in names():
        raise UsageError(f"{board.name} is a board of edge-tr's: give yours another name")
    registered.add(board.name, board.folder)
    return board


def ships(board: Board) -> bool:
    """Whether it is one of edge-tr's own."""
    return board.folder.parent == resources.folder("boards").resolve()


@functools.cache
def _load(folder: Path) -> Board:
    path = folder / "board.toml"
    try:
        table = read_toml(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    problems: list[str] = []
    board = as_dataclass(Board, table, "", problems)
    if not problems:
        board = dataclasses.replace(board, folder=folder)
        problems += _inconsistencies(board)
    if problems:
        raise UsageError(f"{path}:\n" + "\n".join(f"  {problem}" for problem in problems))
    return board


def _inconsistencies(board: Board) -> Iterator[str]:
    """What no single key shows."""
    yield from _flash_inconsistencies(board)
    if board.name != board.folder.name:
        yield f"name: {board.name!r} is not the folder's name {board.folder.name!r}"
    paths = [*board.sources.files, *board.sources.loader_files]
    paths += [board.sources.linker_script] if board.sources.linker_script else []
    paths += [*board.boot.files, board.boot.linker_script] if board.boot else []
    yield from (f"sources: no file {path}" for path in paths if not is_file(board.file(path)))
    if board.toolchain.freestanding and board.sources.linker_script is None:
        yield "sources.linker_script: needed, because toolchain.freestanding"
    if board.loader and not (board.flash.protocol == "an3155" and board.flash.pages):
        yield 'loader: needs flash.protocol = "an3155" and flash.pages'
    if (board.verified == "emulator") != (board.emulator is not None) and board.verified != "hardware":
        yield f"verified: {board.verified!r} does not go with {'an' if board.emulator else 'no'} emulator"
    if board.emulator is None and board.counts_on is None:
        yield "counts_on: needed where there is no [emulator]"
    if board.emulator and bool(board.emulator.placed) == (board.loader is not None):
        yield "emulator.placed: needed without a [loader], and wrong with one"
    if board.emulator and not _is_fraction(board.emulator.instructions_per_tick):
        yield f"emulator.instructions_per_tick: {board.emulator.instructions_per_tick!r} is not like 1 or 5/8"
    yield from _overlaps(board)


_PLACES = {"elf", "bin", "hex", "uf2", "address", "offset", "port"}


def _flash_inconsistencies(board: Board) -> Iterator[str]:
    flash = board.flash
    if flash.protocol in ("uf2", "drive") and not flash.drive:
        yield f"flash.drive: needed for flash.protocol = {flash.protocol!r}"
    if flash.protocol == "uf2" and not flash.family:
        yield 'flash.family: needed for flash.protocol = "uf2"'
    if flash.protocol == "command" and not flash.commands:
        yield 'flash.commands: needed for flash.protocol = "command"'
    if flash.base is not None and flash.base > board.memory.flash_origin:
        yield "flash.base: behind memory.flash_origin"
    for ids in (*flash.usb, *board.link.usb):
        if not re.fullmatch("[0-9a-f]{4}:[0-9a-f]{4}", ids):
            yield f"usb: {ids!r} is not like 0483:374b"
    for command in flash.commands:
        for argument in command.arguments:
            unknown = set(re.findall(r"{(.*?)}", argument)) - _PLACES
            if unknown:
                yield f"flash.commands: {argument!r} of {command.program} has no {', '.join(sorted(_PLACES))} in braces"


def _is_fraction(text: str) -> bool:
    try:
        return Fraction(text) >= 0
    except (ValueError, ZeroDivisionError):
        return False


def _overlaps(board: Board) -> Iterator[str]:
    memory = board.memory
    regions = {
        "flash": (memory.flash_origin, memory.flash_bytes),
        "ram": (memory.ram_origin, memory.ram_bytes),
    }
    if board.boot:
        regions["boot"] = (board.boot.origin, board.boot.bytes)
    if board.loader:
        regions["loader"] = (board.loader.origin, board.loader.bytes)
    items = sorted(regions.items(), key=lambda item: item[1])
    for (low, (start, size)), (high, (next_start, _)) in itertools.pairwise(items):
        if start + size > next_start:
            yield f"memory: {low} and {high} overlap"
    if memory.stack_bytes > memory.ram_bytes:
        yield "memory.stack_bytes: more than ram_bytes"
