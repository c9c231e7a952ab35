"""How the taps and channels of a window layer are dealt to the banks and entries of the columns' data memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_tr.formats import accelerator as f
from edge_tr.operators import DepthwiseParams

ROWS, BANKS = f.ROWS.value, f.BANKS.value
HALF_ENTRIES = f.ENTRIES.value // 2


@dataclass(frozen=True)
class Piece:
    """Taps of one kernel row that come in one window: `kxs[i]` goes to bank `banks[i]`."""

    ky: int
    kxs: tuple[int, ...]
    banks: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """What one load of the data memory holds: pieces for runs of channels, from entry `entry` on."""

    loads: tuple[tuple[Piece, tuple[int, ...], int], ...]  # piece, channels, first entry


class Part(NamedTuple):
    """A step, the groups of four channels that read it, and whether their sums begin and end with it."""

    step: Step
    groups: tuple[int, ...]
    first: bool
    final: bool


Plan = tuple[Part, ...]
"""What a tile takes, in order."""
Bundle = tuple[Piece, ...]  # pieces of different banks, which share entries


def parts(steps: Sequence[Step], groups: tuple[int, ...]) -> list[Part]:
    """All steps of the same groups."""
    return [Part(step, groups, i == 0, i == len(steps) - 1) for i, step in enumerate(steps)]


def bundles_of(kernel: tuple[int, int], stride: int, split: bool) -> list[Bundle]:
    """Taps of a kernel row in threes whose windows are neighbours: all of them, or those of one parity. What is left of
    a row takes the banks that are free beside it."""
    kh, kw = kernel
    by_parity = stride == 2 or split
    sets = [range(0, kw, 2), range(1, kw, 2)] if by_parity else [range(kw)]
    runs = [tuple(taps[i : i + BANKS]) for taps in sets for i in range(0, len(taps), BANKS)]
    bundles: list[list[tuple[int, ...]]] = []
    for run in runs:
        beside = next((b for b in bundles if sum(map(len, b)) + len(run) <= BANKS), None)
        if beside is None:
            bundles.append([run])
        else:
            beside.append(run)
    return [tuple(_side_by_side(ky, bundle)) for ky in range(kh) for bundle in bundles]


def _side_by_side(ky: int, runs: Sequence[tuple[int, ...]]) -> Iterator[Piece]:
    at = 0
    for run in runs:
        yield Piece(ky, run, tuple(range(at, at + len(run))))
        at += len(run)


def conv_steps(kernel: tuple[int, int], stride: int, channels: int, split: bool, capacity: int) -> list[Step]:
    """All (bundle, channel) in as few loads of `capacity` entries as they take, evenly filled."""
    if kernel == (1, 1):
        return _pointwise_steps(channels, capacity)
    units = [(bundle, channel) for bundle in bundles_of(kernel, stride, split) for channel in range(channels)]
    count = -(-len(units) // capacity)
    size = -(-len(units) // count)
    steps = []
    for start in range(0, len(units), size):
        runs: list[tuple[Bundle, list[int], int]] = []
        for entry, (bundle, channel) in enumerate(units[start : start + size]):
            if runs and runs[-1][0] is bundle:
                runs[-1][1].append(channel)
            else:
                runs.append((bundle, [channel], entry))
        steps.append(Step(tuple((piece, tuple(cs), at) for bundle, cs, at in runs for piece in bundle)))
    return steps


def _pointwise_steps(channels: int, capacity: int) -> list[Step]:
    """1 x 1: channels go round the banks."""
    count = -(-channels // (capacity * BANKS))
    size = -(-channels // count)
    steps = []
    for start in range(0, channels, size):
        part = range(start, min(start + size, channels))
        loads = [(Piece(0, (0,), (b,)), tuple(part[b::BANKS]), 0) for b in range(BANKS) if part[b::BANKS]]
        steps.append(Step(tuple(loads)))
    return steps


def depthwise_steps(p: DepthwiseParams, split: bool, capacity: int) -> list[list[Step]]:
    """For each group of four output channels the loads of its taps."""
    channels = p.weights.shape[0]
    groups = []
    for first in range(0, channels, ROWS):
        sources = sorted({c // p.depth_multiplier for c in range(first, min(first + ROWS, channels))})
        bundles = bundles_of(p.kernel, p.stride[1], split)
        per_step = max(1, capacity // len(sources))
        steps = []
        for at in range(0, len(bundles), per_step):
            part = bundles[at : at + per_step]
            loads = [(piece, tuple(sources), i * len(sources)) for i, bundle in enumerate(part) for piece in bundle]
            steps.append(Step(tuple(loads)))
        groups.append(steps)
    return groups


def places_of(step: Step) -> dict[tuple[int, int, int], tuple[int, int]]:
    """(ky, kx, channel) -> (bank, entry)."""
    return {
        (piece.ky, kx, channel): (bank, entry + i)
        for piece, channels, entry in step.loads
        for kx, bank in zip(piece.kxs, piece.banks)
        for i, channel in enumerate(channels)
    }
