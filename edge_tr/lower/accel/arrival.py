"""In which order words of the input come, so that the first layer begins while the rest is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.lower.accel.layout import COLUMNS, Placed

BEATS = COLUMNS // 8  # of a word


@dataclass(frozen=True)
class Arrival:
    """`across` words that lie `stride` apart come one after the other, then those behind them."""

    across: int
    stride: int

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


def pace(needed: Sequence[int], words: int) -> tuple[int, int]:
    """(first, more): first + i * more words are enough for step i that needs `needed[i]`, and the last step waits for
    all `words`. Of such pairs one that waits least in sum; first is 1 or more."""
    steps = np.arange(len(needed))
    least = np.array([*needed[:-1], words])
    best = None
    for more in range(words // max(1, len(needed) - 1) + 2):
        first = max(1, int((least - more * steps).max()))
        waited = int(np.minimum(first + more * steps, words).sum())
        if best is None or waited < best[0]:
            best = (waited, first, more)
    return best[1], best[2]
