"""Memory planner: where each tensor and each layer's scratch lies in the static arena.

Buffers live from the step that first writes them to the last step that reads
them; two buffers may overlap only if their lives do not. Placement is best-fit:
one after the other, each into the smallest gap that takes it. The order starts
as largest first and is then improved by seeded swaps until the lower bound is
reached or the tries are used up.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

ALIGNMENT = 4
SWAPS = 400
PLACEMENTS = 200_000
"""Of buffers, in all tries together: large models are tried less often."""


@dataclass(frozen=True)
class Buffer:
    """`size` bytes needed from step `first` to step `last`, both included. `kind` says what for: "tensor", "scratch" or
    "staged weights" of one layer, or "state". `alignment` of its offset: bytes, a power of two, at least ALIGNMENT."""

    name: str
    size: int
    first: int
    last: int
    kind: str = "tensor"
    alignment: int = ALIGNMENT


@dataclass(frozen=True)
class Region:
    """Where a buffer lies, `bytes` from `offset`, and when: from step `first` to step `last`, one step a layer. `kind`
    is the buffer's, or "view" of a tensor whose bytes are another's."""

    name: str
    kind: str
    offset: int
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class MemoryPlan:
    """`offsets` by buffer name; `size` is the arena's, `lower_bound` what no plan can go below:
    the largest sum of buffers alive at one step. Bytes. `regions` are all buffers in their places, by first step.
    `beside`: bytes from the arena's end to that of the last buffer that is there for ever."""

    offsets: dict[str, int]
    size: int
    lower_bound: int
    regions: tuple[Region, ...] = ()
    beside: int = 0


def plan(buffers: Sequence[Buffer], taken: Mapping[str, str] | None = None) -> MemoryPlan:
    """Place every buffer; the same buffers always get the same plan. `taken`: buffers that take the place of another
    one of their size, which dies at the step in which they are written."""
    first_of = {buffer.name: buffer.name for buffer in buffers}
    for name, place in (taken or {}).items():
        first_of[name] = first_of[place]
    placed = _plan(_merged(buffers, first_of))
    offsets = {name: placed.offsets[first] for name, first in first_of.items()}
    regions = (Region(b.name, b.kind, offsets[b.name], b.size, b.first, b.last) for b in buffers)
    return replace(placed, offsets=offsets, regions=tuple(sorted(regions, key=lambda r: (r.first, r.offset, r.name))))


def with_states(memory: MemoryPlan, states: Sequence[Buffer]) -> MemoryPlan:
    """The plan with buffers behind the arena, one after the other: what lies there stays from one run to the next."""
    offsets, regions, end = dict(memory.offsets), list(memory.regions), memory.size
    for state in states:
        offsets[state.name] = _up(end, state.alignment)
        regions.append(Region(state.name, state.kind, offsets[state.name], state.size, state.first, state.last))
        end = offsets[state.name] + aligned(state.size)
    return replace(memory, offsets=offsets, regions=tuple(regions), beside=end - memory.size)


def _merged(buffers: Sequence[Buffer], first_of: Mapping[str, str]) -> list[Buffer]:
    """One buffer for all that lie in one place."""
    merged: dict[str, Buffer] = {}
    for buffer in sorted(buffers, key=lambda buffer: buffer.first):
        first = merged.setdefault(first_of[buffer.name], buffer)
        alignment = max(first.alignment, buffer.alignment)
        merged[first.name] = replace(first, last=max(first.last, buffer.last), alignment=alignment)
    return list(merged.values())


def _plan(buffers: Sequence[Buffer]) -> MemoryPlan:
    lower_bound = max(alive_bytes(buffers), default=0)
    order = sorted(buffers, key=lambda b: (-b.size, b.first, b.name))
    size, offsets = _place(order)
    swaps = random.Random(len(order))
    for _ in range(min(SWAPS, PLACEMENTS // len(order)) if len(order) > 1 else 0):
        if size == lower_bound:
            break
        trial = list(order)
        i, j = swaps.sample(range(len(order)), 2)
        trial[i], trial[j] = trial[j], trial[i]
        trial_size, trial_offsets = _place(trial)
        if trial_size <= size:
            order, size, offsets = trial, trial_size, trial_offsets
    return MemoryPlan(offsets, size, lower_bound)


def _place(order: Sequence[Buffer]) -> tuple[int, dict[str, int]]:
    """Arena size and offsets when buffers are placed in this order."""
    taken: list[set[tuple[int, int]]] = [set() for _ in range(max((b.last for b in order), default=-1) + 1)]
    offsets, size = {}, 0
    for buffer in order:
        alive = set().union(*taken[buffer.first : buffer.last + 1])
        offset = _best_gap(sorted(alive), aligned(buffer.size), buffer.alignment)
        place = (offset, offset + aligned(buffer.size))
        for step in taken[buffer.first : buffer.last + 1]:
            step.add(place)
        offsets[buffer.name], size = offset, max(size, place[1])
    return size, offsets


def alive_bytes(buffers: Sequence[Buffer]) -> list[int]:
    """At each step, the bytes of all buffers that live then."""
    changes = [0] * (max((b.last for b in buffers), default=-1) + 2)
    for buffer in buffers:
        changes[buffer.first] += aligned(buffer.size)
        changes[buffer.last + 1] -= aligned(buffer.size)
    return list(accumulate(changes))[:-1]


def aligned(size: int) -> int:
    """Bytes that a buffer takes of the arena."""
    return _up(size, ALIGNMENT)


def _up(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _best_gap(taken: list[tuple[int, int]], size: int, alignment: int) -> int:
    """Offset of the smallest gap between `taken` (sorted by start) that holds `size`; else behind all."""
    gaps, end = [], 0
    for start, stop in taken:
        if start - end >= size:
            gaps.append((start - end, end))
        end = max(end, _up(stop, alignment))
    return min(gaps)[1] if gaps else end
