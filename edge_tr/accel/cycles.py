"""How many cycles an ARRAY command takes, played forward as the hardware does it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.accel.arrival import Stream
from edge_tr.accel.layout import COLUMNS
from edge_tr.formats import accelerator as f

GATHER_LATENCY, ARRAY_LATENCY = 8, 17
LEAVING = 16  # from a group's last word to the first write of its results
TABLE_WORD = COLUMNS // 8 + 2  # to read one of a table's words, and to write its pairs
TABLE_WORDS = 2 * 4 * f.TABLE_VALUES.value // COLUMNS  # of both tables, 32 bits a value
TABLE_AHEAD = 5  # cycles of TABLE itself, less what follows the last pair
FIRST_WORD = 3  # of an ARRAY command is there
DRAIN = 25  # of what is no ARRAY, from its last read to its end


@dataclass(frozen=True)
class Load:
    """One step of one tile: cycles to gather, and its groups as (words, beats to leave)."""

    gather: int
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Gaps:
    """When the weight memory may be read for tables: in cycles [from, to) since a launch. `yields`: each such read but
    those in the last span makes what reads it otherwise a cycle longer."""

    spans: tuple[tuple[int, int], ...]
    yields: bool


@dataclass(frozen=True)
class Played:
    """An ARRAY command: its cycles, and when tables may be read: while words go on, not while one waits."""

    cycles: int
    gaps: Gaps


def array_cycles(
    loads: Sequence[Load], double_buffer: bool, stream: Stream | None = None, needed: Sequence[int] = ()
) -> int:
    """From launch to the end of an ARRAY command, see `play`."""
    return play(loads, double_buffer, stream, needed).cycles


def play(
    loads: Sequence[Load], double_buffer: bool, stream: Stream | None = None, needed: Sequence[int] = ()
) -> Played:
    """An ARRAY command from its launch on, as the hardware does it.

    stream  an INPUT under way, whose clock stands at the launch; its writes and the results share a port
    needed  by load: how many of its words must have come
    """
    depth = 2 if double_buffer else 1
    gathered, used, busy_until, gather_free = [], [], 0, 1
    now, left = FIRST_WORD, 0
    going = [(0, FIRST_WORD)]
    for i, load in enumerate(loads):
        come = stream.when(needed[i]) if stream and needed else 0
        start = max(gather_free, used[i - depth] if i >= depth else 0, come)
        gather_free = start + load.gather
        gathered.append(gather_free - 1 + GATHER_LATENCY - 1)
        now = max(now, gathered[i] + 1)
        for words, beats in load.groups:
            done = max(now + words - 1, busy_until)
            going += [(now, now + words - 1)] * (words > 1) + [(done, done + 1)]
            busy_until = left = done + beats
            now = done + 1
            if stream:
                busy_until += stream.busy(done)  # the hardware leaves a cycle for the input's writes
                stream.occupy(done + LEAVING, beats)
        used.append(now - 1)
    return Played(left + ARRAY_LATENCY, Gaps((*going, (now, left + ARRAY_LATENCY)), True))


@dataclass
class Coming:
    """An addition's tables on their way into the adders, a weight word at a time.

    words  that are not read yet
    wait   cycles until the next may be read, or until all is there if none is left
    """

    words: int = 0
    wait: int = 0

    def start(self) -> None:
        """They are asked for, and the first word is read before anything else."""
        self.words, self.wait = TABLE_WORDS - 1, TABLE_WORD - TABLE_AHEAD

    def take(self) -> int:
        """Cycles until they are there if nothing else is done; they are."""
        missing = self.words * TABLE_WORD + self.wait
        self.words = self.wait = 0
        return missing

    def go_by(self, cycles: int, gaps: Gaps | None = None) -> int:
        """A command of so many cycles that leaves `gaps`, or reads no weights; how many more it takes for yielding.

        A cycle that is lost is made good where the command waits for something else anyway. A read in the last cycle
        of a span leaves the memory free until the next one.
        """
        spans, yields = (gaps.spans, gaps.yields) if gaps else (((0, cycles),), False)
        late = before = owed = 0
        for (first, end), (after, _) in itertools.zip_longest(spans, spans[1:], fillvalue=(cycles, cycles)):
            late, owed = max(0, late - (first - before)) + owed, 0
            first, before, close = first + late, end, end + late
            while self.words and max(self.wait, first) < close:
                at = max(self.wait, first)
                self.words, self.wait = self.words - 1, at + TABLE_WORD
                if not yields or owed or end == cycles:
                    continue
                if at + 1 == close:
                    owed, close = 1, max(close, after)
                else:
                    late, close = late + 1, close + 1
        self.wait = max(0, self.wait - cycles - late)
        return late
