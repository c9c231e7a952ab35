"""int8 weights of depthwise windows, multiplied with planes of two channels.

On cores with dual multiply-accumulates two outputs beside each other are computed at a time: windows of 3x3 with their
weights in registers, any other line by line.
"""

from __future__ import annotations

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT
from edge_tr.kernels import direct, halves
from edge_tr.kernels.call import DotCall
from edge_tr.kernels.cost import PACK, Estimate, Work
from edge_tr.kernels.direct import Direct
from edge_tr.kernels.halves import PLANES, Planes
from edge_tr.kernels.int8 import MAC
from edge_tr.kernels.kernel import Made, OneBudgetKernel, keeps_shape
from edge_tr.kernels.machines import DUAL
from edge_tr.kernels.output import finishing
from edge_tr.kernels.pixels import lookup, lookup_name
from edge_tr.kernels.product import DotProduct, Task
from edge_tr.kernels.tables import table_of
from edge_tr.operators import DepthwiseParams, DotParams

PAIR, ROW_CYCLES, PLANE = 48, 45, 130
"""Cycles of two outputs of 3x3 windows, requantised by `kernels.direct`; of a row of them; and of a plane."""
FINISHED = {"plain": 0, "signed": 4, "clamped": 13}
"""Of two outputs besides, by `direct.way`."""
LINE, LINE_WORD, LINES_PAIR = 11, 6, 36
"""Of two outputs of any other window: of a line, of a word of it, and besides."""
TAKEN_LINE, TAKEN_TAP = 45, 14
"""Of making the lines of a channel, of a row of taps and a tap."""
GATHERED, GATHERED_ROW, FILLED = 4.2, 22, 1.5
"""Of an activation in a plane, of a row of two channels', and of an activation of empty planes."""
WINDOW_CYCLES = 2
"""Times those of `int8`: a multiplication without dual ones."""


class DualKernel(OneBudgetKernel):
    """Depthwise layers."""

    name = "dual"
    doc = "int8 multiplication of depthwise windows, two channels' planes at a time"
    struct = PLANES
    tile = 0

    def takes(self, task: Task) -> bool:
        return isinstance(task.params, DepthwiseParams)

    def works_in_place(self, params: DotParams) -> bool:
        """It copies two channels before it writes those."""
        return keeps_shape(params) and params.depth_multiplier == 1

    def made(self, task: Task, work: Work) -> Made:
        planes = _planes(task.params)
        body = term_table.encode(_table(task, planes))
        cycles = round(_cycles(task, work, planes))
        return Made(body, _scratch_bytes(planes), Estimate(cycles, len(body) + work.channel_bytes))

    def call(self, name: str, dot: DotProduct) -> DotCall:
        to, arrays, rows = finishing(name, dot)
        planes = _planes(dot.params)
        values = halves.members(planes) | {
            "outside": dot.params.input_zero_point,
            "data_terms": lookup_name(dot),
            "table": f"{name}_table",
            "plane": f"tr_dual_{_window(planes)}_{direct.way(dot.params)}" if isinstance(dot.requant, Direct) else 0,
            **to,
        }
        return DotCall("tr_depthwise_conv_2d_dual", PLANES, values, arrays, rows, lookup(dot))


def _planes(params: DepthwiseParams) -> Planes:
    """The way round that takes less time."""
    return min(halves.orientations(params), key=_plane_cycles)


def _window(planes: Planes) -> str:
    """Which code."""
    return f"3x3_{planes.across.stride}" if planes.small else "lines"


def _table(task: Task, planes: Planes) -> term_table.Table:
    """Layout INT8, taps in the order of the planes."""
    values = task.revealed.values
    rows, depth = values.shape
    if planes.turned:
        values = values.reshape(rows, *task.params.kernel).transpose(0, 2, 1)
    return table_of(LAYOUT.INT8, task.setting, depth, depth * np.arange(rows + 1), values.ravel())


def _scratch_bytes(planes: Planes) -> int:
    """Two planes; the lines of a channel's weights, each with the way to the next one; and a row of taps between
    zeros."""
    lines = (
        0 if planes.small else 4 * planes.lines * (2 * planes.words + 1) + 4 * (planes.row_words + planes.across.stride)
    )
    return 4 * planes.size + lines


def _cycles(task: Task, work: Work, planes: Planes) -> float:
    """Of the layer, requantisation included."""
    run = work.rows * _plane_cycles(planes)
    if task.isa not in DUAL or not work.direct:
        run = work.macs * WINDOW_CYCLES * MAC[task.isa] + work.requantising(task.isa)
    else:
        run += planes.pairs * planes.down.outputs * work.rows * FINISHED[direct.way(task.params)]
    rows, columns = (planes.down.size, planes.across.size)
    gathered = planes.channels * rows * (columns * GATHERED + GATHERED_ROW / 2)
    return run + (gathered + 2 * planes.size * FILLED) * PACK[task.isa] / PACK["armv7e-m"]


def _plane_cycles(planes: Planes) -> float:
    """Of one channel's outputs by dual multiply-accumulates."""
    pair, plane = PAIR, PLANE
    if not planes.small:
        pair = LINES_PAIR + planes.lines * (LINE + LINE_WORD * planes.words)
        plane += planes.down.kernel * (TAKEN_LINE + TAKEN_TAP * planes.across.kernel) + planes.lines * planes.words * 8
    return planes.down.outputs * (planes.pairs * pair + ROW_CYCLES) + plane
