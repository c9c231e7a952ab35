"""Dot products as straight-line code: the weight terms become additions, and nothing is decoded at run time.

Two pixels ride in one 32-bit word, ``x0 + (x1 << 16)``, and one addition serves both. Everything is
linear modulo 2^32, so only the sums that are taken apart again must fit: at a flush the lanes are
``lo = sext16(w)`` and ``hi = (w - lo) >> 16``, right if both sums fit int16. Where a row's sum may not,
its terms are cut into segments (exponent ranges, then ranges of the reduction axis) whose sums do, and
each segment is widened to 32 bits. That is decided here, from the weights and the range of x.

A program is a list of tiles; a tile computes a few rows at once, so that they share loads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.tr.reveal import TermArrays

LANE_MAX = (1 << 15) - 1
TOP_EXPONENT = 7


@dataclass(frozen=True)
class Load:
    """t = words[index]"""

    index: int


@dataclass(frozen=True)
class Shift:
    """t <<= by"""

    by: int


@dataclass(frozen=True)
class Add:
    """a[accumulator] += sign * (t << shift); `first`: = instead of +=."""

    accumulator: int
    sign: int
    shift: int
    first: bool


@dataclass(frozen=True)
class Double:
    """a[accumulator] <<= 1"""

    accumulator: int


@dataclass(frozen=True)
class Flush:
    """sums[2 * row + lane] += lane of a[accumulator] << base; `first`: = instead of +=; without an
    accumulator (a row with no terms here) the sums are set to zero."""

    accumulator: int | None
    row: int
    base: int
    first: bool


Instruction = Load | Shift | Add | Double | Flush


@dataclass(frozen=True)
class Machine:
    """What the plan must know of a core: `accumulators` a tile may use, whether a shift of t is free
    in an addition, and `cost(instruction)` in cycles."""

    accumulators: int
    free_shift: bool
    cost: Callable[[Instruction], int]


@dataclass(frozen=True)
class Tile:
    """Rows first..first+rows-1."""

    first: int
    rows: int
    code: tuple[Instruction, ...]


@dataclass(frozen=True)
class Program:
    """Straight-line code for `rows` rows over `depth` words."""

    rows: int
    depth: int
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class _Term:
    element: int
    exponent: int
    row: int
    sign: int


@dataclass(frozen=True)
class _Segment:
    """Terms with low <= exponent <= high and start <= element < stop, summed in units of 2^low."""

    low: int
    high: int
    start: int
    stop: int

    def takes(self, term: _Term) -> bool:
        return self.low <= term.exponent <= self.high and self.start <= term.element < self.stop


def plan(terms: TermArrays, rows: int, depth: int, largest: int, machine: Machine) -> Program:
    """Code for all rows; `largest` is the largest |x|. Tiles are as even as the accumulators allow."""
    by_row: list[list[_Term]] = [[] for _ in range(rows)]
    for row, element, exponent, sign in zip(*(column.tolist() for column in terms)):
        by_row[row].append(_Term(element, exponent, row, sign))
    tiles = -(-rows // machine.accumulators)
    size = -(-rows // tiles)
    return Program(
        rows, depth, tuple(_tile(by_row[r : r + size], r, depth, largest, machine) for r in range(0, rows, size))
    )


def interpret(program: Program, words: np.ndarray) -> np.ndarray:
    """int64 [rows, 2]: what the code computes from int32 words [depth], in 32-bit arithmetic."""
    sums = np.zeros((program.rows, 2), np.int64)
    for tile in program.tiles:
        t, a = 0, [0] * tile.rows
        for op in tile.code:
            if isinstance(op, Load):
                t = int(words[op.index]) & 0xFFFFFFFF
            elif isinstance(op, Shift):
                t = (t << op.by) & 0xFFFFFFFF
            elif isinstance(op, Add):
                start = 0 if op.first else a[op.accumulator]
                a[op.accumulator] = (start + op.sign * (t << op.shift)) & 0xFFFFFFFF
            elif isinstance(op, Double):
                a[op.accumulator] = (2 * a[op.accumulator]) & 0xFFFFFFFF
            else:
                lanes = (0, 0) if op.accumulator is None else _lanes(a[op.accumulator])
                start = np.zeros(2, np.int64) if op.first else sums[op.row]
                sums[op.row] = start + np.left_shift(np.array(lanes, np.int64), op.base)
    return sums


def _lanes(word: int) -> tuple[int, int]:
    low = (word & 0xFFFF) - ((word & 0x8000) << 1)
    high = ((word - low) >> 16) & 0xFFFF
    return low, high - ((high & 0x8000) << 1)


# --- one tile ----------------------------------------------------------------------


def _tile(rows: Sequence[Sequence[_Term]], first: int, depth: int, largest: int, machine: Machine) -> Tile:
    """The cheapest of all ways to cut and to order this tile."""
    candidates = (
        code for segments in _segmentations(rows, depth, largest) for code in _orders(rows, first, segments, machine)
    )
    return Tile(first, len(rows), min(candidates, key=lambda code: sum(map(machine.cost, code))))


def _segmentations(rows: Sequence[Sequence[_Term]], depth: int, largest: int) -> Iterator[list[_Segment]]:
    """Ways to cut: no cut of exponents, one at each place, two at a few; each halved along the
    reduction axis until every sum fits."""
    cuts: list[tuple[int, ...]] = [(), (2,), (3,), (4,), (5,), (2, 5), (3, 6)]
    for cut in cuts:
        edges = (0, *cut, TOP_EXPONENT + 1)
        bands = [(low, high - 1) for low, high in zip(edges, edges[1:])]
        yield [s for low, high in reversed(bands) for s in _halve(rows, _Segment(low, high, 0, depth), largest)]


def _halve(rows: Sequence[Sequence[_Term]], segment: _Segment, largest: int) -> list[_Segment]:
    if all(_bound(row, segment) * largest <= LANE_MAX for row in rows):
        return [segment]
    middle = (segment.start + segment.stop) // 2
    if middle == segment.start:
        raise AssertionError(f"one weight of {segment} overflows a lane with |x| <= {largest}")
    halves = (segment.start, middle), (middle, segment.stop)
    return [s for a, b in halves for s in _halve(rows, _Segment(segment.low, segment.high, a, b), largest)]


def _bound(row: Sequence[_Term], segment: _Segment) -> int:
    """Sum over elements of |coefficient| in units of 2^low: times the largest |x|, no sum exceeds it."""
    coefficients: dict[int, int] = {}
    for term in row:
        if segment.takes(term):
            value = term.sign << (term.exponent - segment.low)
            coefficients[term.element] = coefficients.get(term.element, 0) + value
    return sum(map(abs, coefficients.values()))


def _orders(
    rows: Sequence[Sequence[_Term]], first: int, segments: Sequence[_Segment], machine: Machine
) -> Iterator[tuple[Instruction, ...]]:
    """Element by element, shifting t as exponents rise; or, where shifts are not free, exponent by
    exponent, doubling the accumulators in between."""
    orders = (_by_element,) if machine.free_shift else (_by_element, _by_exponent)
    for order in orders:
        code: list[Instruction] = []
        flushed: set[int] = set()
        for position, segment in enumerate(segments):
            terms = [t for row in rows for t in row if segment.takes(t)]
            if terms or (position == len(segments) - 1 and len(flushed) < len(rows)):
                body, started = order(terms, first, segment.low, machine, backwards=position % 2 == 1)
                code += body
                code += _flushes(started, flushed, first, len(rows), segment.low, position == len(segments) - 1)
        yield tuple(code)


def _flushes(started: set[int], flushed: set[int], first: int, rows: int, base: int, last: bool) -> Iterator[Flush]:
    for a in range(rows):
        if a in started:
            yield Flush(a, first + a, base, a not in flushed)
            flushed.add(a)
        elif last and a not in flushed:
            yield Flush(None, first + a, 0, True)
            flushed.add(a)


def _by_element(
    terms: Sequence[_Term], first: int, base: int, machine: Machine, backwards: bool
) -> tuple[list[Instruction], set[int]]:
    code: list[Instruction] = []
    started: set[int] = set()
    element, shifted = None, 0
    for term in sorted(terms, key=lambda t: (-t.element if backwards else t.element, t.exponent, t.row)):
        if term.element != element:
            element, shifted = term.element, 0
            code.append(Load(element))
        shift = term.exponent - base
        if not machine.free_shift and shift > shifted:
            code.append(Shift(shift - shifted))
            shifted = shift
        code.append(_add(term, first, shift if machine.free_shift else 0, started))
    return code, started


def _by_exponent(
    terms: Sequence[_Term], first: int, base: int, machine: Machine, backwards: bool
) -> tuple[list[Instruction], set[int]]:
    code: list[Instruction] = []
    started: set[int] = set()
    top = max((t.exponent for t in terms), default=base)
    for exponent in range(top, base - 1, -1):
        if exponent < top:
            code += [Double(a) for a in sorted(started)]
        plane = [t for t in terms if t.exponent == exponent]
        element = None
        for term in sorted(plane, key=lambda t: (-t.element if backwards else t.element, t.row)):
            if term.element != element:
                element = term.element
                code.append(Load(element))
            code.append(_add(term, first, 0, started))
        backwards = not backwards
    return code, started


def _add(term: _Term, first: int, shift: int, started: set[int]) -> Add:
    accumulator = term.row - first
    fresh = accumulator not in started
    started.add(accumulator)
    return Add(accumulator, term.sign, shift, fresh)
