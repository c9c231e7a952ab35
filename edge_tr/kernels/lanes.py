"""int8 weights of two rows multiplied with two pixels a word, for cores whose multiplier has 32 bits.

A word holds two pixels' activations, ``x0 + (x1 << 16)``, and one product with a weight serves both:
``w * x0 + (w * x1 << 16)``. Two rows share the words. Lanes are taken apart after as many units of UNIT elements as
surely fit int16, ``sum(|w|) * max(|x|) <= 32767`` for both rows, at most LANE_UNITS: a run. Before each run lies how
many of the LANE_UNITS that its code has room for are skipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LANE_RUN, LANE_UNITS, LAYOUT, Table
from edge_tr.kernels.cost import CALL, ROW, Work, column, packing
from edge_tr.kernels.generated import largest_held
from edge_tr.kernels.kernel import Made, OneBudgetKernel
from edge_tr.kernels.product import Task
from edge_tr.kernels.straightline import LANE_MAX
from edge_tr.kernels.tables import table_of
from edge_tr.operators import ConvParams
from edge_tr.prepared.budget import TrSetting

UNIT = 2


UNIT_CYCLES = column(14, 19, 143, 17, 13, 30, 560)
"""Of two rows by two elements of two pixels."""
RUN_CYCLES = column(10, 24, 24, 22, 22, 40, 40)
"""Of one run besides."""


class LanesKernel(OneBudgetKernel):
    """Convolutions whose weights fit a lane."""

    name = "lanes"
    doc = "int8 multiplication, two rows by two pixels a word"
    tile = 2
    load_bytes = 2
    jumps = 0.05

    def takes(self, task: Task) -> bool:
        return isinstance(task.params, ConvParams) and fits(task.revealed.values, largest_held(task.cut))

    def made(self, task: Task, work: Work) -> Made:
        lanes, isa = encode_lanes(task.revealed.values, largest_held(task.cut)), task.isa
        body = term_table.encode(lanes_table(lanes, task.setting, work.depth))
        scratch = 4 * (work.depth + work.depth % 2) + 8 * (work.rows + work.rows % 2)  # words of two pixels, their sums
        reading = lanes.units * UNIT_CYCLES[isa] + lanes.runs * RUN_CYCLES[isa] + work.rows * ROW[isa]
        cycles = (work.positions + 1) // 2 * (reading + packing(work, task.params, isa) + CALL[isa])
        return Made(body, scratch, work.estimate(cycles, len(body), isa))


def lanes_table(lanes: Lanes, setting: TrSetting, depth: int) -> Table:
    """Layout LANES."""
    return table_of(LAYOUT.LANES, setting, depth, lanes.starts, lanes.words)


@dataclass(frozen=True)
class Lanes:
    """`words` uint8: rows two by two, from byte `starts` [rows + 1] on; `units` and `runs` in all."""

    starts: np.ndarray
    words: np.ndarray
    units: int
    runs: int


def fits(weights: np.ndarray, largest: int) -> bool:
    """Whether every unit of int8 weights [rows, depth] fits a lane with activations up to `largest`."""
    sizes = np.abs(_units(weights)).sum(axis=3)
    return int(sizes.max(initial=0)) * largest <= LANE_MAX


def encode_lanes(weights: np.ndarray, largest: int) -> Lanes:
    """Of int8 weights [rows, depth] that fit; the largest activation as a magnitude."""
    encoded, starts, runs = bytearray(), [], 0
    units = _units(weights)
    for pair in units:
        starts += [len(encoded)] * 2
        octets = pair.transpose(1, 2, 0).astype(np.int8)  # unit, element, row
        bounds = _bounds(np.abs(pair).sum(axis=2), LANE_MAX // largest)
        runs += len(bounds)
        for first, end in bounds:
            header = LANE_RUN.pack(skip=LANE_UNITS.value - (end - first), last=int(end == len(octets)))
            encoded += header + octets[first:end].tobytes()
    starts = np.array([*starts[: len(weights)], len(encoded)])
    return Lanes(starts, np.frombuffer(bytes(encoded), np.uint8), units.shape[0] * units.shape[2], runs)


def _units(weights: np.ndarray) -> np.ndarray:
    """int64 [pairs of rows, 2, units, UNIT], with zeros where there are no more rows or elements."""
    rows, depth = weights.shape
    padded = np.zeros((rows + rows % 2, depth + depth % UNIT), np.int64)
    padded[:rows, :depth] = weights
    return padded.reshape(-1, 2, padded.shape[1] // UNIT, UNIT)


def _bounds(sizes: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Runs of units [first, end), given sum(|w|) [2, units], of which a lane takes `most`."""
    bounds, first, held = [], 0, np.zeros(2, np.int64)
    for unit, size in enumerate(sizes.T):
        if unit - first == LANE_UNITS.value or (held + size).max() > most:
            bounds.append((first, unit))
            first, held = unit, np.zeros(2, np.int64)
        held = held + size
    return [*bounds, (first, sizes.shape[1])]


def interpret_lanes(lanes: Lanes, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """int64 [rows, 2]: sums for two pixels, int64 [depth] each, in 32-bit arithmetic; the C code's mirror."""
    data, sums = lanes.words.tobytes(), []
    depth = len(first) + len(first) % UNIT
    x = np.zeros(depth, np.int64)
    x[: len(first)] = first + (second << 16)
    for row in range(0, len(lanes.starts) - 1, 2):
        at, element, total, last = int(lanes.starts[row]), 0, np.zeros((2, 2), np.int64), 0
        while not last:
            header = LANE_RUN.unpack(data[at:])
            last, size = header["last"], UNIT * (LANE_UNITS.value - header["skip"])
            weights = np.frombuffer(data, np.int8, 2 * size, at + LANE_RUN.size).reshape(size, 2).astype(np.int64)
            word = (weights * x[element : element + size, None]).sum(axis=0) & 0xFFFFFFFF
            low = (word & 0xFFFF ^ 0x8000) - 0x8000
            high = ((word - low) >> 16 & 0xFFFF ^ 0x8000) - 0x8000
            total += np.stack([low, high], axis=1)
            at, element = at + LANE_RUN.size + 2 * size, element + size
        sums += total.tolist()
    return np.array(sums[: len(lanes.starts) - 1])
