"""Term words: the weights of a group of channels as what the array adds, cycle after cycle.

Exponents go from high to low (Horner's rule): the accumulator doubles once or twice where a lower plane begins, so no
exponent is stored. A word adds up to nine terms of one plane, at most three from each bank of the columns' data memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.accel.encode import MOST_DOUBLINGS, encode
from edge_tr.formats import accelerator as f

PORTS = f.LANES.value // f.BANKS.value
Place = tuple[int, int]  # bank, entry
Lane = tuple[int, int]  # entry, sign
_EMPTY: tuple[tuple[Lane, ...], ...] = ((), (), ())


@dataclass(frozen=True)
class Row:
    """One channel's words, each (doublings before it, lanes by bank), and what ones' complement leaves out."""

    words: tuple[tuple[int, tuple[tuple[Lane, ...], ...]], ...]
    correction: int


def rows_of(weights: np.ndarray, places: Sequence[Sequence[Place]]) -> list[Row]:
    """Of int8 weights [rows, n]; weight i of row r lies at `places[r][i]`, in the same bank in all rows. Weights of
    zero take no lane."""
    banks = [bank for bank, _ in places[0]]
    if any([bank for bank, _ in others] != banks for others in places):
        raise ValueError("a weight's bank differs from row to row")
    return [_row(digits, row_places) for digits, row_places in zip(encode(weights, banks), places)]


def _row(digits: np.ndarray, places: Sequence[Place]) -> Row:
    """Of signed digits int8 [n, planes]."""
    planes: dict[int, list[list[Lane]]] = {}
    correction = 0
    for i, exponent in np.argwhere(digits):
        bank, entry = places[i]
        digit = int(digits[i, exponent])
        sign = 1 if digit > 0 else -1
        planes.setdefault(int(exponent), [[], [], []])[bank].extend([(entry, sign)] * abs(digit))
        correction += abs(digit) * (sign < 0) << int(exponent)
    words: list[tuple[int, tuple[tuple[Lane, ...], ...]]] = []
    at = max(planes, default=0)
    for exponent in sorted({*planes, 0}, reverse=True):
        while at - exponent > MOST_DOUBLINGS:
            words.append((MOST_DOUBLINGS, _EMPTY))
            at -= MOST_DOUBLINGS
        for lanes in _pack(planes[exponent]) if exponent in planes else [_EMPTY]:
            words.append((at - exponent, lanes))
            at = exponent
    return Row(tuple(words), correction)


def _pack(banks: list[list[Lane]]) -> list[tuple[tuple[Lane, ...], ...]]:
    """The terms of a plane in words of at most three a bank; the second bank's third lane cannot be minus alone."""
    left = [sorted(bank, key=lambda lane: lane[1]) for bank in banks]  # minus first, so a plus is left for the third
    packed = []
    while any(left):
        word = []
        for bank, lanes in enumerate(left):
            take = min(PORTS, len(lanes))
            if bank == 1 and take == PORTS and not left[0] and all(sign < 0 for _, sign in lanes[:PORTS]):
                plus = next((lane for lane in lanes if lane[1] > 0), None)
                if plus is None:
                    take = PORTS - 1
                else:
                    lanes.remove(plus)
                    lanes.insert(PORTS - 1, plus)
            word.append(tuple(lanes[:take]))
        for bank, lanes in enumerate(word):
            del left[bank][: len(lanes)]
        packed.append(tuple(word))
    return packed


def _pair(a: Lane | None, b: Lane | None) -> tuple[int, Lane | None, Lane | None]:
    """PairCode of two lanes, and the lanes in the order they take."""
    code = f.PAIR_CODE
    if a is None and b is None:
        return code.NONE, a, b
    if b is None:
        return (code.PLUS if a[1] > 0 else code.MINUS), a, b
    if a is None:
        if b[1] < 0:
            raise ValueError("a pair's second lane cannot be minus alone")
        return code.SECOND, a, b
    names = {(1, 1): code.PLUS_PLUS, (1, -1): code.PLUS_MINUS, (-1, 1): code.MINUS_PLUS, (-1, -1): code.MINUS_MINUS}
    return names[a[1], b[1]], a, b


def _lane(lanes: tuple[Lane, ...], i: int) -> Lane | None:
    return lanes[i] if i < len(lanes) else None


def row_bits(shift: int, banks: tuple[tuple[Lane, ...], ...]) -> int:
    """One RowTerms."""
    first, second, third = (list(bank) for bank in banks)
    cross_first = _lane(first, 2)
    if cross_first is None and len(second) == PORTS and second[2][1] < 0 and first:
        cross_first = first.pop()  # its company lets the second bank's third lane be minus
    pairs = [
        _pair(_lane(first, 0), _lane(first, 1)),
        _pair(_lane(second, 0), _lane(second, 1)),
        _pair(_lane(third, 0), _lane(third, 1)),
        _pair(cross_first, _lane(second, 2)),
    ]
    single = _lane(third, 2)
    lanes = [pairs[0][1], pairs[0][2], pairs[3][1], pairs[1][1], pairs[1][2], pairs[3][2], pairs[2][1], pairs[2][2]]
    lanes.append(single)
    bits = 0
    for i, lane in enumerate(lanes):
        bits |= (lane[0] if lane else 0) << (5 * i)
    offsets = f.ROW_TERMS.offsets
    for i, (code, _, _) in enumerate(pairs):
        bits |= code << offsets[f"pair{i}"]
    bits |= (0 if single is None else 1 if single[1] > 0 else 2) << offsets["single"]
    return bits | shift << offsets["shift"]


def group_words(rows: Sequence[Row], control: dict[str, int]) -> list[int]:
    """288-bit words of up to four channels side by side; `control` (TermControl fields) is on the last."""
    length = max(len(row.words) for row in rows)
    words = []
    for i in range(length):
        word = 0
        for r, row in enumerate(rows):
            shift, lanes = row.words[i] if i < len(row.words) else (0, _EMPTY)
            word |= row_bits(shift, lanes) << (f.ROW_TERMS.bits * r)
        words.append(word)
    at = f.ROW_TERMS.bits * f.ROWS.value
    words[-1] |= int.from_bytes(f.TERM_CONTROL.pack(**control), "little") << at
    return words
