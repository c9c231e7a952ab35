"""int8 weights of depthwise 3x3 windows, multiplied with planes of two channels.

On cores with dual multiply-accumulates two outputs beside each other are computed at a time.
"""

from __future__ import annotations

from edge_tr.formats import term_table
from edge_tr.kernels import direct
from edge_tr.kernels.cost import PACK, Estimate, Work
from edge_tr.kernels.int8 import MAC, int8_table
from edge_tr.kernels.kernel import Made, OneBudgetKernel, keeps_shape
from edge_tr.kernels.product import Task
from edge_tr.operators import DepthwiseParams, DotParams

PAIR, ROW_CYCLES, PLANE = 48, 45, 100
"""Cycles of two outputs by dual multiply-accumulates, requantised by `kernels.direct` above a zero point of -128; of a
row of them and its gathering; and of a plane."""


class DualKernel(OneBudgetKernel):
    """Depthwise layers of 3x3 windows, two channels at least."""

    name = "dual"
    doc = "int8 multiplication of depthwise windows, two channels' planes at a time"
    tile = 0

    def takes(self, task: Task) -> bool:
        params = task.params
        if not isinstance(params, DepthwiseParams):
            return False
        windows = params.kernel == (3, 3) and params.dilation == (1, 1) and params.stride in ((1, 1), (2, 2))
        return windows and 2 <= params.input_shape[2] == params.output_shape[2]

    def works_in_place(self, params: DotParams) -> bool:
        """It copies two channels before it writes those; an odd last channel makes it read one again."""
        return keeps_shape(params) and params.output_shape[2] % 2 == 0

    def made(self, task: Task, work: Work) -> Made:
        body = term_table.encode(int8_table(task.revealed, task.setting))
        return Made(body, _scratch_bytes(task.params), _estimate(work, task, len(body)))


def _scratch_bytes(params: DepthwiseParams) -> int:
    """Two planes of words of two activations, an even number of windows a row (tr_dual.c)."""
    height, width, _ = params.output_shape
    pitch = ((width + width % 2 - 1) * params.stride[1] + 4) // 2
    return 8 * ((height - 1) * params.stride[0] + 3) * pitch


def _estimate(work: Work, task: Task, table_bytes: int) -> Estimate:
    height, width, channels = task.params.input_shape
    rows, columns, _ = task.params.output_shape
    if work.direct and direct.is_unsigned(task.params):
        run = channels * (rows * ((columns + 1) // 2 * PAIR + ROW_CYCLES) + PLANE)
    else:
        run = work.macs * 2 * MAC[task.isa] + work.requantising(task.isa)
    cycles = run + height * width * channels * PACK[task.isa] / 2
    return Estimate(round(cycles), table_bytes + work.channel_bytes)
