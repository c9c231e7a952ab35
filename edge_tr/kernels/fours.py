"""int8 weights of four rows beside each other, multiplied with one or two pixels at once.

On cores with dual multiply-accumulates convolutions have layouts of their own, for two elements a multiplication:
FOURS_JOINT where two rows' weights fit one halfword, else FOURS_APART (tr_joint.h). Fully connected layers take
FOURS_JOINT too (tr_units.h).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT, Table, layout_of
from edge_tr.kernels import direct
from edge_tr.kernels.call import DotCall
from edge_tr.kernels.cost import GATHER, ROW, RUN, Estimate, Work, column, inside, runs
from edge_tr.kernels.direct import Direct
from edge_tr.kernels.kernel import Made, OneBudgetKernel, is_pointwise
from edge_tr.kernels.machines import DUAL
from edge_tr.kernels.pixels import tiles
from edge_tr.kernels.product import DotProduct, Task
from edge_tr.kernels.tables import table_of
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams, FullyConnectedParams
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed

MACS = column(4, 20, 144, 15.3, 6.2, 50, 560)
"""Cycles of four rows by one element of one pixel."""
PAIRS = column(8, 40, 288, 32.4, 9.8, 100, 1120)
"""Cycles of four rows by one element of two pixels."""
JOINT_PAIR, APART_PAIR, DUAL_BLOCK = 15.9, 18.9, 50
"""Cycles of two elements of two pixels by four rows, layouts FOURS_JOINT and FOURS_APART; of four rows besides."""
UNIT_FOUR, UNIT_BLOCK, SPREAD_FOUR = 20.5, 75, 24
"""Cycles of four elements of one pixel by four rows; of four rows besides; and of laying out four elements."""
FINISHED_BLOCK, FINISHED_TILE = {"plain": 88, "signed": 96, "clamped": 108}, 86
"""Cycles besides where sums are requantised in registers: of four rows and two pixels by `direct.way`; and of two
pixels."""
SPREAD_PAIR, SPREAD_ROW, DUAL_TILE = 7, 39, 148
"""Cycles of making words of two elements of two pixels; of a row of two windows, and of two pixels besides."""
POINTWISE_TILE = 55
"""Of two pixels besides, where windows are the pixels themselves."""
COPIED_RUN, COPIED_BYTE = 25, 2
"""Cycles of copying a run of a window, and a byte of it."""

_ROUTINES = {LAYOUT.FOURS: "fours", LAYOUT.FOURS_APART: "apart", LAYOUT.FOURS_JOINT: "joint"}


class FoursKernel(OneBudgetKernel):
    """Convolutions and fully connected layers."""

    name = "fours"
    doc = "int8 multiplication, four rows at a time"
    sums = True
    tile = 2

    @property
    def headers(self) -> tuple[str, ...]:
        return ("tr_fours.h", "tr_joint.h", "tr_units.h")

    def takes(self, task: Task) -> bool:
        return not isinstance(task.params, DepthwiseParams)

    def runs_hot(self, task: Task) -> bool:
        """All but tr_units.c, which stays in flash (`target.toolchain`)."""
        return isinstance(task.params, ConvParams) or _layout(task) != LAYOUT.FOURS_JOINT

    def made(self, task: Task, work: Work) -> Made:
        layout = _layout(task)
        finishes = work.direct and _finishes(task.params, layout)
        scratch = _scratch_bytes(task.params, layout, finishes)
        if layout == LAYOUT.FOURS:
            body = term_table.encode(fours_table(task.revealed, task.setting))
            cycles = _cycles(work, task.params, task.isa)
        else:
            is_conv = isinstance(task.params, ConvParams)
            run = work.depth // task.params.kernel[0] if is_conv else work.depth
            body = term_table.encode(dual_fours_table(task.revealed, task.setting, layout, run))
            cycles = _dual_cycles(work, task.params, layout, finishes) if is_conv else _unit_cycles(work)
        if finishes:
            return Made(body, scratch, Estimate(round(cycles), len(body) + work.channel_bytes))
        return Made(body, scratch, work.estimate(cycles, len(body), task.isa))

    def call(self, name: str, dot: DotProduct) -> DotCall:
        routine = _ROUTINES[layout_of(dot.body)]
        if not (isinstance(dot.requant, Direct) and _finishes(dot.params, layout_of(dot.body))):
            return tiles(name, dot, routine)
        call = tiles(name, dot, f"{routine}_{direct.way(dot.params)}")
        nothing = ((0, 0, 0),) * (-len(call.rows.items) % 4)  # read, and not used
        return replace(call, rows=replace(call.rows, items=call.rows.items + nothing))


def _layout(task: Task) -> int:
    """How the weights lie in the table."""
    if task.isa not in DUAL or task.gives_sums:
        return LAYOUT.FOURS
    if can_be_joint(task.params.weights, task.cut):
        return LAYOUT.FOURS_JOINT
    return LAYOUT.FOURS_APART if isinstance(task.params, ConvParams) else LAYOUT.FOURS


def _finishes(params: DotParams, layout: int) -> bool:
    """Whether `direct` requantises sums while they are in registers (tr_joint.h)."""
    return isinstance(params, ConvParams) and layout != LAYOUT.FOURS


def _scratch_bytes(params: DotParams, layout: int, finishes: bool) -> int:
    """Two pixels, their sums unless they are requantised at once, and with dual multiplications their windows; of a
    fully connected layer one row."""
    rows, depth = params.weights.shape
    if not isinstance(params, ConvParams):
        return 8 * -(-depth // 4) if layout == LAYOUT.FOURS_JOINT else 4 * -(-depth // 2)
    sums = 32 * -(-rows // 4)
    if layout == LAYOUT.FOURS:
        return 8 * -(-depth // 2) + sums
    words = params.kernel[0] * -(-depth // params.kernel[0] // 4)
    sums = 0 if finishes else sums
    return words * (16 if _reads_whole_words(params) else 24) + sums


def _reads_whole_words(params: ConvParams) -> bool:
    """Whether every window is one pixel of the input, a multiple of four bytes."""
    last = [(size - 1) * step for size, step in zip(params.output_shape, params.stride)]
    within = params.pad == (0, 0) and all(at < size for at, size in zip(last, params.input_shape))
    return params.kernel == (1, 1) and within and params.input_shape[2] % 4 == 0


def _cycles(work: Work, params: DotParams, isa: str) -> float:
    """Of four rows at a time: convolutions two pixels at once."""
    blocks, depth = -(-work.rows // 4), 2 * -(-work.depth // 2)
    if isinstance(params, FullyConnectedParams):
        run = work.positions * (blocks * (depth * MACS[isa] + ROW[isa]) + depth * GATHER[isa] / 2)
        return run + work.positions * work.rows * ROW[isa] / 2
    pairs = (work.positions + 1) // 2
    gathering = 2 * (work.depth * GATHER[isa] + runs(params) * RUN[isa])
    return pairs * (blocks * (depth * PAIRS[isa] + ROW[isa]) + gathering)


def _unit_cycles(work: Work) -> float:
    """Of a fully connected layer of four rows at a time by dual multiply-accumulates."""
    fours = -(-work.depth // 4)
    return work.positions * (-(-work.rows // 4) * (UNIT_BLOCK + fours * UNIT_FOUR) + fours * SPREAD_FOUR)


def _dual_cycles(work: Work, params: ConvParams, layout: int, finishes: bool) -> float:
    """Of a convolution of four rows and two pixels at a time by dual multiply-accumulates; `finishes`: requantisation
    included."""
    height = params.kernel[0]
    pairs = 2 * height * -(-work.depth // height // 4)
    pair = JOINT_PAIR if layout == LAYOUT.FOURS_JOINT else APART_PAIR
    block, tile = DUAL_BLOCK, pairs * SPREAD_PAIR + height * SPREAD_ROW + DUAL_TILE
    if finishes:
        tile = pairs * SPREAD_PAIR + POINTWISE_TILE if is_pointwise(params) and work.depth % 4 == 0 else tile
        block = FINISHED_BLOCK[direct.way(params)]
        tile += FINISHED_TILE
    tile += -(-work.rows // 4) * (block + pairs * pair)
    return (work.positions + 1) // 2 * tile + work.positions * _copying(work, params)


def _copying(work: Work, params: ConvParams) -> float:
    """Cycles of copying windows that are partly outside: rows of them, or taps, shared out among all windows."""
    height, width = params.kernel
    down, across = (inside(params, axis) for axis in (0, 1))
    copied_runs = height * (across * (1 - down) + (1 - across) * width)
    return copied_runs * COPIED_RUN + (1 - across * down) * work.depth * COPIED_BYTE


def fours_table(revealed: Revealed, setting: TrSetting) -> Table:
    """Layout FOURS: rows rounded up to four and elements to two, with zeros."""
    rows, depth = revealed.values.shape
    values = np.zeros((-(-rows // 4) * 4, -(-depth // 2) * 2), np.int8)
    values[:rows, :depth] = revealed.values
    return _by_fours(values, LAYOUT.FOURS, revealed, setting)


def dual_fours_table(revealed: Revealed, setting: TrSetting, layout: int, run: int) -> Table:
    """Layout FOURS_APART or FOURS_JOINT: rows rounded up to four, and a window's rows of `run` elements, with zeros."""
    rows, depth = revealed.values.shape
    values = np.zeros((-(-rows // 4) * 4, depth // run, -(-run // 4) * 4), np.int8)
    values[:rows, :, :run] = revealed.values.reshape(rows, -1, run)
    values = values.reshape(-1, 4)[:, [0, 2, 1, 3]].reshape(len(values), -1)
    if layout == LAYOUT.FOURS_JOINT:
        values[1::2] -= values[::2] < 0  # carried from the low byte
    return _by_fours(values, layout, revealed, setting)


def _by_fours(values: np.ndarray, layout: int, revealed: Revealed, setting: TrSetting) -> Table:
    """The weights four rows at a time, two elements at a time."""
    rows, depth = revealed.values.shape
    blocks, pairs = len(values) // 4, values.shape[1] // 2
    words = values.reshape(blocks, 2, 2, pairs, 2).transpose(0, 3, 1, 4, 2)  # block, pair, two rows, element, row
    starts = np.minimum(np.arange(rows + 1) // 4, blocks) * 8 * pairs
    starts[-1] = words.size
    return table_of(layout, setting, depth, starts, words.ravel())


def can_be_joint(values: np.ndarray, cut: bool) -> bool:
    """Whether layout FOURS_JOINT can hold the weights [rows, depth]: halfwords must not overflow, and a second row's
    sums must have 24 bits. `cut`: activations are truncated and may be +-256."""
    first, second = values[: len(values) // 2 * 2 : 2], values[1::2]
    reach = np.abs(second.astype(np.int64)).sum(axis=1) * (256 if cut else 128)
    return not ((first < 0) & (second == -128)).any() and bool((reach < 1 << 23).all())
