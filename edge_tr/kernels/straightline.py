"""Dot products as straight-line code: the weight terms become additions, and nothing is decoded at run time.

Two pixels ride in one 32-bit word, ``x0 + (x1 << 16)``, and one addition serves both. Everything is
linear modulo 2^32, so only the sums that are taken apart again must fit: at a flush the lanes are
``lo = sext16(w)`` and ``hi = (w - lo) >> 16``, right if both sums fit int16. Where a row's sum may not,
its terms are cut into segments (exponent ranges, then ranges of the reduction axis) whose sums do, and
each segment is widened to 32 bits. That is decided here, from the weights and the range of x.

A program is a list of tiles; a tile computes a few rows at once, so that they share loads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from edge_tr.kernels.instructions import Add, Counts, Double, Flush, Instruction, Load, Machine, Product, Shift
from edge_tr.tr.reveal import TermArrays

LANE_MAX = (1 << 15) - 1
EXPONENTS = 8
"""Of int8 weights; those of nine bits have one more."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Rows first..first+rows-1, whose terms are `digits`, cut into `segments` that are written in one `order`. Its code
    is written when somebody reads it: what it costs is known before."""

    first: int
    digits: np.ndarray  # int8 [depth, EXPONENTS, rows], the sign of each term or 0
    order: Order
    segments: tuple[_Segment, ...]
    machine: Machine

    @property
    def rows(self) -> int:
        """How many."""
        return self.digits.shape[2]

    @cached_property
    def code(self) -> tuple[Instruction, ...]:
        """Its instructions."""
        return _code(self.digits, self.first, self.order, self.segments, self.machine)

    @cached_property
    def counts(self) -> Counts:
        """Of `code`."""
        parts = [_part(self.digits, segment) for segment in self.segments]
        flushed = np.array([part.any(axis=(0, 1)) for part in parts])  # [segments, rows]
        later = int(flushed.sum() - flushed.any(axis=0).sum())
        return sum(
            (self.order.counts(part, self.machine) for part in parts),
            Counts(first_flushes=self.rows, flushes=later),
        )


@dataclass(frozen=True)
class Program:
    """Straight-line code for `rows` rows over `depth` words."""

    rows: int
    depth: int
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class _Segment:
    """Terms with low <= exponent <= high and start <= element < stop, summed in units of 2^low."""

    low: int
    high: int
    start: int
    stop: int


def plan(terms: TermArrays, rows: int, depth: int, largest: int, machine: Machine) -> Program:
    """Code for all rows; `largest` is the largest |x|. Tiles are as even as the accumulators allow."""
    exponents = max(EXPONENTS, 1 + int(terms.exponent.max(initial=0)))
    digits = np.zeros((depth, exponents, rows), np.int8)
    digits[terms.element, terms.exponent, terms.row] = terms.sign
    size = -(-rows // -(-rows // machine.accumulators))
    tiles = (_tile(digits[:, :, r : r + size], r, largest, machine) for r in range(0, rows, size))
    return Program(rows, depth, tuple(tiles))


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
            elif isinstance(op, Product):
                a[op.accumulator] = ((0 if op.first else a[op.accumulator]) + op.weight * t) & 0xFFFFFFFF
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


# --- one tile: digits int8 [depth, exponents, rows], the sign of each term or 0 -----------


def _tile(digits: np.ndarray, first: int, largest: int, machine: Machine) -> Tile:
    """The cheapest of all ways to cut and to order this tile: costs are counted, then one way is written."""
    ways = [(order, segments) for segments in _segmentations(digits, largest) for order in _orders(machine)]
    if machine.product and (segments := _in_a_row(digits, largest)):
        ways.append((_ByProduct, segments))
    order, segments = min(ways, key=lambda way: _cost(digits, *way, machine))
    return Tile(first, digits, order, tuple(segments), machine)


def _segmentations(digits: np.ndarray, largest: int) -> Iterator[list[_Segment]]:
    """Ways to cut: no cut of exponents, one at each place, two at a few; each halved along the
    reduction axis until every sum fits."""
    for cut in ((), (2,), (3,), (4,), (5,), (2, 5), (3, 6)):
        edges = (0, *cut, digits.shape[1])
        bands = [_band(digits, low, high - 1, largest) for low, high in pairwise(edges)]
        if all(band is not None for band in bands):
            yield [segment for band in reversed(bands) for segment in band]


def _band(digits: np.ndarray, low: int, high: int, largest: int) -> list[_Segment] | None:
    """Segments of one exponent range; None if one weight alone overflows a lane, as -128 * 256 does.

    A sum of |coefficient| over a range of elements, times the largest |x|, bounds every sum of that range.
    """
    powers = np.left_shift(1, np.arange(high - low + 1))
    coefficients = np.abs(np.einsum("der,e->dr", digits[:, low : high + 1].astype(np.int64), powers))
    up_to = np.concatenate([np.zeros((1, digits.shape[2]), np.int64), coefficients.cumsum(axis=0)])

    if coefficients.max(initial=0) * largest > LANE_MAX:
        return None

    def halve(start: int, stop: int) -> list[_Segment]:
        if (up_to[stop] - up_to[start]).max() * largest <= LANE_MAX:
            return [_Segment(low, high, start, stop)]
        middle = (start + stop) // 2
        return halve(start, middle) + halve(middle, stop)

    return halve(0, len(digits))


def _in_a_row(digits: np.ndarray, largest: int) -> list[_Segment] | None:
    """All exponents in as few segments as do; None if one weight alone overflows a lane."""
    sizes, high = np.abs(_weights(digits)).max(axis=1), digits.shape[1] - 1
    if sizes.max(initial=0) * largest > LANE_MAX:
        return None
    edges, held = [0], 0
    for element, size in enumerate(sizes.tolist()):
        if (held + size) * largest > LANE_MAX:
            edges.append(element)
            held = 0
        held += size
    return [_Segment(0, high, start, stop) for start, stop in pairwise([*edges, len(digits)])]


def _weights(part: np.ndarray) -> np.ndarray:
    """int64 [elements, rows]: what terms [elements, exponents, rows] add up to, in units of the lowest."""
    return np.einsum("der,e->dr", part.astype(np.int64), np.left_shift(1, np.arange(part.shape[1])))


def _orders(machine: Machine) -> tuple[Order, ...]:
    return (_ByElement,) if machine.free_shift else (_ByElement, _ByExponent)


def _code(
    digits: np.ndarray,
    first: int,
    order: Order,
    segments: Sequence[_Segment],
    machine: Machine,
) -> tuple[Instruction, ...]:
    code: list[Instruction] = []
    flushed: set[int] = set()
    for position, segment in enumerate(segments):
        body, started = order.code(digits, segment, machine, backwards=position % 2 == 1)
        code += body
        for a in sorted(started):
            code.append(Flush(a, first + a, segment.low, a not in flushed))
            flushed.add(a)
    return (*code, *(Flush(None, first + a, 0, True) for a in range(digits.shape[2]) if a not in flushed))


def _part(digits: np.ndarray, segment: _Segment) -> np.ndarray:
    return digits[segment.start : segment.stop, segment.low : segment.high + 1]


class _ByElement:
    """One load an element; t is shifted as its exponents rise."""

    @staticmethod
    def counts(part: np.ndarray, machine: Machine) -> Counts:
        """Of a segment's terms, flushes left out."""
        shifts = 0 if machine.free_shift else int(part[:, 1:].any(axis=2).sum())
        return Counts(int(part.any(axis=(1, 2)).sum()), shifts, np.count_nonzero(part))

    @staticmethod
    def code(
        digits: np.ndarray, segment: _Segment, machine: Machine, backwards: bool
    ) -> tuple[list[Instruction], set[int]]:
        code: list[Instruction] = []
        started: set[int] = set()
        part = _part(digits, segment)
        elements = np.flatnonzero(part.any(axis=(1, 2)))
        for element in reversed(elements) if backwards else elements:
            code.append(Load(segment.start + int(element)))
            shifted = 0
            for shift, a in zip(*(axis.tolist() for axis in np.nonzero(part[element]))):
                if not machine.free_shift and shift > shifted:
                    code.append(Shift(shift - shifted))
                    shifted = shift
                code.append(_add(a, int(part[element, shift, a]), shift if machine.free_shift else 0, started))
        return code, started


class _ByExponent:
    """From the highest exponent down; accumulators are doubled in between."""

    @staticmethod
    def counts(part: np.ndarray, machine: Machine) -> Counts:
        """Of a segment's terms, flushes left out."""
        begun = np.logical_or.accumulate(part.any(axis=0)[::-1])  # [exponents, high to low; rows]
        loads, doubles = int(part.any(axis=2).sum()), int(begun[:-1].sum())
        return Counts(loads, additions=np.count_nonzero(part), doubles=doubles)

    @staticmethod
    def code(
        digits: np.ndarray, segment: _Segment, machine: Machine, backwards: bool
    ) -> tuple[list[Instruction], set[int]]:
        code: list[Instruction] = []
        started: set[int] = set()
        for exponent in range(segment.high, segment.low - 1, -1):
            code += [Double(a) for a in sorted(started)]
            part = digits[segment.start : segment.stop, exponent]
            elements = np.flatnonzero(part.any(axis=1))
            for element in reversed(elements) if backwards else elements:
                code.append(Load(segment.start + int(element)))
                code += [_add(a, int(part[element, a]), 0, started) for a in np.flatnonzero(part[element]).tolist()]
            backwards = not backwards
        return code, started


class _ByProduct:
    """One load an element; a weight whose terms cost more is a factor."""

    @staticmethod
    def counts(part: np.ndarray, machine: Machine) -> Counts:
        """Of a segment's terms, flushes left out."""
        products = _is_product(part, machine)
        shifts = 0 if machine.free_shift else int((part[:, 1:].any(axis=1) & ~products).any(axis=1).sum())
        terms = np.count_nonzero(part, axis=1)
        loads = int(part.any(axis=(1, 2)).sum())
        return Counts(loads, shifts, int(terms[~products].sum()), products=int(products.sum()))

    @staticmethod
    def code(
        digits: np.ndarray, segment: _Segment, machine: Machine, backwards: bool
    ) -> tuple[list[Instruction], set[int]]:
        code: list[Instruction] = []
        started: set[int] = set()
        part = _part(digits, segment)
        weights, products = _weights(part), _is_product(part, machine)
        elements = np.flatnonzero(weights.any(axis=1))
        for element in reversed(elements) if backwards else elements:
            code.append(Load(segment.start + int(element)))
            if products[element, 0]:
                code.append(Product(0, int(weights[element, 0]), 0 not in started))
                started.add(0)
                continue
            for shift in np.flatnonzero(part[element, :, 0]).tolist():
                if shift and not machine.free_shift:
                    code.append(Shift(shift))
                code.append(_add(0, int(part[element, shift, 0]), shift if machine.free_shift else 0, started))
        return code, started


def _is_product(part: np.ndarray, machine: Machine) -> np.ndarray:
    """bool [elements, rows]: a shift is one cycle, if it is not free, and a product replaces all terms but one."""
    terms = np.count_nonzero(part, axis=1)
    return terms > (1 + machine.product if machine.free_shift else 1)


Order = type[_ByElement] | type[_ByExponent] | type[_ByProduct]


def _cost(
    digits: np.ndarray,
    order: Order,
    segments: Sequence[_Segment],
    machine: Machine,
) -> int:
    """Cycles of one way to write a tile, no flush taken as a row's first one."""
    parts = [_part(digits, segment) for segment in segments]
    flushes = Counts(flushes=sum(int(part.any(axis=(0, 1)).sum()) for part in parts))
    return sum((order.counts(part, machine) for part in parts), flushes).cycles(machine)


def _add(accumulator: int, sign: int, shift: int, started: set[int]) -> Add:
    fresh = accumulator not in started
    started.add(accumulator)
    return Add(accumulator, sign, shift, fresh)
