"""The first layers in bands, so that several of them run while the input is still coming.

A piece is a run of tiles of one layer of a chain: an ARRAY command. Pieces of different layers alternate; each begins
when the tiles that it reads are there and what lay where it writes is no longer needed. Which pieces, in which order,
and where the tensors lie is searched for by predicted cycles.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_tr.accel.arrival import BEATS, Arrival, Stream, arrival_of, pace, paced
from edge_tr.accel.cycles import Load, array_cycles
from edge_tr.accel.layout import COLUMNS
from edge_tr.accel.tiles import needs_of
from edge_tr.accel.windows import Windows
from edge_tr.formats import accelerator as f

LONGEST = 4
"""Layers of a chain."""
LEAST_TILES = (1, 2, 3, 4, 6, 9, 12, 18)
"""Of a piece, tried: of the first layer, and of those after it."""
OVERHEAD = 35
"""Cycles that a command takes to fill and drain, about."""
THERE = (1, 0)
"""`waits` of a command that runs beside the INPUT and reads nothing of it: its first word has long come."""
Masks = tuple[int, ...]  # by layer: tiles, a bit each


@dataclass(frozen=True)
class Piece:
    """An ARRAY command: tiles [first, end) of layer `layer`; `waits` as `emit_windows` has it."""

    layer: int
    first: int
    end: int
    waits: tuple[int, int]
    cycles: int


@dataclass(frozen=True)
class Banded:
    """The layers, their tensors placed, the pieces in order, and all cycles."""

    layers: tuple[Windows, ...]
    pieces: tuple[Piece, ...]
    cycles: int


class Reads:
    """Which words of a channel each tile of a layer reads, and the other way round; masks of bits."""

    def __init__(self, w: Windows) -> None:
        taps = list(itertools.product(*map(range, w.p.kernel)))
        self.readers = [0] * w.x.blocks
        self.words = []
        for tile, pixels in enumerate(w.tiles):
            at = np.stack([needs_of(w.x.at(0), w.geometry, pixels, tap, 0) for tap in taps])
            found = np.unique(at[at >= 0] // COLUMNS).tolist()
            self.words.append(sum(1 << word for word in found))
            for word in found:
                self.readers[word] |= 1 << tile


def banded(layers: Sequence[Windows]) -> Banded | None:
    """The fastest way that is found for a chain of layers, each of which reads the one before and the first of which
    reads the input; the last one's output is placed. None if there is no room."""
    reads = [Reads(w) for w in layers]
    best, fastest = None, None
    for placed in _placements(layers):
        chain = _Chain(placed, reads)
        for least in LEAST_TILES:
            found = _faster(best, chain.run(least, least))
            best, fastest = found, fastest if found is best else chain
    for leasts in itertools.product(LEAST_TILES, repeat=2):
        best = _faster(best, fastest.run(*leasts)) if fastest else None
    return best


def _faster(a: Banded | None, b: Banded | None) -> Banded | None:
    return b if a is None or (b is not None and b.cycles < a.cycles) else a


def _placements(layers: Sequence[Windows]) -> Iterator[tuple[Windows, ...]]:
    """The layers with all their inputs side by side, in any order; where the last one's output lies is given, and that
    one's input lies elsewhere."""
    inputs, y = [w.x for w in layers], layers[-1].y
    for order in itertools.permutations(range(len(inputs))):
        bases, at = [0] * len(inputs), 0
        for i in order:
            if i == len(inputs) - 1 and at < y.base + y.words and y.base < at + inputs[i].words:
                at = y.base + y.words
            bases[i], at = at, at + inputs[i].words
        if at <= f.ACTIVATION_WORDS.value:
            placed = [x.at(base) for x, base in zip(inputs, bases)]
            yield tuple(w.placed(x, result) for w, x, result in zip(layers, placed, [*placed[1:], y]))


@dataclass
class _State:
    """What has been done: by layer, tiles as a mask of bits; when; and what comes meanwhile."""

    done: list[int]
    stream: Stream
    now: int = 0
    pieces: list[Piece] = field(default_factory=list)


def _pace(loads: Sequence[Load]) -> int:
    """About how many cycles a tile takes."""
    return max(sum(load.gather for load in loads), sum(max(group) for load in loads for group in load.groups))


class _Chain:
    def __init__(self, layers: tuple[Windows, ...], reads: Sequence[Reads]) -> None:
        self.layers, self.reads = layers, reads
        self.arrival: Arrival = arrival_of(layers[0].x)
        self.all = [(1 << len(w.tiles)) - 1 for w in layers]
        self.first_needs = np.array(layers[0].needed(self.arrival)).reshape(len(layers[0].tiles), -1)
        self.loads = [[w.loads(tile, tile + 1) for tile in range(len(w.tiles))] for w in layers]
        self.pace = [_pace(tiles[0]) for tiles in self.loads]
        self.needs = [[self._needs(i, tile) for tile in range(len(w.tiles))] for i, w in enumerate(layers)]

    def _needs(self, layer: int, tile: int) -> Masks:
        """By layer: tiles that must be done before a tile."""
        needs, y = [0] * len(self.layers), self.layers[layer].y
        if layer:
            needs[layer - 1] = self.reads[layer].words[tile]
        written = y.base + np.arange(y.shape[2]) * y.blocks + tile
        for k in range(layer + 1):
            x = self.layers[k].x
            offsets = written - x.base
            for word in set((offsets[(offsets >= 0) & (offsets < x.words)] % x.blocks).tolist()):
                # Written and read: a word of the input has come when a tile is done that reads it, or all tiles are.
                needs[k] |= self.reads[k].readers[word] or (self.all[0] if k == 0 else 0)
                if k:
                    needs[k - 1] |= 1 << word
        return tuple(needs)

    def run(self, first_tiles: int, more_tiles: int) -> Banded | None:
        """All pieces, those of the first layer of at most `first_tiles` tiles, and most of the others of at least
        `more_tiles` as long as it is not done; None if they cannot be ordered."""
        state = _State([0] * len(self.layers), Stream(self.arrival.words))
        while state.done != self.all:
            choice = self._next(state, first_tiles, more_tiles)
            if choice is None:
                return None
            self._play(state, *choice)
        return Banded(self.layers, tuple(state.pieces), state.now)

    def _next(self, state: _State, first_tiles: int, more_tiles: int) -> tuple[int, int, int] | None:
        """(layer, first, end) of the next piece: of the deepest layer with enough to do, or with what can be done while
        the first layer would wait for the input; else of the first; when that is done, the others one by one."""
        later = range(1, len(self.layers))
        if state.done[0] != self.all[0]:
            choice = self._first(state, first_tiles)
            idle = self._idle(state, choice) if choice else 0
            for layer in reversed(later):
                first, end = self._ready(state, layer)
                fits = int((idle - OVERHEAD) // self.pace[layer])
                if end - first >= more_tiles:
                    return layer, first, end
                if end > first and fits > 0:
                    return layer, first, min(end, first + fits)
            return choice
        for layer in later:
            first, end = self._ready(state, layer)
            if end > first:
                return layer, first, end
        return None

    def _idle(self, state: _State, choice: tuple[int, int, int]) -> int:
        """About how many cycles the first layer's next piece would wait."""
        _, first, end = choice
        come = BEATS * int(self.first_needs[end - 1].max())
        return int(come - state.now - self.pace[0] * (end - first))

    def _ready(self, state: _State, layer: int) -> tuple[int, int]:
        """The longest run of tiles that can be done now."""
        lacking = [tiles & ~done for tiles, done in zip(self.all, state.done)]
        best, first = (0, 0), None
        for tile, needs in enumerate([*self.needs[layer], None]):
            if needs and lacking[layer] >> tile & 1 and not any(n & lacks for n, lacks in zip(needs, lacking)):
                first = tile if first is None else first
                if tile + 1 - first > best[1] - best[0]:
                    best = first, tile + 1
            else:
                first = None
        return best

    def _first(self, state: _State, most: int) -> tuple[int, int, int] | None:
        """The first layer's next tiles: what needs the least of the input, and what follows."""
        left = [tile for tile in range(len(self.first_needs)) if not state.done[0] >> tile & 1]
        start = min(left, key=lambda tile: int(self.first_needs[tile].max()))
        end = start + 1
        while end in left and end - start < most:
            end += 1
        if any(any(self.needs[0][tile]) for tile in range(start, end)):
            return None  # it would write where the input lies
        return 0, start, end

    def _play(self, state: _State, layer: int, first: int, end: int) -> None:
        state.done[layer] |= ((1 << end - first) - 1) << first
        loads = [load for tile in self.loads[layer][first:end] for load in tile]
        waits, needed = THERE, []
        if layer == 0:
            least = self.first_needs[first:end].ravel().tolist()
            waits = pace(least, self.arrival.words, to_the_end=state.done[0] == self.all[0])
            needed = paced(waits, len(least), self.arrival.words)
        cycles = array_cycles(loads, self.layers[layer].double, state.stream, needed)
        state.stream.launch(cycles)
        state.now += cycles
        state.pieces.append(Piece(layer, first, end, waits, cycles))
