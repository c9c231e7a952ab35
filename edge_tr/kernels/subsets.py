"""Bit planes of int8 weights as names of sums: fully connected layers without multiplication or a decoded term.

Eight activations of a row have 256 subsets, whose sums are one table in RAM, built once and read by up to 128 rows of
weights. A plane of eight weights, one bit each, is a byte: the number of the subset that it adds. So a lookup and an
addition serve eight weights, and each plane doubles what the planes above it gave (Horner; two's complement, so the
highest plane is subtracted). This is distributed arithmetic (Croisier et al., 1973; Peled and Liu, 1974).

Two tables are read at a time, for blocks of sixteen elements. A row's block has as many planes as its largest weight
needs, and says so in front. Sums are of x + 128, which is never negative, so that 16-bit entries can be added in
pairs without a borrow; what the 128s add is part of the bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT, SUBSET_ELEMENTS, SUBSET_ROWS, Table
from edge_tr.kernels.cost import ROW, Work, column
from edge_tr.kernels.kernel import Made, OneBudgetKernel
from edge_tr.kernels.product import Task
from edge_tr.kernels.tables import table_of
from edge_tr.operators import FullyConnectedParams
from edge_tr.prepared.budget import TrSetting

ELEMENTS = SUBSET_ELEMENTS.value
ROWS = SUBSET_ROWS.value
BLOCK = 2 * ELEMENTS
PLANES = 8
INPUT_OFFSET = 128
"""What is added to activations."""
TABLE_BYTES = 2 * (2 << ELEMENTS)
"""Both tables of a block."""


TABLE_CYCLES = column(600, 1310, 1310, 1310, 1310, 1680, 1680)
"""Of making both tables of a block."""
ROW_CYCLES = column(12, 18, 18, 20, 20, 19, 19)
"""Of one row of a block but for its planes."""
PLANE_CYCLES = column(6, 13, 13, 15, 15, 15, 15)


class SubsetsKernel(OneBudgetKernel):
    """Fully connected layers."""

    name = "subsets"
    doc = "bit planes of weights that name sums of eight activations"
    sums = True
    load_bytes = 1

    def takes(self, task: Task) -> bool:
        return isinstance(task.params, FullyConnectedParams) and not task.cut

    def lacks(self, task: Task) -> np.ndarray:
        return super().lacks(task) - INPUT_OFFSET * task.revealed.values.sum(axis=1, dtype=np.int64)

    def made(self, task: Task, work: Work) -> Made:
        subsets, isa = encode_subsets(task.revealed.values), task.isa
        body = term_table.encode(subsets_table(subsets, task.setting, work.depth))
        scratch = TABLE_BYTES + 4 * min(ROWS, work.rows)  # tables, and what the rows that share them have summed
        tables = -(-work.rows // ROWS) * -(-work.depth // BLOCK)
        reading = tables * TABLE_CYCLES[isa] + subsets.blocks * ROW_CYCLES[isa] + subsets.planes * PLANE_CYCLES[isa]
        cycles = work.positions * (reading + work.rows * ROW[isa] / 8)
        return Made(body, scratch, work.estimate(cycles, len(body), isa))


def subsets_table(subsets: Subsets, setting: TrSetting, depth: int) -> Table:
    """Layout SUBSETS."""
    return table_of(LAYOUT.SUBSETS, setting, depth, subsets.starts, subsets.words)


@dataclass(frozen=True)
class Subsets:
    """`words` uint8: chunks of ROWS rows, from byte `starts` [rows + 1] on; in a chunk, block after block, its rows;
    of `blocks` rows' blocks in all with `planes` planes in all."""

    starts: np.ndarray
    words: np.ndarray
    blocks: int
    planes: int


def encode_subsets(weights: np.ndarray) -> Subsets:
    """Of int8 weights [rows, depth]."""
    rows, depth = weights.shape
    blocks = -(-depth // BLOCK)
    padded = np.zeros((rows, blocks * BLOCK), np.int8)
    padded[:, :depth] = weights
    padded = padded.reshape(rows, blocks, BLOCK)
    missing = PLANES - _planes_needed(padded)
    named = np.concatenate([2 * missing[:, :, None], _octets(padded)], axis=2).astype(np.uint8)
    place = np.arange(named.shape[2])
    kept = (place == 0) | (place > 2 * missing[:, :, None])
    parts = []
    for first in range(0, rows, ROWS):
        chunk = slice(first, first + ROWS)
        parts.append(named[chunk].transpose(1, 0, 2)[kept[chunk].transpose(1, 0, 2)])
    bounds = np.cumsum([0, *map(len, parts)])
    starts = np.append(bounds[np.arange(rows) // ROWS], bounds[-1])
    return Subsets(starts, np.concatenate(parts), missing.size, int((PLANES - missing).sum()))


def _planes_needed(weights: np.ndarray) -> np.ndarray:
    """int64 [rows, blocks]: bits of the longest weight of each block, in two's complement."""
    magnitude = np.maximum(weights, ~weights).max(axis=2).astype(np.int64)
    return 1 + np.searchsorted(1 << np.arange(PLANES - 1), magnitude, side="right")


def _octets(weights: np.ndarray) -> np.ndarray:
    """uint8 [rows, blocks, BLOCK]: the subsets of both tables, plane by plane from the highest on."""
    rows, blocks, _ = weights.shape
    bits = np.unpackbits(weights.view(np.uint8)[..., None], axis=3)  # highest plane first
    by_plane = bits.reshape(rows, blocks, 2, ELEMENTS, PLANES).transpose(0, 1, 4, 2, 3)
    return np.packbits(by_plane, axis=4, bitorder="little").reshape(rows, blocks, BLOCK)


def interpret_subsets(subsets: Subsets, x: np.ndarray) -> np.ndarray:
    """int64 [rows]: sums of weights * (x + 128) for x, int8 [depth]; the C code's mirror."""
    rows = len(subsets.starts) - 1
    held = np.zeros(-(-len(x) // BLOCK) * BLOCK, np.int64)
    held[: len(x)] = x.astype(np.int64) + INPUT_OFFSET
    members = np.arange(1 << ELEMENTS)[:, None] >> np.arange(ELEMENTS) & 1
    tables = held.reshape(-1, 2, ELEMENTS) @ members.T
    sums = np.zeros(rows, np.int64)
    for first in range(0, rows, ROWS):
        at = int(subsets.starts[first])
        for table in tables:
            for row in range(first, min(first + ROWS, rows)):
                planes = PLANES - int(subsets.words[at]) // 2
                named = subsets.words[at + 1 : at + 1 + 2 * planes].reshape(planes, 2)
                at += 1 + 2 * planes
                weight = 1 << np.arange(planes)[::-1]
                weight[0] *= -1
                sums[row] += ((table[0, named[:, 0]] + table[1, named[:, 1]]) * weight).sum()
    return sums
