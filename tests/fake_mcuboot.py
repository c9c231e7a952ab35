"""A fake of a board with MCUboot: its serial recovery mode on a pseudo-terminal, and what it does after a reset.

Written from Zephyr's documentation of the Simple Management Protocol ("SMP Protocol Specification", "SMP over serial",
"Image management", "OS management") and from MCUboot's design document, "Image format", without smpclient's code.
tests/unit/test_mcumgr.py holds it to those rules, before our code meets it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import pty
import struct
import threading
import tty
from dataclasses import dataclass, field

import cbor2

FIRST, NEXT = b"\x06\x09", b"\x04\x14"
LONGEST_LINE = 128
READ, WRITE = 0, 2
OS, IMAGE = 0, 1
INVALID, NOT_SUPPORTED = 3, 8
MAGIC, TLV_INFO, TLV_SHA256 = 0x96F3B83D, 0x6907, 0x10


def lines_of(message: bytes) -> list[bytes]:
    """A message as lines of a console: its length, itself and its CRC-16 in base 64."""
    crc = binascii.crc_hqx(message, 0)
    text = base64.b64encode(struct.pack(">H", len(message) + 2) + message + struct.pack(">H", crc))
    pieces = [text[at : at + 124] for at in range(0, len(text), 124)]
    return [(FIRST if number == 0 else NEXT) + piece + b"\n" for number, piece in enumerate(pieces)]


def request(operation: int, group: int, command: int, body: dict, sequence: int = 0) -> bytes:
    """Header of eight bytes, version 2, and a map in CBOR."""
    data = cbor2.dumps(body)
    return struct.pack(">BBHHBB", operation | 1 << 3, 0, len(data), group, sequence, command) + data


@dataclass
class FakeMcuboot:
    """`buffer_bytes`: the longest message; `slot`: where an upload goes; `lists`: whether images are told; `bad_at`: an
    upload's offset at which a byte is lost once."""

    slot_bytes: int
    buffer_bytes: int = 512
    slot: int = 0
    lists: bool = True
    bad_at: int | None = None
    flash: bytes = b""
    wanted: int = 0  # bytes of the upload
    sha: bytes | None = None
    confirmed: bool = False
    running: bool = False
    _text: bytes = b""
    _buffer: bytes = field(default=b"", repr=False)

    # --- the console

    def take(self, data: bytes) -> bytes:
        """What is answered to bytes from the line."""
        self._buffer += data
        answers = b""
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            answers += self._line(line + b"\n")
        return answers

    def _line(self, line: bytes) -> bytes:
        """Of something else than the protocol, or damaged, nothing is said."""
        if len(line) > LONGEST_LINE or line[:2] not in (FIRST, NEXT):
            self._text = b""
            return b""
        self._text = line[2:-1] if line[:2] == FIRST else self._text + line[2:-1]
        try:
            packet = base64.b64decode(self._text, validate=True)
        except binascii.Error:
            return b""
        if len(packet) < 2 or len(packet) < 2 + struct.unpack(">H", packet[:2])[0]:
            return b""  # more lines follow
        message, crc = packet[2:-2], packet[-2:]
        if len(packet) > self.buffer_bytes or crc != struct.pack(">H", binascii.crc_hqx(message, 0)):
            return b""
        return b"".join(lines_of(self._message(message)))

    def _message(self, message: bytes) -> bytes:
        operation, _, size, group, sequence, command = struct.unpack(">BBHHBB", message[:8])
        body = cbor2.loads(message[8 : 8 + size])
        answer = cbor2.dumps(self._answer(operation & 7, group, command, body))
        return struct.pack(">BBHHBB", operation | 1, 0, len(answer), group, sequence, command) + answer

    # --- commands

    def _answer(self, operation: int, group: int, command: int, body: dict) -> dict:
        if (operation, group, command) == (READ, OS, 6):
            return {"buf_size": self.buffer_bytes, "buf_count": 1}
        if (operation, group, command) == (WRITE, OS, 5):
            self.running = self.starts()
            return {}
        if (operation, group, command) == (WRITE, IMAGE, 1):
            return self._upload(body)
        if group == IMAGE and command == 0 and self.lists:
            self.confirmed |= operation == WRITE and body["confirm"] and body["hash"] == self._hash()
            return {"images": [self._state()] if self.flash else []}
        return {"rc": NOT_SUPPORTED}

    def _upload(self, body: dict) -> dict:
        offset, data = body["off"], body["data"]
        if offset == 0:
            if body["len"] > self.slot_bytes:
                return {"rc": INVALID}
            self.flash, self.wanted, self.sha = b"", body["len"], body.get("sha")
        if offset != len(self.flash):
            return {"off": len(self.flash)}
        if self.bad_at is not None and offset >= self.bad_at:
            data, self.bad_at = b"\xff" + data[1:], None
        self.flash += data
        done = len(self.flash) == self.wanted and self.sha is not None
        match = {"match": hashlib.sha256(self.flash).digest() == self.sha} if done else {}
        return {"off": len(self.flash), **match}

    def _state(self) -> dict:
        return {
            "slot": self.slot,
            "version": "0.0.0",
            "hash": self._hash(),
            "bootable": True,
            "confirmed": self.confirmed,
        }

    # --- the image

    def _end(self) -> int | None:
        """Of what is hashed; None if there is no image."""
        if len(self.flash) < 32:
            return None
        magic, _, header, protected, body = struct.unpack_from("<IIHHI", self.flash)
        end = header + body + protected
        return end if magic == MAGIC and end + 4 <= len(self.flash) else None

    def _hash(self) -> bytes | None:
        """What the image says of itself, behind it."""
        end = self._end()
        if end is None:
            return None
        info, size = struct.unpack_from("<HH", self.flash, end)
        at = end + 4
        while info == TLV_INFO and at < end + size:
            kind, length = struct.unpack_from("<HH", self.flash, at)
            if kind == TLV_SHA256:
                return self.flash[at + 4 : at + 4 + length]
            at += 4 + length
        return None

    def starts(self) -> bool:
        """Whether MCUboot would: the hash is right, and one in the second slot was confirmed."""
        end = self._end()
        right = end is not None and self._hash() == hashlib.sha256(self.flash[:end]).digest()
        return right and (self.slot == 0 or self.confirmed)


class Served:
    """A fake on a pseudo-terminal, as a context: gives its name."""

    def __init__(self, board: FakeMcuboot) -> None:
        self._board = board
        self._own, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return os.ttyname(self._theirs)

    def __exit__(self, *_: object) -> None:
        os.write(self._theirs, b"\0")  # ends the read
        self._thread.join(5.0)
        os.close(self._own)
        os.close(self._theirs)

    def _serve(self) -> None:
        while (data := os.read(self._own, 4096)) != b"\0":
            os.write(self._own, self._board.take(data))
