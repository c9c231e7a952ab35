"""The memory behind flash against streams that were worked out by hand: fetches, prefetch, caches, constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_tr.boards import Cache, Reads
from edge_tr.errors import EdgeTrError
from edge_tr.target.waits import IS_BLOCK, Recorder, Stalls, Waits

PLAIN = Reads(clock_hz=1, wait_states=5, width=8, manual="this file")
AHEAD = replace(PLAIN, prefetch=True)
FLASH = 0x800_0000
RAM = 0x2000_0000


def played(reads: Reads, *blocks: tuple[int, int, int, tuple[int, ...]], size: int = 1 << 20) -> Stalls:
    """Blocks of (address, instructions, bytes of each, addresses that the first ones read), one cycle an
    instruction."""
    waits, events = Waits(reads, FLASH, size), []
    for number, (_, _, _, read) in enumerate(blocks):
        events += [IS_BLOCK | number, *read]
    steps = [[(each, 1, int(n < len(read))) for n in range(count)] for _, count, each, read in blocks]
    waits.play(np.array(events, np.uint64), [block[0] for block in blocks], steps)
    return waits.take()


def test_every_line_of_straight_code_waits_without_prefetch() -> None:
    """8 instructions of 2 bytes are 2 lines."""
    assert played(PLAIN, (FLASH, 8, 2, ())) == Stalls(8, 2 * 5, 0)


def test_code_in_ram_does_not_wait() -> None:
    assert played(PLAIN, (RAM, 8, 2, (RAM + 64,))) == Stalls(8, 0, 0)


def test_an_instruction_across_two_lines_waits_for_both() -> None:
    assert played(PLAIN, (FLASH + 6, 1, 4, ())).code == 2 * 5


def test_prefetch_hides_what_the_core_needs_for_a_line() -> None:
    """A line is there 6 cycles after the one before it: 4 of them pass with 4 instructions of 2 bytes, 2 with wide
    ones. The first line waits in full."""
    assert played(AHEAD, (FLASH, 4 * 10, 2, ())).code == 5 + 9 * (6 - 4)
    assert played(AHEAD, (FLASH, 2 * 10, 4, ())).code == 5 + 9 * (6 - 2)


def test_straight_code_takes_what_flash_gives_or_what_it_executes() -> None:
    """The rule of docs/benchmarks-notes.md: cycles = max(cycles, bytes * (wait states + 1) / width)."""
    for wait_states, each in ((5, 4), (5, 2), (2, 2), (2, 4), (3, 2)):
        lines = 1000
        stalls = played(replace(AHEAD, wait_states=wait_states), (FLASH, lines * 8 // each, each, ()))
        bound = max(8 // each, wait_states + 1) * lines
        assert abs(stalls.cycles + stalls.code - bound) <= wait_states + 1


def test_a_loop_waits_once_where_the_cache_holds_it() -> None:
    """4 lines of 8 bytes, ten times: in 2 lines of cache of 32 bytes they stay; without a cache each round waits."""
    loop = [(FLASH, 16, 2, ())] * 10
    cached = replace(PLAIN, code_cache=Cache(lines=2, line_bytes=32))
    assert played(cached, *loop).code == 4 * 5
    assert played(PLAIN, *loop).code == 10 * 4 * 5


def test_the_least_recently_used_line_gives_way() -> None:
    """Two lines: a b a c a: c takes the place of b. Then b is not there, and takes that of c."""
    two = replace(PLAIN, code_cache=Cache(lines=2, line_bytes=8))
    order = "abaca"
    assert played(two, *((FLASH + 8 * ord(name), 1, 2, ()) for name in order)).code == 3 * 5
    assert played(two, *((FLASH + 8 * ord(name), 1, 2, ()) for name in order + "bac")).code == 5 * 5


def test_ways_are_as_many_lines_as_a_set_holds() -> None:
    """Direct-mapped, lines 0 and 4 of 4 fight for one place; in two ways they do not."""
    far = [(FLASH, 1, 2, ()), (FLASH + 4 * 8, 1, 2, ())] * 3
    assert played(replace(PLAIN, code_cache=Cache(lines=4, line_bytes=8, ways=1)), *far).code == 6 * 5
    assert played(replace(PLAIN, code_cache=Cache(lines=4, line_bytes=8, ways=2)), *far).code == 2 * 5


def test_constants_wait_once_for_each_access_that_a_line_of_their_cache_takes() -> None:
    """Eight words in a row are 32 bytes, four accesses of 8; read again, none."""
    reads = replace(PLAIN, data_cache=Cache(lines=1, line_bytes=32))
    words = tuple(FLASH + 0x100 + 4 * n for n in range(8))
    assert played(reads, (RAM, 8, 2, words)) == Stalls(8, 0, 4 * 5)
    assert played(reads, (RAM, 8, 2, words), (RAM, 8, 2, words)).data == 4 * 5
    assert played(PLAIN, (RAM, 8, 2, words)).data == 8 * 5


def test_a_constant_waits_for_the_line_that_is_read_ahead() -> None:
    """The first instruction waits 5, then flash reads ahead for 6; the constant begins behind that and takes 5. The
    line ahead is there when the fifth instruction wants it; that of the ninth is begun with it."""
    stalls = played(AHEAD, (FLASH, 4, 2, (FLASH + 0x100,)), (FLASH + 8, 1, 2, ()))
    assert stalls == Stalls(5, 5, 6 + 5)


def test_a_unified_cache_serves_both() -> None:
    unified = replace(PLAIN, code_cache=Cache(lines=2, line_bytes=8), unified=True)
    assert played(unified, (FLASH, 4, 2, (FLASH + 0x100, FLASH + 0x104))) == Stalls(4, 5, 5)
    evicting = tuple(FLASH + 0x100 + 8 * n for n in range(2))  # both lines
    assert played(unified, (FLASH, 4, 2, evicting), (FLASH + 16, 1, 2, ()), (FLASH, 1, 2, ())) == Stalls(6, 15, 10)


@pytest.mark.parametrize("reads", [PLAIN, AHEAD, replace(AHEAD, code_cache=Cache(2, 8), unified=True)])
def test_at_zero_wait_states_nothing_waits(reads: Reads) -> None:
    stalls = played(replace(reads, wait_states=0), (FLASH, 40, 4, (FLASH + 0x100,)))
    assert (stalls.code, stalls.data) == (0, 0)


def test_nothing_is_read_ahead_behind_the_end_of_flash() -> None:
    """Otherwise the constant would wait for it."""
    assert played(AHEAD, (FLASH, 1, 2, (FLASH,)), size=8).data == 5


def test_the_caches_keep_what_they_hold_from_piece_to_piece() -> None:
    waits = Waits(replace(PLAIN, code_cache=Cache(2, 32)), FLASH, 1 << 20)
    for stalls in (2 * 5, 0):
        waits.play(np.array([IS_BLOCK], np.uint64), [FLASH], [[(4, 1, 0)] * 4])
        assert waits.take() == Stalls(4, stalls, 0)


def test_a_recorder_tells_branches_and_keeps_the_last_block_for_the_next_piece() -> None:
    heard: list[tuple[list[int], list[bool]]] = []
    recorder = Recorder(lambda events, taken: heard.append((events.tolist(), taken.tolist())))

    def record(*events: int) -> None:
        for event in events:
            recorder._events[recorder.state.count] = event
            recorder.state.count += 1

    first, second, away = (IS_BLOCK | at << 16 | 4 for at in (0x100, 0x104, 0x200))
    record(first, 7, second, 8, 9)
    recorder._condense()
    record(10, away)
    recorder.finish(0x900)
    assert heard == [([first, 7], [False]), ([second, 8, 9, 10, away], [True, True])]
    assert recorder.state.count == 0


def test_what_goes_wrong_while_events_are_played_is_raised_at_the_end() -> None:
    def fails(events: np.ndarray, taken: np.ndarray) -> None:
        raise ValueError("not an instruction")

    recorder = Recorder(fails)
    recorder._events[0], recorder._events[1] = IS_BLOCK | 0x100 << 16 | 4, IS_BLOCK | 0x104 << 16 | 4
    recorder.state.count = 2
    recorder._full()
    with pytest.raises(ValueError, match="not an instruction"):
        recorder.finish(0x900)


def test_events_that_were_lost_are_an_error() -> None:
    recorder = Recorder(lambda events, taken: None)
    recorder.state.lost = 1
    with pytest.raises(EdgeTrError, match="reads more than"):
        recorder.finish(0x900)
