"""Four rows of int8 weights as two factors of two rows each, for a multiplier of 32 bits and one row of activations.

A byte of a word holds weight + 128 of one row, bytes 0 and 2 those of one factor, 1 and 3 those of the other. One
product with x, and one addition, serve both rows of a factor: ``(w0 + 128) * x + ((w1 + 128) * x << 16)``. What the
128s add is the same for all rows, ``128 * x`` a lane: the activations come in units of four, each with the correction
of its sum. Lanes are taken apart after as many units as surely fit int16, ``sum(|w|) * 128 <= 32767`` for each of the
four rows: a bit a unit says where.

So that every unit alone fits, units mix elements with large and small weights, and where that does not do, hold fewer
than four: the rest are elements whose weights are zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT, Table
from edge_tr.kernels.cost import GATHER, ROW, Work, column
from edge_tr.kernels.kernel import Made, OneBudgetKernel
from edge_tr.kernels.product import Task
from edge_tr.kernels.straightline import LANE_MAX
from edge_tr.kernels.tables import table_of
from edge_tr.operators import FullyConnectedParams
from edge_tr.prepared.budget import TrSetting

LANE_WEIGHTS = LANE_MAX // 128
"""The largest sum of |weight| that a lane takes."""
UNIT = 4
FLAGS = 32
"""Units that one word has flags for; the last of them is always flushed."""
MAX_DEPTH = 1 << 16


UNIT_CYCLES = column(24, 54, 302, 46, 38, 57, 1200)
"""Of four rows by four elements."""
FLUSH_CYCLES = column(8, 18, 18, 14, 14, 16, 30)
"""Of four rows."""


class TwinsKernel(OneBudgetKernel):
    """Fully connected layers."""

    name = "twins"
    doc = "int8 multiplication, two rows in one factor"
    sums = True

    def takes(self, task: Task) -> bool:
        fits = task.revealed.values.shape[1] <= MAX_DEPTH
        return isinstance(task.params, FullyConnectedParams) and not task.cut and fits

    def made(self, task: Task, work: Work) -> Made:
        twins, isa = encode_twins(task.revealed.values), task.isa
        body = term_table.encode(twins_table(twins, task.setting, work.depth))
        units, blocks = len(twins.order), -(-work.rows // 4)
        reading = units * (blocks * UNIT_CYCLES[isa] + 4 * GATHER[isa]) + twins.flushes * FLUSH_CYCLES[isa]
        cycles = work.positions * (reading + 2 * blocks * ROW[isa])
        return Made(body, 8 * units, work.estimate(cycles, len(body), isa))


def twins_table(twins: Twins, setting: TrSetting, depth: int) -> Table:
    """Layout TWINS."""
    return table_of(LAYOUT.TWINS, setting, depth, twins.starts, twins.words)


@dataclass(frozen=True)
class Twins:
    """`order` [units, 4]: elements in the order of units; `words` uint8: `order` as 16-bit numbers, then blocks of four
    rows, from byte `starts` [rows + 1] on; `flushes` in all."""

    order: np.ndarray
    starts: np.ndarray
    words: np.ndarray
    flushes: int


def encode_twins(weights: np.ndarray) -> Twins:
    """Of int8 weights [rows, depth], depth below MAX_DEPTH."""
    rows, depth = weights.shape
    blocks = -(-rows // 4)
    padded = np.zeros((4 * blocks, depth + 1), np.int64)
    padded[:rows, :depth] = weights
    order = _order(np.abs(padded[:, :depth]))
    units = padded[:, order].reshape(blocks, 4, -1, UNIT)  # element -1 is all zeros
    named = np.where(order < 0, 0, order).astype("<u2")
    encoded, flushes = [named.tobytes()], 0
    for block in units:
        ends = _flushes(np.abs(block).sum(axis=2))
        flushes += len(ends)
        octets = (block[[0, 2, 1, 3]] + 128).astype(np.uint8).transpose(1, 2, 0)  # unit, element, row
        encoded.append(_with_flags(octets, ends))
    bounds = np.cumsum([len(data) for data in encoded])
    starts = bounds[np.minimum(np.arange(rows + 1) // 4, blocks)]
    starts[-1] = bounds[-1]
    return Twins(order, starts, np.frombuffer(b"".join(encoded), np.uint8), flushes)


def _order(sizes: np.ndarray) -> np.ndarray:
    """Elements as units [units, UNIT], -1 for none: by size, dealt out to and fro, to as few units as do."""
    depth = sizes.shape[1]
    falling = np.argsort(-np.square(sizes).sum(axis=0), kind="stable")
    padded = np.concatenate([sizes, np.zeros((len(sizes), 1), np.int64)], axis=1)
    units = -(-depth // UNIT)
    while True:
        dealt = np.full(units * UNIT, -1)
        dealt[:depth] = falling
        order = dealt.reshape(UNIT, units)
        order[1::2] = order[1::2, ::-1].copy()
        if padded[:, order].sum(axis=1).max(initial=0) <= LANE_WEIGHTS:
            return order.T
        units += -(-units // 16)


def _flushes(sizes: np.ndarray) -> list[int]:
    """Ends (exclusive) of runs of units, given sum(|w|) [4, units]: as few as FLAGS and the lanes allow."""
    ends: list[int] = []
    held = np.zeros(len(sizes), np.int64)
    for unit, size in enumerate(sizes.T):
        if unit and (unit % FLAGS == 0 or (held + size).max() > LANE_WEIGHTS):
            ends.append(unit)
            held[:] = 0
        held += size
    return [*ends, sizes.shape[1]]


def _with_flags(octets: np.ndarray, ends: list[int]) -> bytes:
    """Units of one block in groups of FLAGS, each behind its flags: bit 31 is the first unit's."""
    flushed = np.zeros(len(octets), bool)
    flushed[np.array(ends) - 1] = True
    parts = []
    for first, end in pairwise([*range(0, len(octets), FLAGS), len(octets)]):
        flags = sum(1 << 31 - n for n, flag in enumerate(flushed[first:end].tolist()) if flag)
        parts.append(flags.to_bytes(4, "little") + octets[first:end].tobytes())
    return b"".join(parts)


def interpret_twins(twins: Twins, x: np.ndarray) -> np.ndarray:
    """int64 [rows]: sums for x, int8 [depth], in 32-bit arithmetic; the C code's mirror."""
    data, units = twins.words.tobytes(), len(twins.order)
    named = np.frombuffer(data, "<u2", units * UNIT).reshape(units, UNIT)
    activations = x.astype(np.int64)[named]
    sums = []
    for row in range(0, len(twins.starts) - 1, 4):
        at, words, lanes = int(twins.starts[row]), [0, 0], np.zeros(4, np.int64)
        for unit, values in enumerate(activations):
            if unit % FLAGS == 0:
                flags, at = int.from_bytes(data[at : at + 4], "little"), at + 4
            octets = np.frombuffer(data, np.uint8, 4 * UNIT, at).astype(np.int64).reshape(UNIT, 4)
            at += 4 * UNIT
            for factor in range(2):
                pairs = octets[:, factor] + (octets[:, factor + 2] << 16)
                words[factor] += int((pairs * values).sum() - 128 * 0x10001 * values.sum())
            if flags >> (31 - unit % FLAGS) & 1:
                for factor, word in enumerate(words):
                    low = (word & 0xFFFF ^ 0x8000) - 0x8000
                    high = ((word - low) >> 16 & 0xFFFF ^ 0x8000) - 0x8000
                    lanes[2 * factor : 2 * factor + 2] += (low, high)
                words = [0, 0]
        sums += lanes.tolist()
    return np.array(sums[: len(twins.starts) - 1])
