"""The loader with a key, on this computer under ASan and UBSan: which images and versions start, and the way back."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from edge_tr import boards
from edge_tr.boards import MONOCYPHER
from edge_tr.formats import image
from edge_tr.target.signing import Signer, make_keys
from tests.firmware.test_boot_native import (
    ACK,
    ADDRESS,
    BOARD,
    ERASE,
    FLASH_BYTES,
    GO,
    NACK,
    ORIGIN,
    PAGE_BYTES,
    READ,
    ROOT,
    SYNC,
    WRITE,
    NativeLoader,
    compile_loader,
    summed,
)

SLOT = 7 * PAGE_BYTES
VERSIONS = 14 * PAGE_BYTES
ENTRIES = PAGE_BYTES // image.VERSION_ENTRY.size


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Signer, Signer]:
    """Ours and somebody else's."""
    folder = tmp_path_factory.mktemp("keys")
    return tuple(Signer(Path(make_keys(folder / name).private)) for name in ("ours", "other"))


@pytest.fixture(scope="module")
def program(signers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    defines = {
        "TR_IMAGE_BYTES": f"{SLOT}u",
        "TR_BACKUP": f"{ORIGIN + SLOT}u",
        "TR_VERSIONS": f"{ORIGIN + VERSIONS}u",
        "TR_SIGNING_KEY": ",".join(map(hex, signers[0].public_key)),
    }
    sources = sorted((ROOT / "firmware" / MONOCYPHER).glob("*.c"))
    return compile_loader(tmp_path_factory.mktemp("signed") / "loader", defines, sources)


@pytest.fixture
def loader(program: Path, tmp_path: Path) -> NativeLoader:
    return NativeLoader(program, tmp_path)


def sealed(version: int = 0, size: int = 1000) -> bytes:
    linked = random.Random(size).randbytes(64) + bytes(64) + random.Random(version).randbytes(size)
    options = dict(load_address=ORIGIN, board=BOARD, build_id=1, model_sha256=bytes(32), image_version=version)
    return image.seal(linked, **options)


def signed(signer: Signer, version: int = 0, size: int = 1000) -> bytes:
    body = sealed(version, size)
    return image.signed(body, signer.sign(body))


def entry(version: int) -> bytes:
    return image.VERSION_ENTRY.pack(version=version, complement=~version & 0xFFFFFFFF)


def flash(slot: bytes = b"", backup: bytes = b"", versions: bytes = b"") -> bytes:
    whole = slot.ljust(SLOT, b"\xff") + backup.ljust(SLOT, b"\xff") + versions.ljust(2 * PAGE_BYTES, b"\xff")
    assert len(whole) == FLASH_BYTES
    return whole


def versions_in(memory: bytes) -> set[int]:
    found = set()
    for at in range(VERSIONS, FLASH_BYTES, image.VERSION_ENTRY.size):
        values = image.VERSION_ENTRY.unpack(memory[at:])
        if values["version"] ^ values["complement"] == 0xFFFFFFFF:
            found.add(values["version"])
    return found


# --- signatures -------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 1001, SLOT - 128 - 72])
def test_a_signed_image_starts(size: int, loader: NativeLoader, signers) -> None:
    assert loader.run([None], flash(signed(signers[0], size=size))).started
    outcome = loader.run([*SYNC, *GO, *ADDRESS], flash(signed(signers[0], size=size)))
    assert outcome.started and outcome.sent == ACK * 3


def test_nothing_else_starts_by_itself_or_by_go(loader: NativeLoader, signers) -> None:
    good, plain = signed(signers[0]), sealed()
    damaged = bytearray(plain)
    damaged[500] ^= 1
    damaged[124:128] = bytes(4)
    damaged[124:128] = zlib.crc32(damaged).to_bytes(4, "little")
    cases = {
        "unsigned": plain,
        "somebody else's": signed(signers[1]),
        "another image's signature": plain + signed(signers[0], 1)[len(plain) :],
        "changed, with a right CRC": bytes(damaged) + good[len(plain) :],
        "without the magic": plain + b"TRSX" + good[len(plain) + 4 :],
        "cut": good[:-1],
        "a signature past the slot": sealed(size=SLOT - 128 - 68),
        "zeros": plain + bytes(72),
    }
    for name, slot in cases.items():
        outcome = loader.run([None, None, *SYNC, *GO, *ADDRESS, None, *SYNC], flash(slot))
        assert not outcome.started and outcome.sent == ACK + ACK + NACK + ACK, name
        assert versions_in(outcome.flash) == set(), name


def test_every_flipped_bit_of_the_signature_keeps_it_from_starting(loader: NativeLoader, signers) -> None:
    good, rng = signed(signers[0]), random.Random(3)
    for position in [*range(len(good) - 72, len(good) - 68), *range(len(good) - 64, len(good), 3)]:
        slot = bytearray(good)
        slot[position] ^= 1 << rng.randrange(8)
        assert not loader.run([None], flash(bytes(slot))).started, position


# --- versions -----------------------------------------------------------------------


def test_the_highest_version_that_started_is_remembered_and_older_ones_are_refused(
    loader: NativeLoader, signers
) -> None:
    memory = flash()
    for version, starts, known in ((5, True, {5}), (4, False, {5}), (5, True, {5}), (0, False, {5}), (6, True, {5, 6})):
        outcome = loader.run([None], signed(signers[0], version).ljust(SLOT, b"\xff") + memory[SLOT:])
        assert outcome.started is starts and versions_in(outcome.flash) == known, version
        memory = outcome.flash


@pytest.mark.parametrize("filled", [ENTRIES, ENTRIES + 3, 2 * ENTRIES])
def test_full_pages_are_reused_and_the_highest_version_stays(filled: int, loader: NativeLoader, signers) -> None:
    versions = b"".join(entry(1 + n) for n in range(filled))
    for wanted, starts in ((filled - 1, False), (filled, True), (filled + 1, True)):
        outcome = loader.run([None], flash(signed(signers[0], wanted), versions=versions))
        assert outcome.started is starts
        assert max(versions_in(outcome.flash)) == max(filled, wanted)
    memory = outcome.flash
    for version in range(filled + 2, filled + 2 * ENTRIES, 17):
        outcome = loader.run([None], signed(signers[0], version).ljust(SLOT, b"\xff") + memory[SLOT:])
        assert outcome.started and max(versions_in(outcome.flash)) == version
        memory = outcome.flash


def test_zeroed_pages_and_a_torn_entry_count_for_nothing(loader: NativeLoader, signers) -> None:
    torn = (9).to_bytes(4, "little") + b"\xff" * 4
    for versions in (bytes(2 * PAGE_BYTES), torn, entry(1) + torn):
        outcome = loader.run([None], flash(signed(signers[0], 2), versions=versions))
        assert outcome.started and max(versions_in(outcome.flash)) == 2


def test_no_command_reaches_versions_or_the_copy(loader: NativeLoader, signers) -> None:
    memory = flash(signed(signers[0], 2), versions=entry(2))
    script = [*SYNC]
    for offset in (SLOT, VERSIONS, FLASH_BYTES - 256):
        address = summed((ORIGIN + offset).to_bytes(4, "big"))
        script += [*READ, *address, *WRITE, *address]
    script += [*ERASE, *summed(b"\0\0\0\7"), *ERASE, *summed(b"\0\0\0\x0e"), *ERASE, *summed(b"\xff\xff")]
    outcome = loader.run(script, memory)
    assert outcome.sent == ACK + (ACK + NACK) * 8 + ACK + ACK
    assert outcome.flash[:SLOT] == b"\xff" * SLOT and versions_in(outcome.flash) == {2}
    assert outcome.flash[SLOT : SLOT + 1200] == memory[:1200]  # the mass erase kept a copy first


# --- the way back -----------------------------------------------------------------------


def test_an_update_that_breaks_off_anywhere_goes_back(loader: NativeLoader, signers) -> None:
    old, new = signed(signers[0], 1, 1500), signed(signers[0], 2, 2000)
    memory = flash(old, versions=entry(1))
    script: list[int | None] = [*SYNC, *ERASE, *summed(b"\0\2\0\0\0\1\0\2")]
    for offset in (*range(256, len(new), 256), 0):
        block = new[offset : offset + 256]
        broken = loader.run(script, memory).flash
        restarted = loader.run([None], broken)
        assert restarted.started and restarted.flash[: len(old)] == old, offset
        script += [*WRITE, *summed((ORIGIN + offset).to_bytes(4, "big")), *summed(bytes([len(block) - 1]) + block)]
    done = loader.run([*script, *GO, *ADDRESS], memory)
    assert done.started and done.flash[: len(new)] == new and versions_in(done.flash) == {1, 2}


def test_an_image_that_is_not_trusted_goes_back(loader: NativeLoader, signers) -> None:
    old = signed(signers[0], 3)
    for slot in (sealed(9), signed(signers[1], 9), signed(signers[0], 2), b"\0" * 3000):
        outcome = loader.run([None, None], flash(slot, old, entry(3)))
        assert outcome.started and outcome.flash[: len(old)] == old
        assert versions_in(outcome.flash) == {3}


def test_an_interrupted_way_back_is_gone_again(loader: NativeLoader, signers) -> None:
    old = signed(signers[0], 3, 2000)
    for whole in range(256, len(old), 512):
        partly = b"\xff" * 256 + old[256:whole]
        outcome = loader.run([None], flash(partly, old, entry(3)))
        assert outcome.started and outcome.flash[: len(old)] == old


def test_a_copy_that_is_half_or_revoked_or_not_signed_does_not_come_back(loader: NativeLoader, signers) -> None:
    old = signed(signers[0], 3)
    for backup in (b"\xff" * 256 + old[256:], signed(signers[0], 2), sealed(3), signed(signers[1], 3)):
        outcome = loader.run([None, None], flash(b"", backup, entry(3)))
        assert not outcome.started and outcome.flash[:SLOT] == b"\xff" * SLOT


def test_what_is_not_trusted_never_replaces_the_copy(loader: NativeLoader, signers) -> None:
    old = signed(signers[0], 3)
    outcome = loader.run([*SYNC, *ERASE, *summed(b"\0\0\0\0")], flash(sealed(9), old, entry(3)))
    assert outcome.sent == ACK * 3 and outcome.flash[SLOT : SLOT + len(old)] == old


# --- where slots lie ----------------------------------------------------------------------


def test_slots_do_not_overlap_and_only_large_images_have_no_copy() -> None:
    for name in boards.names():
        board = boards.load(name)
        if board.loader is None:
            continue
        end = board.memory.flash_origin + sum(run.count * run.bytes for run in board.flash.pages)
        page, two = board.flash.pages[0].bytes, board.slots(0)
        assert board.memory.flash_origin + two.bytes == two.backup and two.backup + two.bytes <= two.versions
        assert two.versions + 2 * page == end and two.bytes % page == 0
        assert board.slots(two.bytes) == two
        one = board.slots(two.bytes + 1)
        assert (one.backup, one.versions) == (None, two.versions)
        assert board.memory.flash_origin + one.bytes == one.versions
