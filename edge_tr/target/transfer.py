"""Put an image into flash through a loader that speaks AN3155, and see that nothing else is there.

Everything inside the erased pages is read back, and what differs is erased and written again. The block with the
vector table and the image header is written last, after the rest was read back: an interrupted transfer never leaves
anything bootable, neither for our loader (which also checks the CRC) nor for an STM32 from reset.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import serial

from edge_tr.boards import Board
from edge_tr.errors import DeviceError
from edge_tr.target import an3155, line_faults
from edge_tr.target.an3155 import BLOCK, Loader, ProtocolError, Refused

Progress = Callable[[int, int], None]  # bytes done, bytes in all
T = TypeVar("T")
TRIES = 8  # of one request
SMALLEST = 32
"""Bytes below which blocks are not cut where a bad wire spoils the long ones."""
READINGS = 16  # of a block, all different and none right, until the last one is believed
STEADY = 16  # requests in a row that went well, until blocks become longer again
ROUNDS = 4  # of erasing and writing pages that were not as they should be
ENTER_TRIES = 3  # where modem lines can reset the board
_WORD = 8  # flash of STM32L4 and G0 is programmed by double words


class NoLoader(DeviceError):
    """Nothing at the port speaks AN3155."""


@dataclass(frozen=True)
class Page:
    """What one erase clears. `number` None: everything."""

    number: int | None
    start: int  # offset into flash
    bytes: int


class Transfer:
    """One image's way into a board: enter the loader, identify, erase, write, read back, go."""

    def __init__(self, board: Board, image: bytes, progress: Progress) -> None:
        self._board = board
        self._image = image + b"\xff" * (-len(image) % _WORD)
        self._pages = pages(board, len(self._image))
        end = self._pages[-1].start + self._pages[-1].bytes
        self._wanted = self._image.ljust(end, b"\xff")
        self._longest = BLOCK
        self._progress = progress
        self._failures = self._successes = 0  # in a row
        self._moved = 0  # bytes written and bytes read back

    @property
    def done(self) -> int:
        """Bytes of the image that are through, a written one counting half until it is read back."""
        return min(self._moved, 2 * len(self._image)) // 2

    def run(self, port: serial.SerialBase) -> None:
        """All of it; SerialException, OSError or DeviceError."""
        loader = self._enter(port)
        try:
            self._identify(loader)
            self._fill(loader)
            _apply(port, self._board.flash.leave)
            if not self._board.flash.leave:
                self._go(loader)
        except ProtocolError as error:
            raise DeviceError(self._explanation(loader, error)) from error

    def _enter(self, port: serial.SerialBase) -> Loader:
        loader = Loader(port)
        for _ in range(ENTER_TRIES if self._board.flash.enter else 1):
            _apply(port, self._board.flash.enter)
            try:
                loader.synchronise()
                known = self._tried(loader, loader.commands)
            except an3155.Echoed as error:
                raise DeviceError(line_faults.ECHO) from error
            except ProtocolError:
                continue
            if missing := {an3155.READ_MEMORY, an3155.WRITE_MEMORY, an3155.EXTENDED_ERASE} - known:
                raise DeviceError(f"the loader of this chip is too old: it lacks command {min(missing):#04x}")
            return loader
        raise NoLoader(f"no loader answers at {port.port}: {self._board.flash.help}")

    def _identify(self, loader: Loader) -> None:
        found, wanted = self._tried(loader, loader.product_id), self._board.flash.product_id
        if found != wanted:
            raise DeviceError(
                f"the chip at the port has product id {found:#05x}, {self._board.name} has {wanted:#05x}: "
                "choose that board's port, or build for the board you have"
            )

    # --- flash ------------------------------------------------------------------------

    def _fill(self, loader: Loader) -> None:
        """Erase and write until everything inside the pages is as it should be."""
        todo = self._pages
        for _ in range(ROUNDS):
            self._erase(loader, todo)
            for page in todo:
                self._write(loader, max(page.start, BLOCK), page.start + page.bytes)
            wrong = self._wrong(loader, b"\xff" * BLOCK + self._wanted[BLOCK:])
            if wrong is None:
                self._write(loader, 0, BLOCK)
                wrong = self._wrong(loader, self._wanted[:BLOCK])
            if wrong is None:
                return
            todo = [page for page in self._pages if page.start <= wrong[0] < page.start + page.bytes]
        raise DeviceError(
            "verifying failed at {:#010x}: {:#04x} was written, {:#04x} read back; "
            "flash again; if it fails again, the flash is worn out or protected".format(self._at(wrong[0]), *wrong[1:])
        )

    def _erase(self, loader: Loader, todo: list[Page]) -> None:
        if todo[0].number is None:
            self._tried(loader, loader.erase_all)
            return
        for start in range(0, len(todo), an3155.MAX_PAGES):
            numbers = [page.number for page in todo[start : start + an3155.MAX_PAGES]]
            self._tried(loader, partial(loader.erase, numbers))

    def _write(self, loader: Loader, start: int, end: int) -> None:
        """What the image has there. What is written after all, though the answer was lost, is not written again (flash
        forbids it), and what is there and should not is left to reading back."""
        end = min(end, len(self._image))
        while start < end:
            data = self._image[start : min(start - start % self._longest + self._longest, end)]
            address = self._at(start)
            try:
                loader.write(address, data)
                self._lengthen()
            except ProtocolError as error:
                self._shorten(loader)
                if not self._is_written(loader, address, len(data), error):
                    continue
            self._failures = 0
            start += len(data)
            self._advance(len(data))

    def _is_written(self, loader: Loader, address: int, count: int, error: ProtocolError) -> bool:
        """Whether something is there after a write that was not acknowledged; the error, if that came too often."""
        self._failures += 1
        if self._failures == TRIES:
            raise error
        blank = b"\xff" * count
        return self._settled(loader, address, blank) != blank

    def _wrong(self, loader: Loader, wanted: bytes) -> tuple[int, int, int] | None:
        """Offset, byte wanted and byte found of the first difference from the start of flash on."""
        for start in range(0, len(wanted), BLOCK):
            part = wanted[start : start + BLOCK]
            found = self._settled(loader, self._at(start), part)
            if found != part:
                i = next(i for i in range(len(part)) if part[i] != found[i])
                return start + i, part[i], found[i]
            self._advance(min(len(part), max(0, len(self._image) - start)))
        return None

    def _settled(self, loader: Loader, address: int, wanted: bytes) -> bytes:
        """What is read there as it is wanted, or twice the same: nothing protects a reading on its way."""
        readings: list[bytes] = []
        for _ in range(READINGS):
            found = self._read(loader, address, len(wanted))
            if found == wanted or found in readings:
                break
            if line_faults.is_translated(wanted, found):
                raise DeviceError(f"{line_faults.LINE_ENDS} on the way from the loader: {line_faults.RAW}")
            readings.append(found)
            self._longest = max(SMALLEST, self._longest // 2)
        return found

    def _read(self, loader: Loader, address: int, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self._tried(loader, partial(self._read_part, loader, address + len(data), count - len(data)))
        return data

    def _read_part(self, loader: Loader, address: int, count: int) -> bytes:
        return loader.read(address, min(self._longest, count))

    def _go(self, loader: Loader) -> None:
        """Start the image. A loader that is gone when its answer did not come has started it."""
        for left in reversed(range(TRIES)):
            try:
                loader.go(self._board.memory.flash_origin)
                return
            except ProtocolError as error:
                if not left:
                    raise
                try:
                    loader.recover()
                except ProtocolError:
                    if isinstance(error, Refused):
                        raise error from None
                    return

    # --- retries ------------------------------------------------------------------------

    def _tried(self, loader: Loader, request: Callable[[], T]) -> T:
        """What `request` gives; asked again after a NACK or a silence, for either may be the wire's."""
        for _ in range(TRIES - 1):
            try:
                result = request()
            except ProtocolError:
                self._shorten(loader)
            else:
                self._lengthen()
                return result
        return request()

    def _shorten(self, loader: Loader) -> None:
        """In step again, and with shorter blocks for a while."""
        self._successes = 0
        self._longest = max(SMALLEST, self._longest // 2)
        loader.recover()

    def _lengthen(self) -> None:
        self._successes += 1
        if self._successes % STEADY == 0:
            self._longest = min(BLOCK, 2 * self._longest)

    def _at(self, offset: int) -> int:
        return self._board.memory.flash_origin + offset

    def _advance(self, count: int) -> None:
        self._moved += count
        self._progress(self.done, len(self._image))

    def _explanation(self, loader: Loader, error: ProtocolError) -> str:
        if not isinstance(error, an3155.Gone) and line_faults.translates(loader, self._board.memory.flash_origin):
            return f"{line_faults.LINE_ENDS} on the way to the loader: {line_faults.RAW}"
        if isinstance(error, Refused):
            return f"the loader refused {error}: {_REASONS[error.stage]}"
        return (
            f"the loader stopped answering after {self.done} of {len(self._image)} bytes ({error}): "
            f"{self._board.flash.help}, then flash again"
        )


_REASONS = {
    an3155.Stage.COMMAND: "of a command that it lists, that means read-out protection: clear it, then flash again",
    an3155.Stage.ADDRESS: "the chip has no memory there: is it the board that this was built for?",
    an3155.Stage.CONTENT: "the protocol does not say why; see that no page is write-protected and that the supply is "
    "steady, then flash again",
}


def pages(board: Board, size: int) -> list[Page]:
    """The pages that `size` bytes from the start of flash touch; if they reach past the known ones, everything is
    erased, and what lies behind the image is not looked at."""
    found, start = [], 0
    sizes: Iterable[int] = (run.bytes for run in board.flash.pages for _ in range(run.count))
    for number, page_bytes in enumerate(sizes):
        found.append(Page(number, start, page_bytes))
        start += page_bytes
        if start >= size:
            return found
    return [Page(None, 0, size)]


def _apply(port: serial.SerialBase, steps: tuple[str, ...]) -> None:
    """Steps of board.toml: modem lines that are wired to reset and BOOT0, and pauses."""
    for step in steps:
        name, _, value = step.partition("=")
        if name == "wait":
            time.sleep(int(value) / 1000)
        else:
            setattr(port, name, bool(int(value)))
