"""Gather operations: how the values that 64 columns need come out of activation memory.

An operation cuts a window out of two neighbouring words and the value after them and offers it to all columns, shifted
by one for each bank; a mask says which columns take it and which get padding. `cover` finds few operations for
any picture of what each column needs, so strides, padding and layouts are no concern of the hardware.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from edge_tr.formats import accelerator as f

COLUMNS = f.COLUMNS.value
MEMORY = f.ACTIVATION_WORDS.value * COLUMNS
PADDING, IDLE = -1, -2  # instead of an address: the column needs padding, or nothing


@dataclass(frozen=True)
class Cut:
    """One operation's window and mask; `sources` are addresses, 64 * word + value."""

    address: int
    first: int
    phase: int
    banks: tuple[int, ...]
    write: int  # a bit a column
    keep: tuple[int, ...]  # by bank, a bit a column


def _offers(windows: list[tuple[int, int, int]], banks: list[int]) -> np.ndarray:
    """int64 [windows, banks, 64]: the address that each bank of each column is offered by (address, first, phase)."""
    address, first, phase = np.array(windows).T[:, :, None, None]
    at = first + np.array(banks)[:, None] + np.arange(COLUMNS)
    ring = at % COLUMNS
    return address * COLUMNS + np.select([phase == 0, phase == 1], [at, ring], 2 * ring + (phase & 1))


def _candidates(source: int, column: int) -> list[tuple[int, int, int]]:
    """(address, first, phase) of windows that offer `source` to a column (bank shift included in `column`)."""
    start, (word, value) = source - column, divmod(source, COLUMNS)
    found = [(start // COLUMNS, start % COLUMNS, 0), (word, (value - column) % COLUMNS, 1)]
    for earlier in (0, 1):
        half = (value + COLUMNS * earlier) // 2
        found.append((word - earlier, (half - column) % COLUMNS, 2 | value & 1))
    return found


def cover(needs: dict[int, np.ndarray]) -> list[Cut]:
    """Operations that give each bank (key) of each column the address in int [64], or PADDING.

    Columns that are IDLE in all banks are left alone. Answers are kept: a scheduler asks the same again and again.
    """
    return list(_cover(tuple((bank, need.astype(np.int64).tobytes()) for bank, need in needs.items())))


@functools.lru_cache(maxsize=1 << 12)
def _cover(asked: tuple[tuple[int, bytes], ...]) -> tuple[Cut, ...]:
    needs = {bank: np.frombuffer(need, np.int64) for bank, need in asked}
    wanted = np.stack(list(needs.values()))
    open_columns = ~(wanted == IDLE).all(axis=0)
    cuts = []
    while open_columns.any():
        reading = open_columns & (wanted >= 0).any(axis=0)  # padding suits any window
        column = int(np.flatnonzero(reading if reading.any() else open_columns)[0])
        options = [
            option
            for bank, need in needs.items()
            if need[column] >= 0
            for option in _candidates(int(need[column]), column + bank)
        ] or [(0, 0, 0)]
        fits = open_columns & ((wanted < 0) | (wanted == _offers(options, [*needs]))).all(axis=1)
        best = int(fits.sum(axis=1).argmax())
        if not fits[best].any():
            rest = {bank: np.where(open_columns, need, IDLE) for bank, need in needs.items()}
            return (*cuts, *(cut for bank, need in rest.items() for cut in cover({bank: need})))
        keep = tuple(_bits(needs[b] >= 0) if b in needs else (1 << COLUMNS) - 1 for b in range(3))
        address, first, phase = options[best]
        cuts.append(Cut(address % f.ACTIVATION_WORDS.value, first, phase, tuple(needs), _bits(fits[best]), keep))
        open_columns &= ~fits[best]
    return tuple(cuts)


def _bits(columns: np.ndarray) -> int:
    """Of bool [64]."""
    return int.from_bytes(np.packbits(columns, bitorder="little").tobytes(), "little")
