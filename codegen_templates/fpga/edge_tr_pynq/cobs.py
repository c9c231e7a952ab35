"""Consistent overhead byte stuffing (Cheshire and Baker, 1999), for boards without the `cobs` package; same names."""

from __future__ import annotations

_BLOCK = 254


class DecodeError(Exception):
    """The bytes are no COBS."""


def encode(data: bytes) -> bytes:
    """`data` without a zero byte."""
    out = bytearray()
    for part in data.split(b"\0"):
        blocks = [part[i : i + _BLOCK] for i in range(0, len(part), _BLOCK)] or [b""]
        for block in blocks:
            out += bytes([len(block) + 1]) + block
        if len(blocks[-1]) == _BLOCK:
            out += b"\x01"  # a full block stands for no zero: the zero, or the end, comes after it
    return bytes(out[:-1]) if _ends_full(data) else bytes(out)


def _ends_full(data: bytes) -> bool:
    """Whether the last block is full, so that nothing needs to follow it."""
    tail = len(data) - (data.rfind(b"\0") + 1)
    return tail > 0 and tail % _BLOCK == 0


def decode(wire: bytes) -> bytes:
    """What was encoded; DecodeError if the bytes do not add up."""
    out, at = bytearray(), 0
    while at < len(wire):
        code = wire[at]
        block = wire[at + 1 : at + code]
        if code == 0 or 0 in block or len(block) != code - 1:
            raise DecodeError("not COBS")
        at += code
        out += block
        if code <= _BLOCK and at < len(wire):
            out.append(0)
    return bytes(out)
