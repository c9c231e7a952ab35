"""Filler completes nothing, in every state in which a lost answer can leave a loader: by the model, and on the fake."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest

from edge_tr.target import an3155
from edge_tr.target.loader_states import (
    EXTENDED_ERASE,
    FILLER,
    GO,
    IDLE,
    READ_MEMORY,
    STAGES,
    WRITE_MEMORY,
    State,
    filler,
    possible,
    run,
    run_or_refuse,
    step,
)
from tests.fakes import FLASH_ORIGIN, FakeStm32


def summed(data: bytes) -> bytes:
    return data + bytes([reduce(xor, data)])


def command(code: int) -> bytes:
    return bytes([code, code ^ 0xFF])


ADDRESS = summed((FLASH_ORIGIN + 0x1000).to_bytes(4, "big"))
BLOCK = bytes(range(256))
REQUESTS = {
    "get": [command(0)],
    "get id": [command(2)],
    "read": [command(READ_MEMORY), ADDRESS, b"\xff\x00"],
    "write": [command(WRITE_MEMORY), ADDRESS, summed(b"\xff" + BLOCK)],
    "write of zeros": [command(WRITE_MEMORY), ADDRESS, summed(b"\x07" + bytes(8))],
    "erase": [command(EXTENDED_ERASE), summed(b"\0\1\0\0\0\1")],
    "erase of nine": [command(EXTENDED_ERASE), summed(b"\0\x08" + b"".join(bytes([0, n]) for n in range(9)))],
    "mass erase": [command(EXTENDED_ERASE), summed(b"\xff\xff")],
    "go": [command(GO), ADDRESS],
}
SUMS = range(256)
DATA = [State("data", WRITE_MEMORY, left, sum) for left in range(1, 7) for sum in SUMS]
DATA += [State("data", WRITE_MEMORY, left, sum) for left in (255, 256, 257) for sum in (0, 1, FILLER, 0xFF)]
LISTS = [State("list", EXTENDED_ERASE, 2 * pages + 1, sum) for pages in range(3) for sum in SUMS]
LISTS += [State("list", EXTENDED_ERASE, 129, sum) for sum in (0, 1, FILLER, 0xFF)]


def completes(state: State, data: bytes) -> bool:
    """Whether a loader may acknowledge anything on the way."""
    states, calm = {state}, 0  # bytes since all wait for a command: filler goes on there as it began
    for position, byte in enumerate(data):
        if any(step(each, byte)[1] for each in states):
            return True
        calm = calm + 1 if all(map(rests, states)) else 0
        if calm > 4 and not position % 99 and set(data[position:]) == {FILLER}:
            return False
        states = {after for each in states for after in run_or_refuse(each, bytes([byte]))}
    return False


def rests(state: State) -> bool:
    return state.at in ("command", "complement")


@pytest.mark.parametrize("state", STAGES, ids=lambda state: f"{state.at} of {state.command:#04x}")
def test_filler_completes_nothing_where_a_loader_waits_after_an_answer(state: State) -> None:
    sent = filler({state, IDLE})
    assert not completes(state, sent + bytes([FILLER]) * 2) and not completes(IDLE, sent + bytes([FILLER]) * 2)
    assert rests(run(state, sent)) and set(sent) <= {FILLER}


def test_filler_completes_nothing_in_any_state_of_a_write_or_an_erase_that_is_known() -> None:
    """With any sum so far of what is left; of more bytes than these, all but the last few are the same."""
    for state in DATA + LISTS:
        sent = filler({state, IDLE})
        assert not completes(state, sent) and not completes(IDLE, sent) and rests(run(state, sent)), state
        assert len(sent) == state.left


@pytest.mark.parametrize("state", STAGES, ids=lambda state: f"{state.at} of {state.command:#04x}")
def test_what_calls_a_loader_in_a_state_that_nobody_knows_completes_nothing_either(state: State) -> None:
    """A host that was killed left it after an answer: SYNCs, for one that has not been called yet, and filler."""
    sent = bytes([an3155.SYNC]) * an3155.SYNC_TRIES + bytes([FILLER]) * an3155.FIRST_FILL
    assert not completes(state, sent) and rests(run(state, sent))
    for cut in range(an3155.SYNC_TRIES):  # it answered in between
        assert not completes(state, sent[:cut])


def test_other_fillers_would_complete_something() -> None:
    """What was sent before: SYNC for ever, a valid write of 128 bytes."""
    size = State("size", WRITE_MEMORY)
    assert completes(size, bytes([an3155.SYNC]) * 264)
    assert completes(size, bytes(8)) and completes(State("pages", EXTENDED_ERASE, 2), bytes(8))
    assert completes(State("pages", EXTENDED_ERASE, 2), b"\xff\xff\x00")


@pytest.mark.parametrize("name", REQUESTS)
def test_a_lost_answer_or_byte_leaves_a_state_that_is_reckoned_with(name: str) -> None:
    """The model agrees with the fake about where it is, and the filler for each part of a request does nothing."""
    state = IDLE
    for part in REQUESTS[name]:
        certain, spoiled = possible(state, part)
        sent = filler(certain, spoiled)
        assert run(state, part) in certain and IDLE in certain
        assert not any(completes(each, sent) for each in certain)
        assert all(rests(run(each, sent)) for each in certain | spoiled if not rests(each))
        for i in range(len(part)):
            assert run(state, part[:i] + part[i + 1 :]) in certain | spoiled
        short = [each for each in spoiled if each.left < 600]  # the others end in a list of thousands of pages
        assert sum(completes(each, sent[:600]) for each in short) <= 1, "more than a block of all 256 values explains"
        state = run(state, part)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_fake_rom_does_nothing_after_any_part_of_a_request_and_filler(name: str) -> None:
    parts = REQUESTS[name]
    for count in range(1, len(parts)):
        chip = FakeStm32(flash_bytes=0x10000, any_size=True)
        chip.take(bytes([an3155.SYNC]) + b"".join(parts[:count]))
        state = IDLE
        for part in parts[: count - 1]:
            state = run(state, part)
        answers = chip.take(filler(*possible(state, parts[count - 1])) + bytes([FILLER]) * 2)
        assert set(answers) == {an3155.NACK}
        assert not chip.writes and not chip.erased and chip.running == "rom"


def test_the_model_takes_bytes_one_by_one_as_all_at_once() -> None:
    for state in STAGES:
        for parts in REQUESTS.values():
            data, each = b"".join(parts) * 2, state
            for byte in data:
                each, _ = step(each, byte)
            assert each == run(state, data)
