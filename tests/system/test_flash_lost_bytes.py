"""A whole transfer to a fake ROM that waits for ever, with each of its answers and each of our bytes lost in turn."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
from echo import seal

from edge_tr import boards
from edge_tr.target import flash as flash_module
from edge_tr.target import port as port_module
from edge_tr.target.flash import flash
from tests.fakes import FakeStm32, InProcess

PAGE = 0x400
L4R5 = boards.load("nucleo-l4r5zi")
BOARD = dataclasses.replace(L4R5, flash=dataclasses.replace(L4R5.flash, pages=(boards.Pages(16, PAGE),)))
IMAGE = seal(BOARD, bytes(128) + random.Random(3).randbytes(500), BOARD.memory.flash_origin)
WRITTEN = IMAGE.ljust(-(-len(IMAGE) // 8) * 8, b"\xff")
MINE = b"neighbour"


def transfer(monkeypatch: pytest.MonkeyPatch, **lost: int) -> tuple[FakeStm32, InProcess]:
    """Flash a chip that was used before; it takes writes of any size, so nothing but a checksum protects it."""
    chip = FakeStm32(flash_bytes=16 * PAGE, page_bytes=PAGE, any_size=True)
    chip.flash[: 2 * PAGE] = b"old!" * (PAGE // 2)
    chip.flash[2 * PAGE : 2 * PAGE + len(MINE)] = MINE
    port = InProcess(chip, **lost)
    monkeypatch.setattr(port_module.time, "monotonic", port.monotonic)
    monkeypatch.setattr(flash_module, "open_port", lambda *_: port)
    flash(BOARD, IMAGE, "fake", Path())
    return chip, port


def assert_holds_what_was_asked_for(chip: FakeStm32, what: object) -> None:
    assert chip.flash[:PAGE] == IMAGE.ljust(PAGE, b"\xff"), what
    assert chip.flash[PAGE : 2 * PAGE] == b"old!" * (PAGE // 4), what
    assert chip.flash[2 * PAGE :] == MINE.ljust(14 * PAGE, b"\xff"), what
    assert chip.running == "application" and not chip.misled, what


def test_each_answer_of_the_rom_may_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    _, port = transfer(monkeypatch)
    for number in range(port.answered):
        chip, _ = transfer(monkeypatch, lose_answer=number)
        assert_holds_what_was_asked_for(chip, number)
        for offset, data in chip.writes:
            assert data == WRITTEN[offset : offset + len(data)], number
        assert set(chip.erased) == {(0,)}, number


def test_each_byte_to_the_rom_may_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    _, port = transfer(monkeypatch)
    first, others = range(60), range(60, port.written, 7)  # each of the first requests; the others are like them
    for number in (*first, *others):
        chip, _ = transfer(monkeypatch, lose_byte=number)
        assert_holds_what_was_asked_for(chip, number)
