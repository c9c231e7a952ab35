"""Intel HEX and UF2: golden files worked out from the specifications, and decoders written from them."""

from __future__ import annotations

import random
import struct

import pytest

from edge_tr.formats.containers import Pieces, intel_hex, uf2


def test_a_hex_file_is_as_the_specification_has_it() -> None:
    """Sums by hand: 02 + 04 + 08 = 0E, so F2; 04 + 50 + 20 = 74, so 8C."""
    assert intel_hex([(0x0800_0000, bytes.fromhex("00500020"))]) == (
        ":020000040800F2\n:04000000005000208C\n:00000001FF\n"
    )


def test_records_do_not_cross_64_kb_and_the_high_half_is_said_once() -> None:
    text = intel_hex([(0xFFFE, bytes([1, 2, 3, 4])), (0x1_0004, b"\xff")])
    assert text.splitlines() == [
        ":02FFFE000102FE",
        ":020000040001F9",
        ":020000000304F7",
        ":01000400FFFC",
        ":00000001FF",
    ]


def from_hex(text: str) -> dict[int, int]:
    """Bytes by address, as the specification reads them."""
    found, high, ended = {}, 0, False
    for line in text.splitlines():
        assert line[0] == ":" and not ended
        body = bytes.fromhex(line[1:])
        assert sum(body) & 0xFF == 0 and body[0] == len(body) - 5
        offset, kind, data = int.from_bytes(body[1:3], "big"), body[3], body[4:-1]
        if kind == 4:
            high = int.from_bytes(data, "big") << 16
        elif kind == 1:
            ended = True
        else:
            assert kind == 0 and offset + len(data) <= 0x10000
            for index, byte in enumerate(data):
                assert high + offset + index not in found
                found[high + offset + index] = byte
    assert ended
    return found


def from_uf2(file: bytes, family: int) -> dict[int, int]:
    """Bytes by address, as a bootloader takes them."""
    found, blocks = {}, len(file) // 512
    assert len(file) == 512 * blocks
    for number in range(blocks):
        block = file[512 * number : 512 * number + 512]
        start0, start1, flags, address, size, at, total, whose = struct.unpack_from("<8I", block)
        assert block[:4] == b"UF2\n" and start1 == 0x9E5D5157 and block[-4:] == bytes.fromhex("306fb10a")
        assert (flags, size, at, total, whose) == (0x2000, 256, number, blocks, family)
        assert address % 256 == 0 and start0 == int.from_bytes(b"UF2\n", "little")
        found |= {address + index: byte for index, byte in enumerate(block[32 : 32 + size])}
    return found


def drawn(rng: random.Random) -> Pieces:
    """One to three pieces of odd places and sizes."""
    pieces, address = [], rng.choice([0, 0x0800_0000, 0x1000_0000, 0xFFFF_0000 - 70_000])
    for _ in range(rng.randrange(1, 4)):
        address += rng.randrange(1, 700)
        data = rng.randbytes(rng.choice([1, 15, 16, 17, 255, 256, 257, 20_000]))
        pieces.append((address, data))
        address += len(data)
    rng.shuffle(pieces)
    return pieces


@pytest.mark.parametrize("seed", range(20))
def test_what_was_put_in_comes_out(seed: int) -> None:
    pieces = drawn(random.Random(seed))
    expected = {address + index: byte for address, data in pieces for index, byte in enumerate(data)}
    assert from_hex(intel_hex(pieces)) == expected
    found = from_uf2(uf2(pieces, 0xE48BFF56), 0xE48BFF56)
    assert found.items() >= expected.items()
    assert not any(found[address] for address in found.keys() - expected.keys())


@pytest.mark.parametrize("pieces", [[(0, b"ab"), (1, b"c")], [(0xFFFF_FFFF, b"ab")]])
def test_pieces_that_overlap_or_leave_the_address_space_are_refused(pieces: Pieces) -> None:
    for encode in (intel_hex, lambda given: uf2(given, 1)):
        with pytest.raises(ValueError, match="overlap"):
            encode(pieces)
