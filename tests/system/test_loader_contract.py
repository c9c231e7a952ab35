"""One contract, three loaders: ours on two emulated cores through their real UART, and the fake STM32 ROM.

The host's client is trusted with real chips because the fake does what the real loader does, and the other
way round.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import random
import time
from collections.abc import Callable, Iterator
from functools import reduce
from operator import xor
from pathlib import Path

import pytest
import serial
from echo import Built, build, seal

from edge_tr import boards
from edge_tr.boards import Board
from edge_tr.errors import DeviceError
from edge_tr.target import an3155
from edge_tr.target.an3155 import Loader, Refused
from edge_tr.target.emulator import emulate
from edge_tr.target.flash import flash
from edge_tr.target.port import open_port, read
from tests.fakes import FakeStm32, losing, served

DEVICES = ("mps2-an386", "qemu-rv32ec", "fake STM32 ROM")


@dataclasses.dataclass
class Device:
    """A board with a loader. `url` is good until `restart`, a power cycle; True: with BOOT0 high, if there is one."""

    board: Board
    image: bytes
    url: str
    restart: Callable[[bool], None]

    @property
    def origin(self) -> int:
        return self.board.memory.flash_origin

    @contextlib.contextmanager
    def loader(self) -> Iterator[tuple[Loader, serial.SerialBase]]:
        """In step with it."""
        with open_port(self.url, 115200) as port:
            loader = Loader(port)
            loader.synchronise()
            yield loader, port

    def flash(self, url: str | None = None) -> None:
        flash(self.board, self.image, url or self.url, Path())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory):
    @functools.cache
    def make(name: str) -> Built:
        return build(boards.load(name), tmp_path_factory.mktemp(name))

    return make


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, built, tmp_path: Path) -> Iterator[Device]:
    with contextlib.ExitStack() as stack:
        if request.param == "fake STM32 ROM":
            yield fake_device(stack)
        else:
            yield emulated_device(stack, built(request.param), tmp_path)


def fake_device(stack: contextlib.ExitStack) -> Device:
    chip = FakeStm32()
    url = stack.enter_context(served(chip))

    def restart(boot0: bool) -> None:
        chip.boot0 = boot0
        chip.reset()

    board = boards.load("nucleo-l4r5zi")

    body = bytes(128) + random.Random(5).randbytes(3000)
    return Device(board, seal(board, body, board.memory.flash_origin), url, restart)


def emulated_device(stack: contextlib.ExitStack, target: Built, state: Path) -> Device:
    running = stack.enter_context(contextlib.ExitStack())

    def start() -> str:
        running.close()
        return running.enter_context(emulate(target.board, state, loader_elf=target.loader_elf)).url

    def restart(boot0: bool) -> None:
        device.url = start()

    device = Device(target.board, target.image, start(), restart)
    return device


def summed(data: bytes) -> bytes:
    return data + bytes([reduce(xor, data)])


def test_it_says_which_chip_it_is_and_what_it_can(device: Device) -> None:
    with device.loader() as (loader, _):
        assert loader.product_id() == device.board.flash.product_id
        assert loader.commands() >= {0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44}


def test_what_is_written_is_read_back(device: Device) -> None:
    blocks = {0: 256, 256: 8, 5000: 64, device.board.memory.flash_bytes - 256: 256}
    rng = random.Random(1)
    with device.loader() as (loader, _):
        loader.erase_all()
        for offset, size in blocks.items():
            data = rng.randbytes(size)
            loader.write(device.origin + offset, data)
            assert loader.read(device.origin + offset, size) == data


def test_an_erased_page_is_ones_and_its_neighbour_stays(device: Device) -> None:
    page = device.board.flash.pages[0].bytes
    with device.loader() as (loader, _):
        loader.erase([0, 1])
        for number in (0, 1):
            loader.write(device.origin + number * page, b"neighbor")
        loader.erase([1])
        assert loader.read(device.origin, 8) == b"neighbor"
        assert loader.read(device.origin + page, 256) == b"\xff" * 256


@pytest.mark.parametrize(
    ("start", "rest"),
    [
        (b"\x99\x66", b""),
        (b"\x31\x31", b""),
        (b"\x11\xee", "address with a wrong checksum"),
        (b"\x11\xee", "address below"),
        (b"\x11\xee", "address above"),
        (b"\x31\xce", "address below"),
        (b"\x44\xbb", summed(b"\x00\x00\xff\xef")),
        (b"\x44\xbb", b"\x00\x00\x00\x00\x55"),
    ],
)
def test_a_malformed_request_is_refused_and_the_next_one_served(
    device: Device, start: bytes, rest: bytes | str
) -> None:
    origin, end = device.origin, device.origin + device.board.memory.flash_bytes
    addresses = {
        "address with a wrong checksum": origin.to_bytes(4, "big") + b"\x00",
        "address below": summed((origin - 4).to_bytes(4, "big")),
        "address above": summed(end.to_bytes(4, "big")),
    }
    with device.loader() as (loader, port):
        port.write(start)
        if rest:
            assert read(port, 1, 5.0) == bytes([an3155.ACK])
            port.write(addresses[rest] if isinstance(rest, str) else rest)
        assert read(port, 1, 5.0) == bytes([an3155.NACK])
        assert loader.product_id() == device.board.flash.product_id


def test_a_write_with_a_wrong_checksum_is_refused_and_changes_nothing(device: Device) -> None:
    with device.loader() as (loader, port):
        loader.erase([0])
        port.write(b"\x31\xce")
        assert read(port, 1, 5.0) == bytes([an3155.ACK])
        port.write(summed(device.origin.to_bytes(4, "big")))
        assert read(port, 1, 5.0) == bytes([an3155.ACK])
        port.write(b"\x07" + b"damaged!" + b"\x00")
        assert read(port, 1, 5.0) == bytes([an3155.NACK])
        assert loader.read(device.origin, 8) == b"\xff" * 8


def test_reading_past_the_end_is_refused(device: Device) -> None:
    end = device.origin + device.board.memory.flash_bytes
    with device.loader() as (loader, _):
        with pytest.raises(Refused):
            loader.read(end - 4, 8)
        with pytest.raises(Refused):
            loader.write(end, b"12345678")
        assert loader.product_id() == device.board.flash.product_id


def test_it_is_reachable_after_random_bytes(device: Device) -> None:
    for seed in range(3):
        with open_port(device.url, 115200) as port:
            port.write(random.Random(seed).randbytes(300))
        with device.loader() as (loader, _):
            assert loader.product_id() == device.board.flash.product_id


def test_it_is_reachable_after_half_a_write(device: Device) -> None:
    with device.loader() as (_, port):
        port.write(b"\x31\xce")
        read(port, 1, 5.0)
        port.write(summed(device.origin.to_bytes(4, "big")))
        read(port, 1, 5.0)
        port.write(b"\xff" + b"half a block")
    device.flash()


class Unheard:
    """A port on which one byte of the answers, after so many that arrive, is lost."""

    def __init__(self, port: serial.SerialBase, answers: int) -> None:
        self._port, self._left = port, answers

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def read(self, count: int) -> bytes:
        data, lost = self._port.read(count), self._left
        self._left -= len(data)
        return data[:lost] + data[lost + 1 :] if 0 <= lost < len(data) else data


REQUESTS = {
    "product id": lambda loader, origin: loader.product_id(),
    "read": lambda loader, origin: loader.read(origin, 8),
    "write": lambda loader, origin: loader.write(origin + 0x100, bytes(range(1, 65))),
    "erase": lambda loader, origin: loader.erase([0, 1]),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_lost_answer_is_got_over_and_nothing_is_done_that_was_not_asked_for(
    device: Device, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of a request's answers: on our loader, which soon takes silence for an end, and on one that waits."""
    before, asked = b"a program" + bytes(range(1, 65)), bytes(range(1, 65)) if name == "write" else b"\xff" * 64
    with device.loader() as (loader, port):
        for answers in range(3 if name != "erase" else 2):
            loader.erase([0, 1])
            loader.write(device.origin, before.ljust(128, b"."))
            unheard = Loader(Unheard(port, answers))
            with monkeypatch.context() as hurry, pytest.raises(an3155.Silent):
                hurry.setattr(an3155, "REPLY_SECONDS", 0.5)
                hurry.setattr(an3155, "PAGE_ERASE_SECONDS", 0.1)
                REQUESTS[name](unheard, device.origin)
            unheard.recover()
            assert unheard.product_id() == device.board.flash.product_id
            done = answers == 2 or (name == "erase" and answers == 1)
            kept = b"\xff" * 128 if done and name == "erase" else before.ljust(128, b".")
            assert loader.read(device.origin, 128) == kept
            written = asked if done and name == "write" else b"\xff" * 64
            assert loader.read(device.origin + 0x100, 64) == written


@pytest.mark.parametrize("lost_after", [300, 1500, 3100])
def test_a_lost_connection_leaves_nothing_bootable_and_a_board_that_can_be_flashed(
    device: Device, lost_after: int
) -> None:
    device.flash()
    device.restart(True)
    lost = pytest.raises(DeviceError, match=r"the connection was lost after \d+ of \d+ bytes")
    with losing(device.url, lost_after) as url, lost:
        device.flash(url)
    device.restart(False)
    time.sleep(1.0)  # longer than a loader with a good image waits
    with device.loader() as (loader, _):
        assert loader.product_id() == device.board.flash.product_id
    device.flash()


def test_flash_writes_the_image_and_nothing_before_it_was_identified(device: Device) -> None:
    device.flash()
    device.restart(True)
    other = dataclasses.replace(device.board, flash=dataclasses.replace(device.board.flash, product_id=0x999))
    with pytest.raises(DeviceError, match="product id 0x"):
        flash(other, device.image, device.url, Path())
    with device.loader() as (loader, _):
        assert loader.read(device.origin + 64, 64) == device.image[64:128]
