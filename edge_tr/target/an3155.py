"""ST's USART bootloader protocol (AN3155), the host's side: one method a command.

It is spoken by the ROM of every STM32 and by our second-stage loader. Only what
the protocol says is here; what to do with it, and retries, are in `flash`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import xor

import serial

from edge_tr.target.port import read

ACK, NACK, SYNC = 0x79, 0x1F, 0x7F
GET, GET_ID, READ_MEMORY, GO, WRITE_MEMORY, EXTENDED_ERASE = 0x00, 0x02, 0x11, 0x21, 0x31, 0x44
MASS_ERASE = b"\xff\xff"
BLOCK = 256  # bytes that one read or write moves at most
MAX_PAGES = 64  # per erase; the protocol allows more, our loader 127

REPLY_SECONDS = 2.0
START_SECONDS = 60.0  # our loader checks a signature first
PAGE_ERASE_SECONDS = 5.0  # a page; an STM32F4's 128 KB sector takes up to 4 s at 1.8 V (DS8626, table 39)
MASS_ERASE_SECONDS = 60.0  # an STM32F4 of 1 MB takes up to 32 s (likewise)
SYNC_TRIES = 5
_SYNC_SECONDS = 0.15
_QUIET_SECONDS = 0.05
_LONGEST_REQUEST = 1 + BLOCK + 1  # count, data and checksum of a write
_GULP = 8
_GULP_SECONDS = 0.03


class ProtocolError(Exception):
    """The loader did not do what was asked."""


class Refused(ProtocolError):
    """It answered NACK."""


class Silent(ProtocolError):
    """It did not answer in time, or with something else."""


class Loader:
    """A loader behind an open pyserial port (8 data bits; ST's ROM wants even parity)."""

    def __init__(self, port: serial.SerialBase) -> None:
        self._port = port

    def synchronise(self) -> None:
        """Get in step with a loader in any state; Silent if there is none.

        A loader fresh from reset acknowledges SYNC. One that waits for a command takes it for half a command
        and refuses the second one. One that was left inside a transfer swallows SYNCs until that is complete.
        """
        if any(self._sync(1, _SYNC_SECONDS) for _ in range(SYNC_TRIES)):
            return
        for _ in range(_LONGEST_REQUEST // _GULP + 1):
            if self._sync(_GULP, _GULP_SECONDS):
                break
        # The last gulp may have left half a command.
        if not any(self._sync(1, _SYNC_SECONDS) for _ in range(SYNC_TRIES)):
            raise Silent("no answer to SYNC")

    def _sync(self, count: int, seconds: float) -> bool:
        """Send SYNCs; was there an answer? It and those that follow are taken off the line."""
        self._port.reset_input_buffer()
        self._port.write(bytes([SYNC]) * count)
        answer = self._read(1, seconds)
        if answer not in (bytes([ACK]), bytes([NACK])):
            return False
        while self._read(1, _QUIET_SECONDS):
            pass
        return True

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
        self._port.write(bytes([count - 1, (count - 1) ^ 0xFF]))
        self._expect_ack(f"reading {count} bytes at {address:#010x}", REPLY_SECONDS)
        return self._exactly(count)

    def write(self, address: int, data: bytes) -> None:
        """4 to 256 bytes, a multiple of four, to erased flash."""
        self._command(WRITE_MEMORY)
        self._address(address)
        self._port.write(_summed(bytes([len(data) - 1]) + data))
        self._expect_ack(f"writing {len(data)} bytes at {address:#010x}", REPLY_SECONDS)

    def erase(self, pages: Sequence[int]) -> None:
        """At most MAX_PAGES pages by number."""
        self._command(EXTENDED_ERASE)
        words = [len(pages) - 1, *pages]
        self._port.write(_summed(b"".join(word.to_bytes(2, "big") for word in words)))
        self._expect_ack("erasing pages", REPLY_SECONDS + PAGE_ERASE_SECONDS * len(pages))

    def erase_all(self) -> None:
        """The whole flash."""
        self._command(EXTENDED_ERASE)
        self._port.write(_summed(MASS_ERASE))
        self._expect_ack("erasing everything", MASS_ERASE_SECONDS)

    def go(self, address: int) -> None:
        """Start what lies there."""
        self._command(GO)
        self._port.write(_summed(address.to_bytes(4, "big")))
        self._expect_ack(f"starting at {address:#010x}", START_SECONDS)

    def _command(self, code: int) -> None:
        self._port.write(bytes([code, code ^ 0xFF]))
        self._expect_ack(f"command {code:#04x}", REPLY_SECONDS)

    def _address(self, address: int) -> None:
        self._port.write(_summed(address.to_bytes(4, "big")))
        self._expect_ack(f"address {address:#010x}", REPLY_SECONDS)

    def _expect_ack(self, what: str, seconds: float) -> None:
        answer = self._read(1, seconds)
        if answer == bytes([NACK]):
            raise Refused(what)
        if answer != bytes([ACK]):
            raise Silent(f"{what}: {answer.hex() or 'nothing'} instead of an acknowledgement")

    def _exactly(self, count: int) -> bytes:
        data = self._read(count, REPLY_SECONDS)
        if len(data) != count:
            raise Silent(f"{len(data)} of {count} bytes")
        return data

    def _read(self, count: int, seconds: float) -> bytes:
        return read(self._port, count, seconds)


def _summed(data: bytes) -> bytes:
    """With the exclusive or of its bytes."""
    return data + bytes([reduce(xor, data)])
