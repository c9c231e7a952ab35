"""The tables of a board.toml as dataclasses, its schema: a key is a field, one without a default is required."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Verified = Literal["hardware", "emulator", "builds"]
Parity = Literal["none", "even"]
Ticks = Literal["time", "instructions", "nothing"]


@dataclass(frozen=True)
class Toolchain:
    """The compiler and its options."""

    prefix: str  # of the compiler's program, for example "arm-none-eabi-"; gcc follows
    package: str  # the Debian package that contains it
    cflags: tuple[str, ...] = ()  # options for the core
    freestanding: bool = True  # false: the program is a process of the host and uses its C library


@dataclass(frozen=True)
class Memory:
    """The memory that the application may use; the linker and `build` enforce these limits."""

    flash_origin: int  # address at which the image begins
    flash_bytes: int  # size from there on
    ram_origin: int  # address of RAM
    ram_bytes: int  # size of RAM
    stack_bytes: int  # the part of ram_bytes that is reserved for the stack if no bound of the stack is known
    stack_margin_bytes: int = 128  # reserved in addition to the bound of the stack if one is known


@dataclass(frozen=True)
class Cache:
    """A cache that replaces the least recently used line of a set. A miss loads only as much of a line as one access to
    flash returns."""

    lines: int  # number of lines
    line_bytes: int  # size of a line
    ways: int = 0  # lines in a set; 0: all lines are one set


@dataclass(frozen=True)
class CodeRam:
    """RAM from which code runs without waiting, and which holds nothing else of a program."""

    origin: int  # address for fetching code
    bytes: int  # size
    data: int | None = None  # address of the same RAM for loads and stores, if it is a different one

    @property
    def as_data(self) -> int:
        """Its first address for loads and stores."""
        return self.origin if self.data is None else self.data


@dataclass(frozen=True)
class Reads:
    """The memory through which the core reads code and constants, as the board's own start-up sets it up."""

    clock_hz: int  # clock of the core
    wait_states: int  # cycles that an access to flash takes in addition to those of an access to RAM
    width: int  # bytes that one access to flash returns
    manual: str  # the sections of the manual that say so
    prefetch: bool = False  # the next bytes of code are read while the core executes
    code_cache: Cache | None = None  # the cache for code
    data_cache: Cache | None = None  # the cache for constants
    unified: bool = False  # constants are also read through code_cache
    code_ram: CodeRam | None = None  # RAM for code
    staging_percent: int = 25  # how much of the RAM a build without a limit may fill with copies of weights and code
    unverified: tuple[str, ...] = ()  # figures whose source could not be read


@dataclass(frozen=True)
class Sources:
    """C files and the linker script, relative to the board's folder."""

    files: tuple[str, ...]  # C files of the application and of the loader
    loader_files: tuple[str, ...] = ()  # more C files, of the loader only
    linker_script: str | None = None  # of the application


@dataclass(frozen=True)
class Loader:
    """Where edge-tr's second-stage loader lies. A board without this table has a ROM loader or none."""

    origin: int  # address
    bytes: int  # size that is reserved for it
    wait_ms: int  # how long it waits for a host after reset before it starts a good image (the board's milliseconds)
    timeout_ms: int  # silence inside a request after which it waits for a new one (the board's milliseconds)


@dataclass(frozen=True)
class Link:
    """The application's serial port."""

    baud: int  # bits per second
    parity: Parity = "none"  # parity bit
    usb: tuple[str, ...] = ()  # vendor and product ids of the board's USB adapter, for example "0483:374b"


@dataclass(frozen=True)
class Pages:
    """Consecutive erasable pages of one size; the first page of the first entry lies at flash_origin."""

    count: int  # number of pages
    bytes: int  # size of a page


@dataclass(frozen=True)
class Command:
    """A flasher that somebody else wrote, run as a program.

    In `arguments`, {elf} {bin} {hex} {uf2} are files of the build, {port} is the serial port, {address} is the address
    at which {bin} begins for the core, and {offset} is its distance from the beginning of flash.
    """

    program: str  # name of the program
    install: str  # how to install it, for example "pip install esptool"
    arguments: tuple[str, ...]  # of the program


@dataclass(frozen=True)
class Flash:
    """How the image gets into the board: through a loader that speaks AN3155 (an3155), by copying the build's UF2 or
    HEX file to the drive that the board shows (uf2, drive), by the first of several programs that is installed
    (command), or through MCUboot (mcumgr)."""

    protocol: Literal["an3155", "uf2", "drive", "command", "mcumgr", "none"]  # how the board is flashed
    product_id: int = 0  # the chip's answer to Get ID
    baud: int = 115200  # bits per second to the loader
    parity: Parity = "even"  # parity bit to the loader
    pages: tuple[Pages, ...] = ()  # erasable pages, numbered from 0; an image that ends behind them needs a mass erase
    enter: tuple[str, ...] = ()  # steps that start the ROM loader: "rts=1", "dtr=0", "wait=50" (ms)
    leave: tuple[str, ...] = ()  # steps that start the application again
    help: str = "reset the board and try again"  # what to do if the loader does not answer
    usb: tuple[str, ...] = ()  # USB ids of the port for flashing, if it is not the one of [link]
    base: int | None = None  # address of flash's first byte, if it is not flash_origin
    family: int = 0  # family id of UF2 files
    drive: str = ""  # label of the drive
    commands: tuple[Command, ...] = ()  # programs in order of preference; used if there is no drive or none is found


@dataclass(frozen=True)
class Boot:
    """What the chip's ROM needs in front of the image; it is linked separately."""

    origin: int  # address
    bytes: int  # size
    files: tuple[str, ...]  # C files, relative to the board's folder
    linker_script: str  # relative to the board's folder
    checksum: Literal["none", "rp2040"] = "none"  # rp2040: CRC-32, most significant bit first, in the last four bytes


@dataclass(frozen=True)
class Mcuboot:
    """What MCUboot requires of an image. Its header lies in front of flash_origin, at the beginning of the slot."""

    slot_bytes: int  # size of the first slot
    header_bytes: int  # size of the header
    align: int = 4  # alignment of writes to flash: 1, 2, 4, 8, 16 or 32
    key: str | None = (
        None  # file of the private key, relative to the board's folder; without it, images only have a hash
    )


@dataclass(frozen=True)
class Emulator:
    """A program that runs the board and serves its UART on TCP.

    In `arguments`, these names in braces are replaced:

    listener      number of the inherited listening socket on which the UART is served
    flash         the file that stands for the emulated flash
    loader        the ELF file of edge-tr's loader
    image         the file of the image, which is placed at flash_origin
    image_hex     the same image as Intel HEX
    boot          what lies in front of the image, if the board has [boot]
    common        the folder of files that boards share
    modules       the folder whose node_modules holds npm packages

    The program prints "waiting for connection", and starts the board when the first client connects.
    """

    program: str  # name of the program
    package: str  # the Debian package that contains it
    arguments: tuple[str, ...]  # of the program
    flash_file_bytes: int = 0  # size of {flash}; 0: there is no such file, and the emulator places the image
    placed: str = ""  # the reason why the emulator places the image; empty if edge-tr's loader writes it
    instructions_per_tick: str = "1"  # instructions in a tick of tr_board_ticks(), for example "5/8"; "0": not counted
    cycles_per_tick: str = "0"  # cycles of the core in a tick, if the emulator counts cycles
    modules: tuple[str, ...] = ()  # npm packages that the program needs


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
