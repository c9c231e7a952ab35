"""The loader's own C code on this computer, under ASan and UBSan: what starts, and what random requests do."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path
from types import MappingProxyType

import pytest

from edge_tr.formats import image
from tests.firmware.harness_build import SANITIZED, WARNINGS, command

ROOT = Path(__file__).resolve().parents[2]
ORIGIN, FLASH_BYTES, PAGE_BYTES = 0x2100_0000, 0x4000, 0x400
BOARD = "a-board"
ACK, NACK, SYNC = b"\x79", b"\x1f", b"\x7f"
STARTED = 42
GO, WRITE, READ, ERASE = b"\x21\xde", b"\x31\xce", b"\x11\xee", b"\x44\xbb"


def summed(data: bytes) -> bytes:
    return data + bytes([reduce(xor, data)])


ADDRESS = summed(ORIGIN.to_bytes(4, "big"))


@dataclass(frozen=True)
class Outcome:
    started: bool
    sent: bytes
    flash: bytes


class NativeLoader:
    """Runs a script of received bytes and silences (None) from reset on."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._file = program, folder / "flash"

    def run(self, script: list[int | None], flash: bytes = b"") -> Outcome:
        self._file.write_bytes(flash.ljust(FLASH_BYTES, b"\xff"))
        records = b"".join(b"\1\0" if item is None else bytes([0, item]) for item in script)
        environment = {**os.environ, "TR_FLASH_FILE": str(self._file)}
        done = subprocess.run([self._program], input=records, capture_output=True, env=environment, timeout=60)
        assert done.returncode in (0, STARTED), done.stderr.decode()
        return Outcome(done.returncode == STARTED, done.stdout, self._file.read_bytes())


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_loader(tmp_path_factory.mktemp("boot") / "loader")


def compile_loader(
    path: Path, defines: Mapping[str, object] = MappingProxyType({}), sources: Sequence[Path] = ()
) -> Path:
    """The loader as a program, with all sanitizers."""
    numbers = {
        "TR_IMAGE_ORIGIN": ORIGIN,
        "TR_IMAGE_BYTES": FLASH_BYTES,
        "TR_FLASH_BYTES": FLASH_BYTES,
        "TR_PAGE_BYTES": PAGE_BYTES,
        "TR_PRODUCT_ID": 0xED01,
        "TR_BOARD_ID": image.board_id(BOARD),
        "TR_BOOT_WAIT_MS": 300,
        "TR_BOOT_TIMEOUT_MS": 500,
    }
    given = {**{name: f"{value}u" for name, value in numbers.items()}, **defines}
    own = [file for file in sorted((ROOT / "firmware/boot").glob("*.c")) if file.name != "memory.c"]
    own += [ROOT / "firmware/src/tr_crc32.c", ROOT / "tests/firmware/harness_boot.c"]
    includes = [ROOT / "firmware/include", ROOT / "firmware/boot", *{source.parent for source in sources}]
    options = ["-std=c11", *SANITIZED, *(f"-I{folder}" for folder in includes)]
    options += [f"-D{name}={value}" for name, value in given.items()]
    objects = [path.with_suffix(f".{source.stem}.o") for source in (*own, *sources)]
    for source, target in zip((*own, *sources), objects):
        command("gcc", *options, *(["-w"] if source in sources else WARNINGS), "-c", source, "-o", target)
    command("gcc", *SANITIZED, *objects, "-o", path)
    return path


@pytest.fixture
def loader(program: Path, tmp_path: Path) -> NativeLoader:
    return NativeLoader(program, tmp_path)


def sealed(size: int = 1000, board: str = BOARD, origin: int = ORIGIN) -> bytes:
    linked = random.Random(size).randbytes(64) + bytes(64) + random.Random(1).randbytes(size)
    return image.seal(linked, load_address=origin, board=board, build_id=1, model_sha256=bytes(32))


def test_a_good_image_starts_after_the_wait(loader: NativeLoader) -> None:
    outcome = loader.run([None], sealed())
    assert outcome.started
    assert outcome.sent == b""


def test_any_other_byte_ends_the_wait_at_once(loader: NativeLoader) -> None:
    assert loader.run([0x00], sealed()).started


def test_a_call_within_the_wait_stays_in_the_loader(loader: NativeLoader) -> None:
    outcome = loader.run([SYNC[0], None, None, None], sealed())
    assert not outcome.started
    assert outcome.sent == ACK


def test_go_starts_a_good_image(loader: NativeLoader) -> None:
    outcome = loader.run([*SYNC, *GO, *ADDRESS], sealed())
    assert outcome.started
    assert outcome.sent == ACK * 3


def test_the_largest_image_starts(loader: NativeLoader) -> None:
    assert loader.run([None], sealed(FLASH_BYTES - 128)).started


@pytest.mark.parametrize(
    "flash",
    [
        b"",
        bytes(FLASH_BYTES),
        sealed(board="another board"),
        sealed(origin=ORIGIN + 4),
        sealed()[:-200],
        sealed(FLASH_BYTES - 124),
    ],
    ids=["erased", "zeros", "another board's", "for another address", "half written", "longer than flash"],
)
def test_anything_else_never_starts(loader: NativeLoader, flash: bytes) -> None:
    outcome = loader.run([None, None, *SYNC, *GO, *ADDRESS, None, *SYNC], flash[:FLASH_BYTES])
    assert not outcome.started
    assert outcome.sent == ACK + ACK + NACK + ACK


def test_every_damaged_byte_of_the_header_and_any_other_keeps_it_from_starting(loader: NativeLoader) -> None:
    good, rng = sealed(2000), random.Random(7)
    for position in [*range(64, 128), *range(0, len(good), 99), len(good) - 1]:
        damaged = bytearray(good)
        damaged[position] ^= 1 << rng.randrange(8)
        assert not loader.run([None], bytes(damaged)).started, position


def test_a_silence_inside_any_request_ends_it(loader: NativeLoader) -> None:
    requests = [GO + ADDRESS, READ + ADDRESS + b"\x03\xfc"]
    requests += [WRITE + ADDRESS + summed(b"\x03abcd"), ERASE + summed(b"\0\0\0\1")]
    for request in requests:
        for cut in range(1, len(request)):
            outcome = loader.run([*SYNC, *request[:cut], None, *SYNC, *b"\x02\xfd"])
            assert outcome.sent.endswith(ACK + ACK + b"\x01\xed\x01" + ACK), (request.hex(), cut)
            assert outcome.flash == b"\xff" * FLASH_BYTES


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x99\x66",
        b"\x02\x02",
        GO + summed((ORIGIN + 4).to_bytes(4, "big")),
        READ + summed((ORIGIN - 1).to_bytes(4, "big")),
        READ + summed((ORIGIN + FLASH_BYTES).to_bytes(4, "big")),
        READ + ADDRESS[:4] + bytes([ADDRESS[4] ^ 1]),
        READ + summed((ORIGIN + FLASH_BYTES - 4).to_bytes(4, "big")) + b"\x04\xfb",
        READ + ADDRESS + b"\x04\xfc",
        WRITE + summed((ORIGIN + FLASH_BYTES - 4).to_bytes(4, "big")) + summed(b"\x07abcdefgh"),
        WRITE + summed((ORIGIN + 1).to_bytes(4, "big")) + summed(b"\x03abcd"),
        WRITE + ADDRESS + summed(b"\x02abc"),
        WRITE + ADDRESS + b"\x03abcd" + b"\x00",
        ERASE + summed(b"\0\0" + (FLASH_BYTES // PAGE_BYTES).to_bytes(2, "big")),
        ERASE + b"\0\0\0\0\x55",
        ERASE + summed(b"\xff\xfe"),
        ERASE + summed((199).to_bytes(2, "big") + bytes(400)),
    ],
)
def test_a_malformed_request_is_refused_and_changes_nothing(loader: NativeLoader, request_bytes: bytes) -> None:
    before = random.Random(3).randbytes(FLASH_BYTES)
    outcome = loader.run([*SYNC, *request_bytes, *b"\x02\xfd"], before)
    assert outcome.sent.endswith(NACK + ACK + b"\x01\xed\x01" + ACK)
    assert outcome.flash == before


def test_random_requests_never_start_a_bad_image_nor_leave_the_loader_out_of_step(loader: NativeLoader) -> None:
    for seed in range(60):
        rng = random.Random(seed)
        script = [item for _ in range(200) for item in _random_request(rng)]
        flash = sealed() if rng.random() < 0.5 else rng.randbytes(FLASH_BYTES)
        outcome = loader.run([*SYNC, *script, None, *SYNC, *b"\x02\xfd"], flash)
        if outcome.started:
            header = image.IMAGE_HEADER.unpack(outcome.flash[64:])
            image.check(outcome.flash[: int(header["image_bytes"])])
        else:
            assert outcome.sent.endswith(ACK + ACK + b"\x01\xed\x01" + ACK), seed


def _random_request(rng: random.Random) -> list[int | None]:
    """Half right, half damaged, sometimes cut off by a silence."""
    address = ORIGIN + rng.choice([0, 0, 4 * rng.randrange(FLASH_BYTES // 4), rng.randrange(1 << 31)])
    count = rng.choice([4, 256, 4 * rng.randrange(1, 65), rng.randrange(1, 257)])
    at = summed((address & 0xFFFFFFFF).to_bytes(4, "big"))
    pages = [rng.randrange(FLASH_BYTES // PAGE_BYTES + 1) for _ in range(rng.choice([1, 2, 130]))]
    request = rng.choice(
        [
            READ + at + bytes([count - 1, (count - 1) ^ 0xFF]),
            WRITE + at + summed(bytes([count - 1]) + rng.randbytes(count)),
            ERASE + summed((len(pages) - 1).to_bytes(2, "big") + b"".join(p.to_bytes(2, "big") for p in pages)),
            ERASE + summed(b"\xff\xff"),
            GO + at,
            rng.randbytes(rng.randrange(1, 40)),
        ]
    )
    if rng.random() < 0.3:
        position = rng.randrange(len(request))
        request = request[:position] + rng.randbytes(1) + request[position + 1 :]
    if rng.random() < 0.2:
        return [*request[: rng.randrange(len(request))], None]
    return [*request]
