"""A board: its tables, and what follows from them for compilers and loaders."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from edge_tr import resources
from edge_tr.boards.tables import (
    Boot,
    CodeRam,
    Emulator,
    Flash,
    Link,
    Loader,
    Mcuboot,
    Memory,
    Part,
    Reads,
    Slots,
    Sources,
    Ticks,
    Toolchain,
    Trust,
    Verified,
)
from edge_tr.files.reading import is_file
from edge_tr.formats import image

MONOCYPHER = "third_party/monocypher"
VERSION_PAGES = 2
"""Pages at the end of flash for the versions of signed images."""


@dataclass(frozen=True)
class Board:
    """A validated board.toml."""

    name: str  # the name of the folder
    description: str  # board and chip in a line
    core: str  # whose code and costs are used, for example "cortex-m4"
    verified: Verified  # what the board's code was run on; "builds": nothing
    manuals: tuple[str, ...]  # titles of the manuals that the facts are from
    toolchain: Toolchain  # the compiler
    memory: Memory  # flash and RAM
    sources: Sources  # C files and linker script
    link: Link  # the application's serial port
    flash: Flash  # how the board is flashed
    loader: Loader | None = None  # where edge-tr's loader lies, if the board has it
    boot: Boot | None = None  # what the chip's ROM needs in front of the image
    mcuboot: Mcuboot | None = None  # what MCUboot requires, if the board has it
    emulator: Emulator | None = None  # the program that emulates the board
    reads: Reads | None = None  # caches and wait states; without this table nothing waits
    counts_on: str | None = None  # for a board without an emulator: the emulated board on which costs are counted
    ticks: Ticks = "time"  # what tr_board_ticks() counts
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
    def cycles_per_tick(self) -> Fraction | None:
        """Factor from counter ticks to the core's cycles under the emulator; None if it counts none."""
        return Fraction(self.emulator.cycles_per_tick) or None if self.emulator else None

    @property
    def flash_offset(self) -> int:
        """Bytes from the beginning of flash to the image."""
        return 0 if self.flash.base is None else self.memory.flash_origin - self.flash.base

    @property
    def clock_mhz(self) -> float | None:
        """Of the core, as start-up code sets it; None where board.toml does not say."""
        return self.reads.clock_hz / 1e6 if self.reads else None

    @property
    def doubts(self) -> tuple[str, ...]:
        """All that is unverified."""
        return self.unverified + (self.reads.unverified if self.reads else ())

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
            ldflags += tuple(_symbol(*item) for item in self._symbols(origin, size).items())
            ldflags += (*script, "-lgcc")
        else:  # at addresses that are known when the model is sealed
            cflags, ldflags = (*cflags, "-fno-pie"), ("-no-pie", *script)
        common = (self.folder.parent / "common", resources.folder("boards") / "common")
        return Part(sources, (_firmware("include"), *filter(Path.is_dir, common)), cflags, ldflags)

    @property
    def code_ram(self) -> CodeRam | None:
        """RAM that code runs from faster than from flash."""
        return self.reads.code_ram if self.reads else None

    @property
    def data_beside_code(self) -> tuple[tuple[int, int], ...]:
        """Where a program's data may begin and must end, so that code has `code_ram` for itself: below it, where a
        stack that overflows leaves RAM, and above it if there is more."""
        memory, code = self.memory, self.code_ram
        below = memory.ram_origin, code.as_data
        above = code.as_data + code.bytes, memory.ram_origin + memory.ram_bytes
        return (below, above) if above[1] - above[0] > below[1] - below[0] else (below,)

    @property
    def hot_flags(self) -> tuple[tuple[str, ...], ...]:
        """For the linker, of a program whose code runs from `code_ram`, by places of its data."""
        places = self.data_beside_code
        return tuple((_symbol("TR_RAM_ORIGIN", begin), _symbol("TR_CODE_DATA", end)) for begin, end in places)

    def _symbols(self, origin: int, size: int) -> dict[str, int]:
        code = self.code_ram or CodeRam(self.memory.ram_origin, 0)
        return {
            "TR_CODE_ORIGIN": code.origin,
            "TR_CODE_BYTES": code.bytes,
            "TR_CODE_DATA": code.as_data,
            "TR_FLASH_ORIGIN": origin,
            "TR_FLASH_BYTES": size,
            "TR_RAM_ORIGIN": self.memory.ram_origin,
            "TR_RAM_BYTES": self.memory.ram_bytes,
            "TR_STACK_BYTES": self.memory.stack_bytes,
        }


def _define(name: str, value: int | str) -> str:
    return f"-D{name}={value}" if isinstance(value, str) else f"-D{name}={value}u"


def _symbol(name: str, value: int) -> str:
    return f"-Wl,--defsym={name}={value:#x}"


def _firmware(path: str) -> Path:
    return resources.folder("firmware") / path
