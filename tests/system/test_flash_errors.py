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
from edge_tr.target import an3155
from edge_tr.target.flash import FlashResult, flash
from tests.fakes import FakeStm32, losing, served, served_rfc2217
from tests.system.lossy import Faults, lossy_wire

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


@pytest.mark.parametrize("fault", ["refuse_writes", "swallow_writes", "refuse_reads", "swallow_erases"])
def test_a_refused_or_unanswered_request_is_repeated(
    chip: FakeStm32, url: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(an3155, "PAGE_ERASE_SECONDS", 0.1)
    setattr(chip.faults, fault, 2)
    send(url)
    assert chip.flash[: len(IMAGE)] == IMAGE


def test_writes_that_are_always_refused(chip: FakeStm32, url: str) -> None:
    chip.faults.refuse_writes = 1000
    with pytest.raises(
        DeviceError, match=r"the loader refused writing \d+ bytes at 0x08000100: the protocol does not say why"
    ):
        send(url)


def test_a_protected_chip(chip: FakeStm32, url: str) -> None:
    chip.faults.protected = True
    with pytest.raises(
        DeviceError, match="the loader refused Extended Erase: of a command that it lists, that means read"
    ):
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


def test_what_lies_in_an_erased_page_and_should_not_is_erased_again(chip: FakeStm32, url: str) -> None:
    """Behind the image, in its last page, which no request asked for."""
    program, stray = chip._program, iter([b"12345678"])

    def and_something_else(offset: int, data: bytes) -> bool:
        for more in stray:
            program(0x1FF8, more)
        return program(offset, data)

    chip._program = and_something_else
    send(url)
    assert chip.flash[:0x2000] == IMAGE.ljust(0x2000, b"\xff")
    assert (0x1FF8, b"12345678") in chip.writes and chip.erased[1:] == [(1,)]


@pytest.mark.parametrize("with_a_loader", [True, False])
def test_an_adapter_that_echoes_is_named(with_a_loader: bool, url: str) -> None:
    faults = Faults(echo=True, dead=not with_a_loader)
    words = "what is sent to this port comes back: switch the adapter's echo off"
    with lossy_wire(url, faults) as wire, pytest.raises(DeviceError, match=words):
        send(wire.url)


@pytest.mark.parametrize(("crlf", "which"), [("to board", "to the loader"), ("to host", "from the loader")])
def test_line_ends_that_are_translated_are_named(crlf: str, which: str, url: str) -> None:
    words = f"line ends are translated, LF to CRLF, on the way {which}: set the terminal, the adapter or the serial"
    with lossy_wire(url, Faults(crlf=crlf)) as wire, pytest.raises(DeviceError, match=words):
        send(wire.url)


@pytest.mark.parametrize("seed", range(2))
def test_a_bad_wire_costs_time_and_no_more(seed: int, chip: FakeStm32, url: str, monkeypatch) -> None:
    monkeypatch.setattr(an3155, "REPLY_SECONDS", 0.2)
    monkeypatch.setattr(an3155, "PAGE_ERASE_SECONDS", 0.1)
    faults = Faults(lose=0.0005, double=0.0005, flip=0.0005, insert=0.0005)
    with lossy_wire(url, faults, seed) as wire:
        send(wire.url)
    assert wire.faulty > 3
    assert chip.flash[:0x2000] == IMAGE.ljust(0x2000, b"\xff")


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
