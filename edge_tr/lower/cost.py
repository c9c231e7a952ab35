"""What a layer costs with a kernel: estimated cycles and flash, to choose by.

Cycles are of the loops in firmware/src with each core's published table at zero wait states, calibrated
against counted whole models (`make bench`); they rank kernels, and are never reported as a measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.formats.term_table import LAYOUT
from edge_tr.ir.params import ConvParams, DepthwiseParams, DotParams, FullyConnectedParams
from edge_tr.lower import direct
from edge_tr.lower.generated import Code, plane_shape
from edge_tr.lower.lanes import Lanes
from edge_tr.lower.lists import PIXELS, Lists
from edge_tr.lower.machines import MACHINES
from edge_tr.lower.straightline import Flush, Load
from edge_tr.lower.subsets import BLOCK, ROWS, Subsets
from edge_tr.lower.twins import Twins

CHANNEL_BYTES = 20 + 4 + 4 + 1  # four more without multiplication
"""struct tr_channel, bias, multiplier, shift."""
DUAL_PAIR, DUAL_ROW, DUAL_PLANE = 48, 45, 100
"""Cycles of two outputs of depthwise 3x3 windows by dual multiply-accumulates, requantised by `lower.direct` above a
zero point of -128; of a row of them and its gathering; and of a plane."""
JOINT_PAIR, APART_PAIR, DUAL_BLOCK = 16.6, 19.6, 46
"""Cycles of two elements of two pixels by four rows, layouts FOURS_JOINT and FOURS_APART; of four rows besides."""
SPREAD_PAIR, SPREAD_ROW, DUAL_TILE = 10, 30, 120
"""Cycles of making words of two elements of two pixels; of a row of two windows, and of two pixels besides."""
COPIED_RUN, COPIED_BYTE = 25, 2
"""Cycles of copying a run of a window, and a byte of it."""
BORDER_TAP, PLANE_ROW = 1.6, 1.5
"""Of the cycles of a run: a tap of two windows at the border, and a row of a depthwise layer's plane."""
LEVEL_ROW = 60
"""Cycles of adding one level's sums of eight pixels to those below."""
DIRECT_OUTPUT = 11
"""Cycles of requantising and storing one activation by `lower.direct`."""
VERIFIED_WORD = {
    "cortex-m0": 19,
    "cortex-m0plus": 18,
    "cortex-m3": 11,
    "cortex-m4": 11,
    "rv32ec": 15,
    "rv32imc": 15,
}
"""Cycles of a word of the model in firmware/src/tr_verify.c, by core."""


def verify_cycles(core: str, model_bytes: int) -> int | None:
    """Of one tr_model_verify() over a model of that size; None for a core without a table."""
    word = VERIFIED_WORD.get(core.removesuffix("-mul32"))
    return None if word is None else word * model_bytes // 4


@dataclass(frozen=True)
class Estimate:
    """Cycles of one inference of the layer; bytes of flash for its constants and code."""

    cycles: int
    flash: int


@dataclass(frozen=True)
class Work:
    """Sizes that costs are made of: output positions, rows of weights, weights a row, terms in all,
    patches gathered (one a position, in a depthwise layer one a position and input channel), whether
    `lower.direct` requantises, and whether one set of constants does."""

    positions: int
    rows: int
    depth: int
    terms: int
    patches: int
    direct: bool = False
    common: bool = False

    @property
    def macs(self) -> int:
        """Multiplications of the layer as an int8 dot product."""
        return self.positions * self.rows * self.depth

    @property
    def channel_bytes(self) -> int:
        """Flash of what requantisation reads."""
        each = direct.BYTES if self.direct else CHANNEL_BYTES
        return 4 * self.rows + each if self.common else self.rows * each

    def requantising(self, cost: Costs) -> float:
        """Cycles of requantising all activations."""
        return self.positions * self.rows * (DIRECT_OUTPUT if self.direct else cost.output)

    @classmethod
    def of(cls, params: DotParams, terms: int, one_product: bool = False, common: bool = False) -> Work:
        rows, depth = params.weights.shape
        if isinstance(params, FullyConnectedParams):
            return cls(params.rows, rows, depth, terms, params.rows, one_product, common)
        height, width, _ = params.output_shape
        positions = height * width
        patches = positions * params.input_shape[2] if isinstance(params, DepthwiseParams) else positions
        return cls(positions, rows, depth, terms, patches, one_product)


@dataclass(frozen=True)
class Costs:
    """Cycles of one step on one instruction set, and bytes of one generated instruction."""

    output: float  # requantise and store one activation
    gather: float  # one element of a patch
    pack: float  # one word of two pixels
    run: float  # one run of such words, a row of two windows inside the image
    shift: float  # one element of a pre-shifted plane
    row: float  # a row's loop and call
    plane_term: float
    pair_term: float  # term-pairs: one weight term with all of an activation's
    encode: float  # term-pairs: one activation into terms
    mac: float  # int8
    four_macs: float  # fours: four rows by one element of one pixel
    four_pairs: float  # fours: four rows by one element of two pixels
    twin_unit: float  # twins: four rows by four elements
    twin_flush: float  # of four rows
    lane_unit: float  # lanes: two rows by two elements of two pixels
    lane_run: float
    list_term: float  # one term of a list, for eight pixels
    list_run: float
    list_flush: float  # of eight pixels
    byte_term: float  # one term of a list, for one pixel
    subset_table: float  # subsets: both tables of sixteen elements
    subset_row: float  # one row of such a block but for its planes
    subset_plane: float
    call: float  # one call of generated code
    load_bytes: float
    add_bytes: float
    flush_bytes: float


_ISAS = ("c", "armv6-m", "armv6-m-mul32", "armv7-m", "armv7e-m", "rv32", "rv32e")
_COSTS = {  # armv6-m-mul32 multiplies in 32 cycles; on rv32e multiplications are calls
    "output": (8, 24, 47, 18, 20, 32, 42),
    "gather": (5, 16, 16, 11, 11, 14, 14),
    "pack": (4, 10.5, 10.5, 8, 8, 11.5, 11.5),
    "run": (20, 70, 70, 65, 65, 55, 55),
    "shift": (2, 8, 8, 5, 5, 7, 7),
    "row": (10, 45, 45, 30, 30, 40, 40),
    "plane_term": (1, 7.5, 7.5, 6, 6, 8, 8),
    "pair_term": (12, 90, 90, 60, 60, 65, 65),
    "encode": (30, 150, 150, 90, 90, 110, 110),
    "mac": (1, 8.8, 39.8, 5, 5, 9, 46),
    "four_macs": (4, 20, 144, 15.3, 6.2, 24, 560),
    "four_pairs": (8, 40, 288, 32.4, 9.8, 48, 1120),
    "twin_unit": (24, 54, 302, 46, 38, 70, 1200),
    "twin_flush": (8, 18, 18, 14, 14, 30, 30),
    "lane_unit": (14, 19, 143, 17, 13, 30, 560),
    "lane_run": (10, 24, 24, 22, 22, 40, 40),
    "list_term": (6, 15.2, 15.2, 14.5, 14.5, 17, 17),
    "list_run": (12, 60, 60, 50, 50, 65, 65),
    "list_flush": (24, 75, 75, 55, 55, 65, 65),
    "byte_term": (2, 5.2, 5.2, 5.6, 5.6, 6, 6),
    "subset_table": (600, 1310, 1310, 1310, 1310, 1680, 1680),
    "subset_row": (12, 18, 18, 20, 20, 19, 19),
    "subset_plane": (6, 13, 13, 15, 15, 15, 15),
    "call": (10, 150, 150, 110, 110, 140, 140),
    "load_bytes": (4, 2.1, 2.1, 4, 4, 4, 4),
    "add_bytes": (4, 2, 2, 4, 4, 2.5, 2.5),
    "flush_bytes": (30, 22, 22, 26, 26, 30, 30),
}
COSTS = {isa: Costs(**{name: row[at] for name, row in _COSTS.items()}) for at, isa in enumerate(_ISAS)}


def estimate_table(work: Work, kernel: str, table_bytes: int, planes: int, isa: str) -> Estimate:
    """A layer whose weights are a table."""
    cost = COSTS[isa]
    elements = work.patches * work.depth
    outputs = work.positions * work.rows
    inner = {
        "planes": work.positions * work.terms * cost.plane_term + elements * max(0, planes - 1) * cost.shift,
        "term-pairs": work.positions * work.terms * cost.pair_term + elements * cost.encode,
        "int8": outputs * work.depth * cost.mac,
    }[kernel]
    cycles = inner + elements * cost.gather + outputs * cost.row + work.requantising(cost)
    return Estimate(round(cycles), table_bytes + work.channel_bytes)


def estimate_lists(work: Work, params: DotParams, lists: Lists, table_bytes: int, isa: str) -> Estimate:
    """A layer of byte lists, in convolutions read for eight pixels at once, else for one row of bytes."""
    cost = COSTS[isa]
    if isinstance(params, ConvParams):
        tiles = -(-work.positions // PIXELS)
        reading = lists.terms * cost.list_term + lists.runs * cost.list_run + lists.flushes * cost.list_flush
        run = tiles * (reading + PIXELS // 2 * _packing(work, params, cost) + work.rows * cost.row)
    else:
        run = work.positions * (lists.terms * cost.byte_term + lists.runs * cost.list_run + work.rows * cost.row)
    return Estimate(round(run + work.requantising(cost)), table_bytes + work.channel_bytes)


def estimate_levels(
    work: Work, params: DotParams, lists: Sequence[Lists], table_bytes: int, packed: int, isa: str
) -> Estimate:
    """A layer at the level whose `lists` are these and all below; `packed`: words of two pixels that are gathered, 0:
    bytes as they are."""
    cost = COSTS[isa]
    terms, runs, flushes = (sum(getattr(part, name) for part in lists) for name in ("terms", "runs", "flushes"))
    if not packed:
        reading = terms * cost.byte_term + runs * cost.list_run + work.rows * (cost.row + LEVEL_ROW * len(lists))
        return Estimate(round(work.positions * reading + work.requantising(cost)), table_bytes + work.channel_bytes)
    tiles = -(-work.positions // PIXELS)
    if isinstance(params, DepthwiseParams):
        height, width, _ = params.output_shape
        tiles = -(-height // PIXELS) * width
    reading = terms * cost.list_term + runs * cost.list_run + flushes * cost.list_flush
    run = tiles * (reading + work.rows * (cost.row + LEVEL_ROW * len(lists))) + packed * cost.pack
    return Estimate(round(run + work.requantising(cost)), table_bytes + work.channel_bytes)


def estimate_fours(work: Work, params: DotParams, table_bytes: int, isa: str) -> Estimate:
    """A layer of four rows at a time: convolutions two pixels at once."""
    cost = COSTS[isa]
    blocks, depth = -(-work.rows // 4), 2 * -(-work.depth // 2)
    outputs = work.positions * work.rows
    if isinstance(params, FullyConnectedParams):
        run = work.positions * (blocks * (depth * cost.four_macs + cost.row) + depth * cost.gather / 2)
        run += outputs * cost.row / 2
    else:
        tiles = (work.positions + 1) // 2
        gathering = 2 * (work.depth * cost.gather + _runs(params) * cost.run)
        run = tiles * (blocks * (depth * cost.four_pairs + cost.row) + gathering)
    return Estimate(round(run + work.requantising(cost)), table_bytes + work.channel_bytes)


def estimate_dual_fours(work: Work, params: ConvParams, layout: int, table_bytes: int, isa: str) -> Estimate:
    """A convolution of four rows and two pixels at a time by dual multiply-accumulates."""
    height = params.kernel[0]
    pairs = 2 * height * -(-work.depth // height // 4)
    pair = JOINT_PAIR if layout == LAYOUT.FOURS_JOINT else APART_PAIR
    tile = -(-work.rows // 4) * (DUAL_BLOCK + pairs * pair) + pairs * SPREAD_PAIR + height * SPREAD_ROW + DUAL_TILE
    run = (work.positions + 1) // 2 * tile + work.positions * _copying(work, params)
    return Estimate(round(run + work.requantising(COSTS[isa])), table_bytes + work.channel_bytes)


def _copying(work: Work, params: ConvParams) -> float:
    """Cycles of copying windows that are partly outside: rows of them, or taps, shared out among all windows."""
    height, width = params.kernel
    down, across = (_inside(params, axis) for axis in (0, 1))
    runs = height * (across * (1 - down) + (1 - across) * width)
    copied = 1 - across * down
    return runs * COPIED_RUN + copied * work.depth * COPIED_BYTE


def estimate_lanes(work: Work, params: ConvParams, lanes: Lanes, table_bytes: int, isa: str) -> Estimate:
    """A convolution of two rows by two pixels a word."""
    cost = COSTS[isa]
    reading = lanes.units * cost.lane_unit + lanes.runs * cost.lane_run + work.rows * cost.row
    run = (work.positions + 1) // 2 * (reading + _packing(work, params, cost) + cost.call)
    return Estimate(round(run + work.requantising(cost)), table_bytes + work.channel_bytes)


def estimate_twins(work: Work, twins: Twins, table_bytes: int, isa: str) -> Estimate:
    """A fully connected layer of two rows a factor."""
    cost, units = COSTS[isa], len(twins.order)
    blocks = -(-work.rows // 4)
    reading = units * (blocks * cost.twin_unit + 4 * cost.gather) + twins.flushes * cost.twin_flush
    run = work.positions * (reading + 2 * blocks * cost.row)
    return Estimate(round(run + work.requantising(cost)), table_bytes + work.channel_bytes)


def estimate_subsets(work: Work, subsets: Subsets, table_bytes: int, isa: str) -> Estimate:
    """A fully connected layer of bit planes."""
    cost = COSTS[isa]
    tables = -(-work.rows // ROWS) * -(-work.depth // BLOCK)
    reading = tables * cost.subset_table + subsets.blocks * cost.subset_row + subsets.planes * cost.subset_plane
    run = work.positions * (reading + work.rows * cost.row / 8)
    return Estimate(round(run + work.requantising(cost)), table_bytes + work.channel_bytes)


def estimate_dual(work: Work, params: DepthwiseParams, table_bytes: int, isa: str) -> Estimate:
    """A depthwise layer of 3x3 windows on planes of two channels."""
    cost = COSTS[isa]
    height, width, channels = params.input_shape
    rows, columns, _ = params.output_shape
    if work.direct and direct.is_unsigned(params):
        run = channels * (rows * ((columns + 1) // 2 * DUAL_PAIR + DUAL_ROW) + DUAL_PLANE)
    else:
        run = work.macs * 2 * cost.mac + work.requantising(cost)
    return Estimate(round(run + height * width * channels * cost.pack / 2), table_bytes + work.channel_bytes)


def estimate_code(work: Work, params: DotParams, code: Code) -> Estimate:
    """A layer of generated code."""
    cost, machine = COSTS[code.isa], MACHINES[code.isa]
    programs = [function.program for function in code.functions if function is not None]
    operations = [op for program in programs for tile in program.tiles for op in tile.code]
    body = sum(map(machine.cost, operations))
    if isinstance(params, DepthwiseParams):
        height, width, _ = params.output_shape
        windows = (height + 1) // 2 * width
        rows, pitch = plane_shape(params)
        run = windows * (body + 6 * len(programs)) + cost.call * len(programs)
        run += len(programs) * rows * (pitch * cost.pack + PLANE_ROW * cost.run)
    else:
        pairs = (work.positions + 1) // 2
        run = pairs * (body + cost.call + _packing(work, params, cost))
    flash = sum(_bytes(op, cost) for op in operations) + 16 * len(programs)
    cycles = run + work.requantising(cost)
    return Estimate(round(cycles), round(flash) + work.channel_bytes)


def _packing(work: Work, params: DotParams, cost: Costs) -> float:
    """Cycles of the words of two windows."""
    if isinstance(params, FullyConnectedParams):
        return work.depth * cost.pack + cost.run
    return work.depth * cost.pack + _runs(params) * cost.run


def _runs(params: ConvParams) -> float:
    """Runs of a window on average, those at the border in terms of those inside."""
    height, width = params.kernel
    inside = _inside(params, 1)
    return height * (inside + (1 - inside) * BORDER_TAP * width)


def _inside(params: ConvParams, axis: int) -> float:
    """Which part of the windows is inside the image along one axis, 0 or 1; dilated ones across are not runs."""
    reach = (params.kernel[axis] - 1) * params.dilation[axis] + 1
    corners = np.arange(params.output_shape[axis]) * params.stride[axis] - params.pad[axis]
    inside = (corners >= 0) & (corners + reach <= params.input_shape[axis])
    return float(inside.mean()) if axis == 0 or params.dilation[axis] == 1 else 0.0


def _bytes(op: object, cost: Costs) -> float:
    if isinstance(op, Load):
        return cost.load_bytes
    return cost.flush_bytes if isinstance(op, Flush) else cost.add_bytes
