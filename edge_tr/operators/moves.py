"""What all moves share: every element of the output is one of the input, or a filling, at places known at build time.

A move is a set of nested loops. Each advances in the input and in the output, by steps or by a table of offsets where
steps do not say it (RESIZE_NEAREST_NEIGHBOR, GATHER, crops). The place in the input is the sum over all loops, and so
is that in the output. One C function, `tr_copy`, runs them for any type: its units are bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.operators.reshape import ReshapeParams
from edge_tr.record import Range, Record
from edge_tr.structs import Array, Call, Field, Struct
from edge_tr.tr.requant import Rounding

LOOPS = 6
MOST_PAIRS = 1 << 22
"""Of an input's and an output's channel that are looked at; beyond that channels are not told apart."""
LOOP = Struct(
    "tr_loop",
    "`count` elements, each so many bytes further, or at `offsets` [count][2] bytes: in the input, in the output.",
    (
        Field("uint32_t", "count"),
        Field("int32_t", "from"),
        Field("int32_t", "to"),
        Field("const int32_t *", "offsets"),
    ),
)
COPY = Struct(
    "tr_copy",
    "A move: `loops`, outermost first, of runs of `run` bytes, the first from `from` to `to`. Before it the output's\n"
    "`filled` bytes are set to `value`.",
    (
        Field(LOOP, "loops", count=LOOPS),
        Field("uint32_t", "run"),
        Field("uint32_t", "from"),
        Field("uint32_t", "to"),
        Field("uint32_t", "filled"),
        Field("int8_t", "value"),
    ),
)


@dataclass(frozen=True)
class Loop:
    """`count` elements: element i lies i * `source` on in the input and i * `target` in the output, or where `offsets`
    (int64 [2, count]) says. In elements."""

    count: int
    source: int = 0
    target: int = 0
    offsets: np.ndarray | None = None

    @property
    def places(self) -> np.ndarray:
        """int64 [2, count]."""
        if self.offsets is not None:
            return self.offsets
        return np.arange(self.count) * np.array([[self.source], [self.target]])


def table(sources: np.ndarray, targets: np.ndarray) -> Loop:
    """A loop over places that any rule gives."""
    return Loop(len(sources), offsets=np.stack([sources, targets]).astype(np.int64))


def strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements between neighbours along each axis."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@dataclass(frozen=True)
class MoveParams(Record):
    """A move of elements of `item` bytes.

    filling  what the output holds where no loop writes; None: they write everywhere
    steady   whether the operator may be prepared again with fewer channels, which it leaves where they are
    first    the first element's places, in the input and in the output
    counts   of the loops, outermost first; `sources` and `targets` are their steps
    tabled   for each loop the first of its columns in `offsets` (int32 [2, n]); -1: it goes by steps
    """

    input_size: int
    output_size: int
    item: int
    filling: int | None
    steady: bool
    first: tuple[int, int]
    counts: tuple[int, ...]
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    tabled: tuple[int, ...]
    offsets: np.ndarray

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Outermost first."""
        return tuple(
            Loop(count, source, target, None if at < 0 else self.offsets[:, at : at + count].astype(np.int64))
            for count, source, target, at in zip(self.counts, self.sources, self.targets, self.tabled)
        )

    def places(self, side: int) -> np.ndarray:
        """int64 [elements]: where each is in the input (0) or goes in the output (1)."""
        found = np.array([self.first[side]])
        for loop in self.loops:
            found = (found[:, None] + loop.places[side]).ravel()
        return found

    def golden(
        self, inputs: Sequence[np.ndarray], rounding: Rounding, data_table: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        x = inputs[0].reshape(-1, self.input_size)
        result = np.full((len(x), self.output_size), self.filling or 0, x.dtype)
        result[:, self.places(1)] = x[:, self.places(0)]
        return (result,)

    def gradients(self, inputs: Sequence[np.ndarray], output: np.ndarray, gradient: np.ndarray) -> list[np.ndarray]:
        result = np.zeros((self.input_size, gradient.size // self.output_size), np.float32)
        np.add.at(result, self.places(0), gradient.reshape(-1, self.output_size).T[self.places(1)])
        return [result.T]

    def part(self, output: int) -> int | None:
        written = math.prod(self.counts)
        is_run = self.loops == () or (len(self.loops) == 1 and (self.sources, self.targets) == ((1,), (1,)))
        return self.first[0] if is_run and written == self.output_size else None

    # --- channels ---

    def _pairs(self, channels: tuple[int, int]) -> np.ndarray | None:
        """int64 [2, n]: every channel of the input and channel of the output that it comes to; None: too many."""
        rows, columns = channels

        def coded(places: np.ndarray) -> np.ndarray:
            return np.unique(places[0] % rows * columns + places[1] % columns)

        found = coded(np.array(self.first)[:, None])
        for loop in self.loops:
            period = math.lcm(rows, columns) if loop.offsets is None else loop.count
            count = min(loop.count, period)
            if count * len(found) > MOST_PAIRS:
                return None
            steps = coded(replace(loop, count=count).places)
            sums = [part[:, None] + of for part, of in zip(divmod(found, columns), divmod(steps, columns))]
            found = coded(np.stack([of.ravel() for of in sums]))
        return np.stack(divmod(found, columns))

    def ranges(
        self, inputs: Sequence[Range], outputs: Sequence[int], data_terms: np.ndarray | None = None
    ) -> tuple[Range, ...]:
        """Of each channel the hull of those that come to it, and of the filling."""
        pairs = self._pairs((len(inputs[0].low), outputs[0]))
        if pairs is None:
            low, high = (np.full(outputs[0], end) for end in (inputs[0].low.min(), inputs[0].high.max()))
        else:
            low, high = np.full(outputs[0], 1 << 31), np.full(outputs[0], -(1 << 31))
            np.minimum.at(low, pairs[1], inputs[0].low[pairs[0]])
            np.maximum.at(high, pairs[1], inputs[0].high[pairs[0]])
        if self.filling is not None:
            low, high = np.minimum(low, self.filling), np.maximum(high, self.filling)
        return (Range(low, high),)

    def ties(self, inputs: Sequence[int], outputs: Sequence[int]) -> list[np.ndarray] | None:
        if not self.steady or inputs[0] != outputs[0]:
            return None
        pairs = self._pairs((inputs[0], outputs[0]))
        return [np.arange(inputs[0])] * 2 if pairs is not None and (pairs[0] == pairs[1]).all() else None

    # --- C ---

    def call(self) -> Call:
        loops, run = self.loops, 1
        if loops and loops[-1].offsets is None and loops[-1].source == loops[-1].target == 1:
            loops, run = loops[:-1], loops[-1].count
        unused = (Loop(1),) * (LOOPS - len(loops))
        values = {
            "loops": tuple(self._in_bytes(loop, number) for number, loop in enumerate((*unused, *loops))),
            "run": run * self.item,
            "from": self.first[0] * self.item,
            "to": self.first[1] * self.item,
            "filled": 0 if self.filling is None else self.output_size * self.item,
            "value": ((self.filling or 0) + 128) % 256 - 128,  # a byte of it: all are alike
        }
        return Call("tr_copy", COPY, values)

    def _in_bytes(self, loop: Loop, number: int) -> tuple[object, ...]:
        if loop.offsets is None:
            return (loop.count, loop.source * self.item, loop.target * self.item, 0)
        return (loop.count, 0, 0, Array("int32_t", f"offsets{number}", (loop.places.T * self.item).ravel()))


def move(
    input_size: int,
    output_size: int,
    loops: Sequence[Loop],
    *,
    first: tuple[int, int] = (0, 0),
    filling: int | None = None,
    item: int = 1,
    steady: bool = False,
) -> MoveParams | ReshapeParams:
    """The record of a move; a RESHAPE's where the output is the input's bytes in their order. `filling` is left out
    where the loops write everywhere: they never write an element twice."""
    loops, (source, target) = _from_zero(loops, first)
    simple = _fewest(_merged([loop for loop in loops if loop.count > 1]))
    written = math.prod(loop.count for loop in simple)
    if written == output_size:
        filling = None
    runs = simple or [Loop(1, 1, 1)]
    if input_size == output_size == written and len(runs) == 1 and (runs[0].source, runs[0].target) == (1, 1):
        return ReshapeParams(input_size)
    tables = [loop.offsets for loop in simple if loop.offsets is not None]
    offsets = np.concatenate([np.zeros((2, 0)), *tables], axis=1).astype(np.int32)
    offsets.flags.writeable = False
    starts_at = np.cumsum([0, *(0 if loop.offsets is None else loop.count for loop in simple)])
    return MoveParams(
        input_size, output_size, item, filling, steady, (source, target),
        counts=tuple(loop.count for loop in simple),
        sources=tuple(loop.source for loop in simple),
        targets=tuple(loop.target for loop in simple),
        tabled=tuple(-1 if loop.offsets is None else int(at) for loop, at in zip(simple, starts_at)),
        offsets=offsets,
    )  # fmt: skip


def copy_of(size: int) -> Call:
    """How the runtime copies so many bytes as they are."""
    none = np.zeros((2, 0), np.int32)
    return MoveParams(size, size, 1, None, False, (0, 0), (size,), (1,), (1,), (-1,), none).call()


def _from_zero(loops: Sequence[Loop], first: tuple[int, int]) -> tuple[list[Loop], tuple[int, int]]:
    """Loops whose first element lies at 0, by steps where a table only counts up; and where their first one lies."""
    shifted, start = [], np.array(first)
    for loop in loops:
        if loop.offsets is not None:
            start = start + loop.offsets[:, 0]
            loop = _stepped(replace(loop, offsets=loop.offsets - loop.offsets[:, :1]))
        shifted.append(loop)
    return shifted, (int(start[0]), int(start[1]))


def _stepped(loop: Loop) -> Loop:
    steps = np.diff(loop.offsets, axis=1)
    if loop.count == 1 or (steps != steps[:, :1]).any():
        return loop
    return Loop(loop.count, int(steps[0, 0]), int(steps[1, 0]))


def _merged(loops: Sequence[Loop]) -> list[Loop]:
    """Neighbours that one loop does."""
    merged: list[Loop] = []
    for loop in loops:
        outer = merged[-1] if merged else loop
        alike = (outer.source, outer.target) == (loop.count * loop.source, loop.count * loop.target)
        if merged and alike and outer.offsets is None and loop.offsets is None:
            merged[-1] = replace(loop, count=outer.count * loop.count)
        else:
            merged.append(loop)
    return merged


def _fewest(loops: Sequence[Loop]) -> list[Loop]:
    """At most `LOOPS`: the two neighbours of the smallest product become one table, and so on."""
    loops = list(loops)
    while len(loops) > LOOPS:
        at = min(range(len(loops) - 1), key=lambda i: loops[i].count * loops[i + 1].count)
        outer, inner = loops[at].places, loops[at + 1].places
        loops[at : at + 2] = [table(*(outer[:, :, None] + inner[:, None, :]).reshape(2, -1))]
    return loops


def picked(shape: Sequence[int], indices: Sequence[np.ndarray]) -> list[Loop]:
    """Loops that take along every axis of `shape` the elements with these indices, into an output without gaps."""
    targets = strides([len(index) for index in indices])
    return [
        table(index.astype(np.int64) * source, np.arange(len(index)) * target)
        for index, source, target in zip(indices, strides(shape), targets)
    ]


STRUCTS = (COPY,)
