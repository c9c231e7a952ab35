"""In which order words of the input come, so that the first layer begins while the rest is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.accel.layout import COLUMNS, Placed

BEATS = COLUMNS // 8  # of a word
QUEUE = 4  # words that have come and wait to be written
FIRST_BEAT = -6  # INPUT's, from the launch of the command after it
VISIBLE = 2  # cycles from a word's write until a step may begin that needs it


@dataclass(frozen=True)
class Arrival:
    """`across` words that lie `stride` apart come one after the other, then those behind them. `late`: how many cycles
    later than it might the command is launched that waits for them."""

    across: int
    stride: int
    late: int = 0

    @property
    def words(self) -> int:
        """All of them."""
        return self.across * self.stride

    def order(self) -> np.ndarray:
        """int64 [words]: which word comes first, second and so on."""
        return np.arange(self.words).reshape(self.across, self.stride).T.ravel()

    def needed(self, words: np.ndarray) -> int:
        """How many words must have come until all of `words` (int64, any shape) have."""
        return int(((words % self.stride) * self.across + words // self.stride).max(initial=-1)) + 1


def arrival_of(x: Placed) -> Arrival:
    """From the top of the image to its bottom: channels, and phases that fill whole words, side by side."""
    if x.vector:
        return Arrival(1, x.words)
    h, w, channels = x.shape
    rows, columns = x.phases
    whole = h % rows == 0 and w % columns == 0 and (h // rows) * (w // columns) % COLUMNS == 0
    across = channels * (rows * columns if whole else 1)
    return Arrival(across, x.words // across)


def pace(needed: Sequence[int], words: int, *, to_the_end: bool = True) -> tuple[int, int]:
    """(first, more): first + i * more words are enough for step i that needs `needed[i]`; with `to_the_end` the last
    step waits for all `words`. Of such pairs one that waits least in sum; first is 1 or more."""
    steps = np.arange(len(needed))
    least = np.array([*needed[:-1], words if to_the_end else needed[-1]])
    later = np.arange(words // max(1, len(needed) - 1) + 2)[:, None] * steps  # by `more` and step
    first = np.maximum(1, (least - later).max(axis=1))
    more = int(np.minimum(first[:, None] + later, words).sum(axis=1).argmin())
    return int(first[more]), more


def paced(waits: tuple[int, int], steps: int, words: int) -> list[int]:
    """By step: how many words the hardware waits for, told `waits`."""
    first, more = waits
    return [min(first + i * more, words) for i in range(steps)]


class Stream:
    """An INPUT under way: when each word is there, given when results leave, whose writes come first.

    Times are cycles from the launch of the command that runs; `launch` moves on to the next one. What happens before a
    time must be told before that time is asked for.
    """

    def __init__(self, words: int, late: int = 0) -> None:
        self._beats = BEATS * words
        self._taken = self._held = 0
        self._clock = FIRST_BEAT
        self._origin = late
        self._written: list[int] = []
        self._busy: set[int] = set()

    def launch(self, after: int) -> None:
        """The next command begins so many cycles after the one before."""
        self._origin += after

    def occupy(self, first: int, cycles: int) -> None:
        """Results are written from then on."""
        start = self._origin + first
        self._busy.update(range(start, start + cycles))

    def when(self, words: int) -> int:
        """From when on a step that needs the first `words` words may begin."""
        while len(self._written) < words:
            self._tick()
        return self._written[words - 1] + VISIBLE - self._origin if words else 0

    def busy(self, at: int) -> bool:
        """Whether it is still under way then."""
        while self._clock <= self._origin + at:
            if self.ended:
                break
            self._tick()
        return not self.ended or self._origin + at <= self._written[-1] + VISIBLE

    @property
    def ended(self) -> bool:
        """Whether all words are written."""
        return len(self._written) * BEATS == self._beats

    def _tick(self) -> None:
        writes = self._held > 0 and self._clock not in self._busy
        if writes:
            self._written.append(self._clock)
        takes = self._taken < self._beats and self._held < QUEUE
        self._taken += takes
        self._held += (takes and self._taken % BEATS == 0) - writes
        self._clock += 1
