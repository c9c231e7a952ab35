"""How many cycles an ARRAY command takes, played forward as the hardware does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.accel.arrival import Stream
from edge_tr.accel.layout import COLUMNS

GATHER_LATENCY, ARRAY_LATENCY = 8, 17
LEAVING = 16  # from a group's last word to the first write of its results
TABLE_WORD = COLUMNS // 8 + 2  # to read one of a table's words, and to write its pairs
DRAIN = 25  # of what is no ARRAY, from its last read to its end


@dataclass(frozen=True)
class Load:
    """One step of one tile: cycles to gather, and its groups as (words, beats to leave)."""

    gather: int
    groups: tuple[tuple[int, int], ...]


def array_cycles(
    loads: Sequence[Load], double_buffer: bool, stream: Stream | None = None, needed: Sequence[int] = ()
) -> int:
    """From launch to the end of an ARRAY command, as the hardware does it.

    stream  an INPUT under way, whose clock stands at the launch; its writes and the results share a port
    needed  by load: how many of its words must have come
    """
    depth = 2 if double_buffer else 1
    gathered, used, busy_until, gather_free = [], [], 0, 1
    now, left = 3, 0  # first word is there
    for i, load in enumerate(loads):
        come = stream.when(needed[i]) if stream and needed else 0
        start = max(gather_free, used[i - depth] if i >= depth else 0, come)
        gather_free = start + load.gather
        gathered.append(gather_free - 1 + GATHER_LATENCY - 1)
        now = max(now, gathered[i] + 1)
        for words, beats in load.groups:
            done = max(now + words - 1, busy_until)
            busy_until = left = done + beats
            now = done + 1
            if stream:
                busy_until += stream.busy(done)  # the hardware leaves a cycle for the input's writes
                stream.occupy(done + LEAVING, beats)
        used.append(now - 1)
    return left + ARRAY_LATENCY
