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
    stack_bytes: int  # of ram_bytes, reserved where no bound of the stack is known
    stack_margin_bytes: int = 128  # reserved beyond the bound of the stack, where one is known


@dataclass(frozen=True)
class Cache:
    """`lines` in sets of `ways` (0: one set), of which the least recently used gives way. A miss brings no more of a
    line than one access to flash gives."""

    lines: int
    line_bytes: int
    ways: int = 0


@dataclass(frozen=True)
class CodeRam:
    """RAM that code may run from without waiting, and that nothing else of a program lies in. `data`: where the same
    RAM is for loads and stores, None: there too."""

    origin: int
    bytes: int
    data: int | None = None

    @property
    def as_data(self) -> int:
        """Its first address for loads and stores."""
        return self.origin if self.data is None else self.data


@dataclass(frozen=True)
class Reads:
    """What the core reads code and constants through, as the board's own start-up leaves it.

    An access to flash gives `width` bytes and takes `wait_states` cycles more than one of RAM; with `prefetch` the next
    bytes of code are read meanwhile. `manual` names the sections that say so, `unverified` the figures whose source
    could not be read. `staging_percent`: of the RAM, what a build without a limit may fill with weights and code that
    are faster to read there.
    """

    clock_hz: int  # of the core
    wait_states: int
    width: int
    manual: str
    prefetch: bool = False
    code_cache: Cache | None = None
    data_cache: Cache | None = None
    unified: bool = False  # constants are read through code_cache too
    code_ram: CodeRam | None = None
    staging_percent: int = 25
    unverified: tuple[str, ...] = ()


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
    to the drive that the board shows (uf2, drive), by programs, of which the first that is installed is run, or to
    MCUboot (mcumgr)."""

    protocol: Literal["an3155", "uf2", "drive", "command", "mcumgr", "none"]
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
class Mcuboot:
    """What MCUboot wants of an image: its header lies before [memory] flash_origin, at the beginning of the slot."""

    slot_bytes: int
    header_bytes: int
    align: int = 4  # of writes to flash: 1, 2, 4, 8, 16 or 32
    key: str | None = (
        None  # file of the private key, relative to the board's folder; without it images have a hash only
    )


@dataclass(frozen=True)
class Emulator:
    """A program that runs the board and serves its UART on TCP.

    In `arguments` are filled in

    listener      number of the inherited listening socket on which the UART is served
    flash loader  file behind the emulated flash; our loader's ELF
    image         what is placed at flash_origin
    image_hex     the same as Intel HEX
    boot          what lies before it, where the build has such a thing
    common        the folder of what boards share
    modules       where packages of npm are, in its node_modules

    The program prints "waiting for connection", and starts the board with the first one.
    """

    program: str
    package: str
    arguments: tuple[str, ...]
    flash_file_bytes: int = 0  # size of {flash}, the file behind the emulated flash; 0: none, the image is placed
    placed: str = ""  # why the emulator places the image; "" if our loader writes it
    instructions_per_tick: str = "1"  # of tr_board_ticks(), for example "5/8"; "0": ticks are no instructions
    cycles_per_tick: str = "0"  # likewise, where the emulator counts the core's cycles
    modules: tuple[str, ...] = ()  # packages of npm that the program needs


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
