"""ST's USART bootloader protocol (AN3155), the host's side: one method a command.

It is spoken by the ROM of every STM32 and by our second-stage loader. Only what
the protocol says is here, and how to get back in step; what to do with it, and
retries, are in `flash`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import reduce
from operator import xor

import serial

from edge_tr.target.loader_states import (
    EXTENDED_ERASE,
    FILLER,
    GET,
    GET_ID,
    GO,
    IDLE,
    READ_MEMORY,
    WRITE_MEMORY,
    filler,
    possible,
    run,
)
from edge_tr.target.port import read

ACK, NACK, SYNC = 0x79, 0x1F, 0x7F
MASS_ERASE = b"\xff\xff"
BLOCK = 256  # bytes that one read or write moves at most
MAX_PAGES = 64  # per erase; the protocol allows more, our loader 127

REPLY_SECONDS = 2.0
START_SECONDS = 60.0  # our loader checks a signature first
PAGE_ERASE_SECONDS = 5.0  # a page; an STM32F4's 128 KB sector takes up to 4 s at 1.8 V (DS8626, table 39)
MASS_ERASE_SECONDS = 60.0  # an STM32F4 of 1 MB takes up to 32 s (likewise)
ECHOES = 2
"""SYNCs that come back until that is no accident; a loader never sends one."""
FIRST_FILL = 5 + 2 * (0x7F7F + 1) + 1
"""Bytes of filler that end whatever a loader may have taken SYNCs for: at worst for 32,640 pages to erase."""
_PROBE_SECONDS = (0.15, 0.15, 0.3, 0.6, 1.2)
SYNC_TRIES = len(_PROBE_SECONDS)
"""Odd: as size, data and checksum of a write, an even number of SYNCs and filler would sum up."""
_QUIET_SECONDS = 0.05
_QUIET_TRIES = 40
_GULP = 1024
_BITS = 12  # of a byte on the wire, with parity and some room


class Stage(Enum):
    """Which part of a request was answered by NACK, and so what the protocol says of the reason."""

    COMMAND = "command"
    ADDRESS = "address"
    CONTENT = "content"


class ProtocolError(Exception):
    """The loader did not do what was asked."""


class Refused(ProtocolError):
    """It answered NACK."""

    def __init__(self, what: str, stage: Stage) -> None:
        super().__init__(what)
        self.stage = stage


class Silent(ProtocolError):
    """It did not answer in time, or with something else."""


class Gone(Silent):
    """It does not answer anything."""


class Echoed(ProtocolError):
    """What is sent comes back."""


class Loader:
    """A loader behind an open pyserial port (8 data bits; ST's ROM wants even parity)."""

    def __init__(self, port: serial.SerialBase) -> None:
        self._port = port
        self._state = IDLE  # when it last answered
        self._sent = b""  # since then

    def synchronise(self) -> None:
        """Get in step with a loader in any state; Gone if there is none, Echoed if only we are heard.

        A loader fresh from reset acknowledges SYNC, by which it also finds the speed: nothing else may come first. One
        that waits for a command takes it for half a command and refuses the next byte. One that was left inside a
        request needs filler.
        """
        echoes = 0
        for seconds in _PROBE_SECONDS:
            heard = self._probe(SYNC, seconds)
            if heard in (ACK, NACK) and self._is_in_step():
                return
            echoes += heard == SYNC
            if echoes == ECHOES:
                raise Echoed("what is sent comes back")
        self._pour(bytes([FILLER]) * FIRST_FILL)
        self._settle()

    def recover(self) -> None:
        """Get in step again after a request that went wrong: by bytes that complete nothing in any state in which what
        was sent so far can have left the loader."""
        self._pour(filler(*possible(self._state, self._sent)))
        try:
            self._settle()
        except Gone:  # reset, perhaps
            self.synchronise()

    def _pour(self, data: bytes) -> None:
        """Send filler until it is through, or there was an answer and then silence."""
        for start in range(0, len(data), _GULP):
            gulp = data[start : start + _GULP]
            self._port.write(gulp)
            if self._read(1, len(gulp) * _BITS / self._port.baudrate) == bytes([NACK]):
                break
        self._until_quiet()

    def _settle(self) -> None:
        """From half a command, or none, to none: one of two bytes is refused."""
        for seconds in _PROBE_SECONDS:
            if self._probe(FILLER, seconds) == NACK and self._is_in_step():
                return
        raise Gone("no answer to filler")

    def _is_in_step(self) -> bool:
        """Whether it does what is asked: the answer just heard may have been a late one to something else."""
        self._is_idle()
        try:
            self.commands()
        except ProtocolError:
            return False
        return True

    def _is_idle(self) -> None:
        self._state, self._sent = IDLE, b""

    def _probe(self, byte: int, seconds: float) -> int | None:
        """Send one byte; the first byte of the answer. Those that follow are taken off the line."""
        self._port.reset_input_buffer()
        self._port.write(bytes([byte]))
        answer = self._read(1, seconds)
        if answer:
            self._until_quiet()
        return answer[0] if answer else None

    def _until_quiet(self) -> None:
        """Take everything off the line until nothing has come for a moment, or it never ends."""
        for _ in range(_QUIET_TRIES):
            if not self._read(_GULP, _QUIET_SECONDS):
                return

    def commands(self) -> frozenset[int]:
        """What the loader understands."""
        self._command(GET)
        count = self._exactly(1)[0]
        reply = self._exactly(count + 1)
        self._expect_ack("end of Get", REPLY_SECONDS)
        return frozenset(reply[1:])

    def product_id(self) -> int:
        """Which chip it is."""
        self._command(GET_ID)
        reply = self._exactly(self._exactly(1)[0] + 1)
        self._expect_ack("end of Get ID", REPLY_SECONDS)
        return int.from_bytes(reply, "big")

    def read(self, address: int, count: int) -> bytes:
        """`count` (1 to 256) bytes from `address`."""
        self._command(READ_MEMORY)
        self._address(address)
        self._send(bytes([count - 1, (count - 1) ^ 0xFF]))
        self._expect_ack(f"reading {count} bytes at {address:#010x}", REPLY_SECONDS)
        return self._exactly(count)

    def write(self, address: int, data: bytes) -> None:
        """4 to 256 bytes, a multiple of four, to erased flash."""
        self._command(WRITE_MEMORY)
        self._address(address)
        self._send(_summed(bytes([len(data) - 1]) + data))
        self._expect_ack(f"writing {len(data)} bytes at {address:#010x}", REPLY_SECONDS)

    def erase(self, pages: Sequence[int]) -> None:
        """At most MAX_PAGES pages by number."""
        self._command(EXTENDED_ERASE)
        words = [len(pages) - 1, *pages]
        self._send(_summed(b"".join(word.to_bytes(2, "big") for word in words)))
        self._expect_ack("erasing pages", REPLY_SECONDS + PAGE_ERASE_SECONDS * len(pages))

    def erase_all(self) -> None:
        """The whole flash."""
        self._command(EXTENDED_ERASE)
        self._send(_summed(MASS_ERASE))
        self._expect_ack("erasing everything", MASS_ERASE_SECONDS)

    def go(self, address: int) -> None:
        """Start what lies there."""
        self._command(GO)
        self._port.write(_summed(address.to_bytes(4, "big")))
        self._expect_ack(f"starting at {address:#010x}", START_SECONDS)

    def _command(self, code: int) -> None:
        self._port.reset_input_buffer()
        self._send(bytes([code, code ^ 0xFF]))
        self._expect_ack(_NAMES[code], REPLY_SECONDS, Stage.COMMAND)

    def _address(self, address: int) -> None:
        self._send(_summed(address.to_bytes(4, "big")))
        self._expect_ack(f"address {address:#010x}", REPLY_SECONDS, Stage.ADDRESS)

    def _send(self, data: bytes) -> None:
        self._sent += data
        self._port.write(data)

    def _expect_ack(self, what: str, seconds: float, stage: Stage = Stage.CONTENT) -> None:
        answer = self._read(1, seconds)
        if answer == bytes([NACK]):
            self._is_idle()
            raise Refused(what, stage)
        if answer != bytes([ACK]):
            raise Silent(f"{what}: {answer.hex() or 'nothing'} instead of an acknowledgement")
        self._state, self._sent = run(self._state, self._sent), b""

    def _exactly(self, count: int) -> bytes:
        data = self._read(count, REPLY_SECONDS)
        if len(data) != count:
            raise Silent(f"{len(data)} of {count} bytes")
        return data

    def _read(self, count: int, seconds: float) -> bytes:
        return read(self._port, count, seconds)


_NAMES = {
    GET: "Get",
    GET_ID: "Get ID",
    READ_MEMORY: "Read Memory",
    GO: "Go",
    WRITE_MEMORY: "Write Memory",
    EXTENDED_ERASE: "Extended Erase",
}


def _summed(data: bytes) -> bytes:
    """With the exclusive or of its bytes."""
    return data + bytes([reduce(xor, data)])
