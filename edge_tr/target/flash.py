"""Put an image into a board: through a loader that speaks AN3155, or by the emulator.

The block with the vector table and the image header is written last, after
the rest was read back: an interrupted transfer never leaves anything bootable,
neither for our loader (which also checks the CRC) nor for an STM32 from reset.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import serial

from edge_tr.boards import Board
from edge_tr.errors import DeviceError, UsageError
from edge_tr.formats import image as image_format
from edge_tr.formats.schema import FormatError
from edge_tr.target import an3155
from edge_tr.target.emulator import emulate, image_file
from edge_tr.target.port import open_port

Progress = Callable[[int, int], None]  # bytes done, bytes in all
BLOCK_TRIES = 4
ENTER_TRIES = 3  # where modem lines can reset the board
EMULATOR_TRIES = 3
_WORD = 8  # flash of STM32L4 and G0 is programmed by double words


@dataclass(frozen=True)
class FlashResult:
    """What was done; `method` is a sentence for people."""

    target: str
    method: str
    port: str | None
    image_bytes: int
    verified: bool  # read back and equal
    seconds: float


class NoLoader(DeviceError):
    """Nothing at the port speaks AN3155."""


def flash(
    board: Board,
    image: bytes,
    port: str | None,
    state_dir: Path,
    *,
    loader_elf: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> FlashResult:
    """Write, verify and start `image`, as `image.seal` gave it; DeviceError with cause and remedy.

    Without a port the board's emulator is started for it, and the flash's contents stay in `state_dir`.
    """
    start = time.monotonic()
    if port is not None:
        _require_protocol(board)
        _check(board, image)
        _program(board, image, port, progress)
        method = f"AN3155 through {port}"
    elif board.loader is not None:
        _check(board, image)
        _program_emulated(board, image, state_dir, loader_elf, progress)
        method = "AN3155 through the emulated UART, by our second-stage loader"
    elif board.emulator is not None:
        if board.toolchain.freestanding:  # the host's program has no header
            _check(board, image)
        _place(image, state_dir)
        progress(len(image), len(image))
        method = f"placed by the emulator: {board.emulator.placed}"
    else:
        raise UsageError(f"{board.name} has no emulator: connect the board and give its --port")
    by_loader = port is not None or board.loader is not None
    return FlashResult(board.name, method, port, len(image), by_loader, time.monotonic() - start)


def _require_protocol(board: Board) -> None:
    if board.flash.protocol == "none":
        raise UsageError(f"{board.name} is not flashed through a port: leave out --port")


def _check(board: Board, image: bytes) -> None:
    """Nothing is sent that the board could not start."""
    try:
        header = image_format.check(image)
    except FormatError as error:
        raise DeviceError(f"the image is damaged: {error}; build again") from error
    if header["board_id"] != board.board_id or header["load_address"] != board.memory.flash_origin:
        raise DeviceError(f"the image was built for another board than {board.name}: build again")


def _place(image: bytes, state_dir: Path) -> None:
    state_dir.mkdir(parents=True, exist_ok=True)
    file = image_file(state_dir)
    file.unlink(missing_ok=True)  # a running host board keeps its own
    file.write_bytes(image)
    file.chmod(0o755)


def _program_emulated(board: Board, image: bytes, state_dir: Path, loader_elf: Path | None, progress: Progress) -> None:
    """On a busy computer the loader may have stopped waiting before the first byte came: start it once more."""
    for left in reversed(range(EMULATOR_TRIES)):
        with emulate(board, state_dir, loader_elf=loader_elf) as running:
            try:
                return _program(board, image, running.url, progress)
            except DeviceError as error:
                if not (left and isinstance(error, NoLoader)):
                    raise running.explain(str(error)) from error


def _program(board: Board, image: bytes, url: str, progress: Progress) -> None:
    writer = _Writer(board, image, progress)
    with open_port(url, board.flash.baud, board.flash.parity) as port:
        try:
            writer.run(port)
        except (serial.SerialException, OSError) as error:
            raise DeviceError(
                f"the connection was lost after {writer.done} of {len(image)} bytes ({error}): "
                "check the cable and flash again"
            ) from error
        except an3155.Refused as error:
            raise DeviceError(
                f"the loader refused {error}: clear the chip's read-out and write protection, then flash again"
            ) from error
        except an3155.Silent as error:
            raise DeviceError(
                f"the loader stopped answering after {writer.done} of {len(image)} bytes ({error}): "
                f"{board.flash.help}, then flash again"
            ) from error


class _Writer:
    """One transfer: enter the loader, identify, erase, write, verify, go."""

    def __init__(self, board: Board, image: bytes, progress: Progress) -> None:
        self._board = board
        self._image = image + b"\xff" * (-len(image) % _WORD)
        self._progress = progress
        self._moved = 0  # bytes written and bytes read back

    @property
    def done(self) -> int:
        """Bytes of the image that are through, a written one counting half until it is read back."""
        return min(self._moved, 2 * len(self._image)) // 2

    def run(self, port: serial.SerialBase) -> None:
        """All of it; ProtocolError, SerialException or DeviceError."""
        loader = self._enter(port)
        self._identify(loader)
        self._erase(loader)
        first, *rest = range(0, len(self._image), an3155.BLOCK)
        for offsets in (rest, [first]):
            for offset in offsets:
                self._write(loader, offset)
            for offset in offsets:
                self._verify(loader, offset)
        _apply(port, self._board.flash.leave)
        if not self._board.flash.leave:
            loader.go(self._board.memory.flash_origin)

    def _enter(self, port: serial.SerialBase) -> an3155.Loader:
        loader = an3155.Loader(port)
        for _ in range(ENTER_TRIES if self._board.flash.enter else 1):
            _apply(port, self._board.flash.enter)
            try:
                loader.synchronise()
                missing = {an3155.READ_MEMORY, an3155.WRITE_MEMORY, an3155.EXTENDED_ERASE} - loader.commands()
            except an3155.ProtocolError:
                continue
            if missing:
                raise DeviceError(f"the loader of this chip is too old: it lacks command {min(missing):#04x}")
            return loader
        raise NoLoader(f"no loader answers at {port.port}: {self._board.flash.help}")

    def _identify(self, loader: an3155.Loader) -> None:
        found, wanted = loader.product_id(), self._board.flash.product_id
        if found != wanted:
            raise DeviceError(
                f"the chip at the port has product id {found:#05x}, {self._board.name} has {wanted:#05x}: "
                "choose that board's port, or build for the board you have"
            )

    def _erase(self, loader: an3155.Loader) -> None:
        pages = _pages(self._board, len(self._image))
        if pages is None:
            return loader.erase_all()
        for start in range(0, len(pages), an3155.MAX_PAGES):
            loader.erase(pages[start : start + an3155.MAX_PAGES])

    def _block(self, offset: int) -> tuple[int, bytes]:
        return self._board.memory.flash_origin + offset, self._image[offset : offset + an3155.BLOCK]

    def _write(self, loader: an3155.Loader, offset: int) -> None:
        """Once more after a NACK or a silence; what was written after all is not written again (flash forbids it)."""
        address, data = self._block(offset)
        for left in reversed(range(BLOCK_TRIES)):
            try:
                loader.write(address, data)
                break
            except an3155.ProtocolError:
                if left == 0:
                    raise
                loader.synchronise()
                if loader.read(address, len(data)) == data:
                    break
        self._advance(len(data))

    def _verify(self, loader: an3155.Loader, offset: int) -> None:
        address, data = self._block(offset)
        found = self._read(loader, address, len(data))
        for i, (want, have) in enumerate(zip(data, found)):
            if want != have:
                raise DeviceError(
                    f"verifying failed at {address + i:#010x}: {want:#04x} was written, {have:#04x} read back; "
                    "flash again; if it stays, the flash is worn out or protected"
                )
        self._advance(len(data))

    def _read(self, loader: an3155.Loader, address: int, count: int) -> bytes:
        for left in reversed(range(BLOCK_TRIES)):
            try:
                return loader.read(address, count)
            except an3155.ProtocolError:
                if left == 0:
                    raise
                loader.synchronise()
        raise AssertionError("unreachable")

    def _advance(self, count: int) -> None:
        self._moved += count
        self._progress(self.done, len(self._image))


def _pages(board: Board, size: int) -> list[int] | None:
    """Numbers of the pages that `size` bytes from the start of flash touch; None if they reach past the known ones."""
    sizes = [run.bytes for run in board.flash.pages for _ in range(run.count)]
    start = 0
    for number, page_bytes in enumerate(sizes):
        start += page_bytes
        if start >= size:
            return list(range(number + 1))
    return None


def _apply(port: serial.SerialBase, steps: tuple[str, ...]) -> None:
    """Steps of board.toml: modem lines that are wired to reset and BOOT0, and pauses."""
    for step in steps:
        name, _, value = step.partition("=")
        if name == "wait":
            time.sleep(int(value) / 1000)
        else:
            setattr(port, name, bool(int(value)))
