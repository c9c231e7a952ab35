"""Images as files that flashers read, Intel HEX and UF2, and the checksum that a boot ROM asks for.

Intel HEX: "Intel Hexadecimal Object File Format Specification", revision A (1988): data, extended linear address and
end-of-file records. UF2: github.com/microsoft/uf2, README. Both are made of pieces that do not overlap.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

Pieces = Sequence[tuple[int, bytes]]
"""By address of their first byte, which has 32 bits."""

_HEX_BYTES = 16  # of a record
_DATA, _END, _HIGH = 0, 1, 4  # record types
_UF2_MAGIC = (0x0A324655, 0x9E5D5157)
_UF2_END = 0x0AB16F30
_UF2_HAS_FAMILY = 0x2000
UF2_PAYLOAD = 256
"""Bytes of a block: "always correct", and what the RP2040's ROM asks for, at addresses that are multiples of it."""
_UF2_DATA = 476


def intel_hex(pieces: Pieces) -> str:
    """Records of at most 16 bytes, none across a boundary of 64 KB; lines end with a line feed."""
    lines, high = [], 0
    for address, data in _sorted(pieces):
        while data:
            if address >> 16 != high:
                high = address >> 16
                lines.append(_record(_HIGH, 0, high.to_bytes(2, "big")))
            count = min(_HEX_BYTES, 0x10000 - (address & 0xFFFF), len(data))
            lines.append(_record(_DATA, address & 0xFFFF, data[:count]))
            address, data = address + count, data[count:]
    return "\n".join([*lines, _record(_END, 0, b""), ""])


def _record(kind: int, offset: int, data: bytes) -> str:
    """One line: length, offset, kind, data, and what makes the sum of all bytes zero."""
    body = bytes([len(data)]) + offset.to_bytes(2, "big") + bytes([kind]) + data
    return f":{(body + bytes([-sum(body) & 0xFF])).hex().upper()}"


def uf2(pieces: Pieces, family: int) -> bytes:
    """Blocks of 256 bytes at multiples of 256, zeros where the pieces leave one in part; `family`: the chip's id."""
    pages: dict[int, bytearray] = {}
    for address, data in _sorted(pieces):
        for offset, byte in enumerate(data, address):
            pages.setdefault(offset & -UF2_PAYLOAD, bytearray(UF2_PAYLOAD))[offset % UF2_PAYLOAD] = byte
    return b"".join(_blocks(pages, family))


def _blocks(pages: dict[int, bytearray], family: int) -> Iterator[bytes]:
    for number, (address, payload) in enumerate(sorted(pages.items())):
        head = (*_UF2_MAGIC, _UF2_HAS_FAMILY, address, UF2_PAYLOAD, number, len(pages), family)
        yield struct.pack(f"<8I{_UF2_DATA}sI", *head, bytes(payload), _UF2_END)


def rp2040_boot_block(code: bytes, size: int) -> bytes:
    """`code` padded to `size` bytes, of which the last four are the CRC-32 of the others that the RP2040's ROM compares
    (data sheet, 2.8.1.3.1: polynomial 0x04c11db7, most significant bit first, from all ones)."""
    if len(code) > size - 4:
        raise ValueError(f"{len(code)} bytes of boot code: there is room for {size - 4}")
    padded = code.ljust(size - 4, b"\0")
    crc = 0xFFFF_FFFF
    for byte in padded:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C1_1DB7 if crc >> 31 else 0)) & 0xFFFF_FFFF
    return padded + crc.to_bytes(4, "little")


def _sorted(pieces: Pieces) -> list[tuple[int, bytes]]:
    """In order of addresses; ValueError where they overlap or leave 32 bits."""
    ordered = sorted(pieces)
    end = 0
    for address, data in ordered:
        if address < end or address + len(data) > 1 << 32:
            raise ValueError(f"{len(data)} bytes at {address:#x}: they overlap others, or go past 32 bits")
        end = address + len(data)
    return ordered
