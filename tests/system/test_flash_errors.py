"""What goes wrong while flashing: one message each, with the cause, the remedy and exit code 6."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from echo import seal

from edge_tr import boards
from edge_tr.boards import Board
from edge_tr.errors import DeviceError, UsageError
from edge_tr.target.flash import FlashResult, flash
from tests.fakes import FakeStm32, losing, served, served_rfc2217

BOARD = boards.load("nucleo-l4r5zi")
IMAGE = seal(BOARD, bytes(128) + random.Random(2).randbytes(5003), BOARD.memory.flash_origin)


@pytest.fixture
def chip() -> FakeStm32:
    return FakeStm32()


@pytest.fixture
def url(chip: FakeStm32) -> Iterator[str]:
    with served(chip) as found:
        yield found


def send(url: str, board: Board = BOARD, image: bytes = IMAGE) -> FlashResult:
    return flash(board, image, url, Path())


def test_an_empty_chip_is_flashed_verified_and_started(chip: FakeStm32, url: str) -> None:
    steps: list[tuple[int, int]] = []
    result = flash(BOARD, IMAGE, url, Path(), progress=lambda done, total: steps.append((done, total)))
    assert result.verified and result.port == url and result.image_bytes == len(IMAGE)
    assert chip.flash[: len(IMAGE)] == IMAGE
    assert chip.running == "application"
    assert steps == sorted(steps) and steps[-1][0] == steps[-1][1]


def test_only_the_pages_of_the_image_are_erased(chip: FakeStm32, url: str) -> None:
    chip.flash[0x2000:0x2004] = b"mine"
    send(url)
    assert chip.flash[0x2000:0x2004] == b"mine"


def test_an_image_beyond_the_numbered_pages_needs_a_mass_erase(chip: FakeStm32, url: str) -> None:
    chip.flash[0x10_0000:0x10_0004] = b"mine"
    few = dataclasses.replace(BOARD.flash, pages=(boards.Pages(1, 0x1000),))
    send(url, dataclasses.replace(BOARD, flash=few))
    assert chip.flash[0x10_0000:0x10_0004] == b"\xff" * 4


@pytest.mark.parametrize("fault", ["refuse_writes", "swallow_writes"])
def test_a_refused_or_unanswered_write_is_repeated(chip: FakeStm32, url: str, fault: str) -> None:
    setattr(chip.faults, fault, 2)
    send(url)
    assert chip.flash[: len(IMAGE)] == IMAGE


def test_writes_that_are_always_refused(chip: FakeStm32, url: str) -> None:
    chip.faults.refuse_writes = 1000
    with pytest.raises(DeviceError, match="the loader refused writing 256 bytes at 0x08000100: clear the chip's"):
        send(url)


def test_a_protected_chip(chip: FakeStm32, url: str) -> None:
    chip.faults.protected = True
    with pytest.raises(DeviceError, match="read-out and write protection"):
        send(url)


def test_a_worn_out_bit(chip: FakeStm32, url: str) -> None:
    chip.faults.stuck_bit = next(i for i in range(600, 5000) if IMAGE[i] % 2 == 0)
    with pytest.raises(DeviceError, match=f"verifying failed at {0x08000000 + chip.faults.stuck_bit:#010x}: 0x"):
        send(url)
    assert chip.flash[:256] == b"\xff" * 256, "the block that makes it bootable must not be there"


def test_another_chip(chip: FakeStm32, url: str) -> None:
    chip.product_id = 0x467
    with pytest.raises(DeviceError, match="has product id 0x467, nucleo-l4r5zi has 0x470: choose that board's port"):
        send(url)
    assert set(chip.flash) == {0xFF}


def test_no_loader_answers(chip: FakeStm32, url: str) -> None:
    chip.running = "application"
    with pytest.raises(DeviceError, match=r"no loader answers at .*: connect a serial adapter to USART3"):
        send(url)


def test_a_lost_connection_says_how_far_it_came(chip: FakeStm32, url: str) -> None:
    lost = pytest.raises(DeviceError, match=r"was lost after \d+ of 5132 bytes .*: check the cable and flash again")
    with losing(url, 2000) as relayed, lost:
        send(relayed)


def test_an_image_of_another_board_is_not_sent(url: str) -> None:
    other = boards.load("nucleo-g0b1re")
    with pytest.raises(DeviceError, match="built for another board than nucleo-g0b1re: build again"):
        send(url, other)


def test_a_damaged_image_is_not_sent(chip: FakeStm32, url: str) -> None:
    with pytest.raises(DeviceError, match=r"the image is damaged: .*CRC-32; build again"):
        send(url, image=IMAGE[:-1] + bytes([IMAGE[-1] ^ 1]))


def test_a_board_without_emulator_needs_a_port() -> None:
    with pytest.raises(UsageError, match="nucleo-l4r5zi has no emulator: connect the board and give its --port"):
        flash(BOARD, IMAGE, None, Path())


def test_the_host_takes_no_port(url: str) -> None:
    with pytest.raises(UsageError, match="host is not flashed through a port: leave out --port"):
        send(url, boards.load("host"))


def test_rts_and_dtr_reset_the_board_into_its_loader_and_back(chip: FakeStm32) -> None:
    """Over rfc2217, the one kind of URL that carries modem lines: here RTS is wired to reset, DTR to BOOT0."""
    chip.running = "application"
    chip.flash[:4] = b"old!"
    wired = dataclasses.replace(
        BOARD.flash,
        enter=("dtr=1", "rts=1", "wait=5", "rts=0", "wait=20"),
        leave=("dtr=0", "rts=1", "wait=5", "rts=0"),
    )
    with served_rfc2217(chip) as url:
        send(url, dataclasses.replace(BOARD, flash=wired))
    assert chip.flash[: len(IMAGE)] == IMAGE
    assert chip.running == "application"
    assert not chip.boot0
