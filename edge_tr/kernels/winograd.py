"""3x3 convolutions by Winograd's F(2x2, 3x3) in exact integers: sixteen products for four outputs instead of 36.

A tile of four outputs is ``A^T [(G w G^T) * (B^T d B)] A`` of its 4x4 activations d (Lavin and Gray, 2016). The usual G
has halves: twice of it in either direction makes the points of weights integers and every output four times the sum,
exactly, also modulo 2^32. Points of int8 activations are differences of differences, within 10 bits, those of weights
within 12: both are halfwords, which dual multiply-accumulates take two channels of at a time.

So the only bound is that four times a sum fits 32 bits: whatever leaves them on the way comes back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT, Table
from edge_tr.kernels.call import DotCall
from edge_tr.kernels.cost import Work, column
from edge_tr.kernels.kernel import Made, OneBudgetKernel
from edge_tr.kernels.machines import DUAL
from edge_tr.kernels.pixels import tiles
from edge_tr.kernels.product import DotProduct, Task
from edge_tr.kernels.tables import table_of
from edge_tr.kernels.waiting import copying
from edge_tr.operators import ConvParams
from edge_tr.prepared.budget import TrSetting

ROWS = 4
"""Of weights at a time."""
MOST_TILES, LEAST_TILES = 8, 2
PART_BYTES = 2 * 16 * ROWS
"""Of four rows of weights, for each channel."""
POINTS_BYTES = 8 << 10
"""Of the activations' points on cores with dual multiply-accumulates, above which fewer tiles are taken at a time.
Other cores always take two: more of them gain little beside slower multiplications."""
WEIGHTS = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
ACTIVATIONS = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
OUTPUTS = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
LARGEST = 128
"""|x| of activations as they are."""

PAIR = column(40, 350, 2100, 48, 17.3, 58.5, 7500)
"""Cycles of four rows by two channels of a point of two tiles."""
BLOCK = column(20, 60, 60, 64, 36, 75, 60)
"""Of four rows and a point of two tiles besides."""
POINTS = column(60, 160, 160, 110, 80, 160, 160)
"""Of making the points of one channel of a tile."""
SUMS = column(10, 24, 24, 20, 18, 24, 24)
"""Of making one sum of points."""
BORDER, BORDER_CHANNEL = 1000, 40
"""Of copying a tile that lies partly outside the image, and of each of its channels; counted on Cortex-M4."""


class WinogradKernel(OneBudgetKernel):
    """3x3 convolutions with a stride of one."""

    name = "winograd"
    doc = "int8 3x3 convolutions by 16 multiplications for four outputs"
    tile = 8

    def takes(self, task: Task) -> bool:
        params = task.params
        if not isinstance(params, ConvParams) or task.cut:
            return False
        window = params.kernel == (3, 3) and params.stride == params.dilation == (1, 1)
        return window and params.input_shape[2] % 4 == 0 and fits(task.revealed.values)

    def by_parts(self, task: Task, product: DotProduct, stalls: float) -> tuple[DotProduct, ...]:
        """Every four rows of weights for as many tiles as there may be."""
        channels, table = task.params.input_shape[2], len(product.table or b"")
        scratch = _scratch_bytes(channels, MOST_TILES) + PART_BYTES * channels
        change = -(-_tiles(task.params) // MOST_TILES) * copying(task.behind, table, task.isa) - stalls
        if scratch - product.scratch_bytes > task.behind.staging or change >= 0:
            return ()
        return (replace(product, estimate=product.estimate.slower(change), scratch_bytes=scratch, by_parts=True),)

    def call(self, name: str, dot: DotProduct) -> DotCall:
        return tiles(name, dot, "winograd_copied" if dot.by_parts else self.name)

    def made(self, task: Task, work: Work) -> Made:
        channels = task.params.input_shape[2]
        body = term_table.encode(winograd_table(task.revealed.values, task.setting))
        rows, count, isa = task.params.output_shape[2], _tiles(task.params), task.isa
        blocks, pairs = -(-rows // ROWS), (count + 1) // 2
        multiplied = 16 * pairs * blocks * (channels / 2 * PAIR[isa] + BLOCK[isa])
        cycles = multiplied + count * (channels * POINTS[isa] + 4 * rows * SUMS[isa])
        cycles += _at_the_border(task.params) * (BORDER + BORDER_CHANNEL * channels)
        return Made(body, scratch_bytes(channels, isa), work.estimate(cycles, len(body), isa))


def _tiles(params: ConvParams) -> int:
    """Of four outputs."""
    height, width, _ = params.output_shape
    return -(-height // 2) * -(-width // 2)


def _at_the_border(params: ConvParams) -> int:
    """Tiles whose four rows or columns of activations are not all in the image."""
    all_tiles = inside = 1
    for outputs, size, pad in zip(params.output_shape[:2], params.input_shape[:2], params.pad, strict=True):
        starts = 2 * np.arange(-(-outputs // 2)) - pad
        all_tiles *= len(starts)
        inside *= int(((starts >= 0) & (starts + 4 <= size)).sum())
    return all_tiles - inside


def fits(weights: np.ndarray) -> bool:
    """Whether four times every sum of int8 weights [rows, depth] fits 32 bits."""
    return 4 * LARGEST * int(np.abs(weights.astype(np.int64)).sum(axis=1).max(initial=0)) < 1 << 31


def tiles_at_once(channels: int, isa: str) -> int:
    """As many as POINTS_BYTES hold (tr_winograd.c)."""
    tiles = MOST_TILES if isa in DUAL else LEAST_TILES
    while tiles > LEAST_TILES and 32 * tiles * channels > POINTS_BYTES:
        tiles //= 2
    return tiles


def scratch_bytes(channels: int, isa: str) -> int:
    """Points of the activations; sums of four rows' points; and the activations of a tile at the border."""
    return _scratch_bytes(channels, tiles_at_once(channels, isa))


def _scratch_bytes(channels: int, at_once: int) -> int:
    return at_once * (32 * channels + 4 * 16 * ROWS) + 16 * channels


def winograd_table(weights: np.ndarray, setting: TrSetting) -> Table:
    """Layout WINOGRAD of int8 weights [rows, depth]: blocks of four rows, of these the sixteen points, of these the
    channels two by two, 0 and 2 before 1 and 3, of two channels those of all four rows."""
    rows, depth = weights.shape
    blocks, channels = -(-rows // ROWS), depth // 9
    padded = np.zeros((ROWS * blocks, 3, 3, channels), np.int64)
    padded[:rows] = weights.reshape(rows, 3, 3, channels)
    points = np.einsum("ai,nijc,bj->nabc", WEIGHTS, padded, WEIGHTS)
    points = points.reshape(blocks, ROWS, 16, channels // 4, 2, 2).transpose(0, 2, 3, 5, 1, 4)
    starts = np.minimum(np.arange(rows + 1) // ROWS, blocks) * 16 * ROWS * channels
    starts[-1] = points.size
    return table_of(LAYOUT.WINOGRAD, setting, depth, starts, points.ravel())


def interpret_winograd(table: Table, tile: np.ndarray) -> np.ndarray:
    """int64 [rows, 2, 2]: sums of activations [4, 4, channels], in the arithmetic of the C code."""
    channels = tile.shape[2]
    points = np.einsum("ai,ijc,bj->abc", ACTIVATIONS, tile.astype(np.int64), ACTIVATIONS).reshape(16, -1, 2, 2)
    weights = table.words.astype(np.int64).reshape(
        -1, 16, channels // 4, 2, ROWS, 2
    )  # block, point, 4, pair, row, of 2
    sums = np.einsum("bpqhrk,pqkh->brp", weights, points).reshape(-1, 4, 4)
    four = np.einsum("ia,nab,jb->nij", OUTPUTS, sums, OUTPUTS) & 0xFFFFFFFF
    return ((four ^ 0x80000000) - 0x80000000 >> 2)[: table.rows]
