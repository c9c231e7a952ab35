"""Kernels that compute row by row over a patch of int16 activations, of any operator (struct tr_convolution).

Each is one `struct tr_dot` in C, and a table of weights that it reads.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import Table
from edge_tr.kernels.call import DotCall
from edge_tr.kernels.cost import GATHER, ROW, Work
from edge_tr.kernels.kernel import Made, OneBudgetKernel
from edge_tr.kernels.output import OUTPUT_STRUCT, finishing
from edge_tr.kernels.pixels import convolution, lookup, lookup_name, shapes
from edge_tr.kernels.product import DotProduct, Task
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams
from edge_tr.prepared.budget import TrSetting
from edge_tr.structs import SHAPE, WINDOW, Field, Struct
from edge_tr.tr.reveal import Revealed

CONVOLUTION = Struct(
    "tr_convolution",
    "CONV_2D; FULLY_CONNECTED as a 1x1 convolution over its rows; DEPTHWISE_CONV_2D.",
    (
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        Field("int16_t", "input_zero_point"),
        Field("const int16_t *", "data_terms", "[256]: x + 128 -> x - zero_point cut to s terms; null keeps all"),
        Field("const struct tr_dot *", "dot"),
        Field("const uint32_t *", "table"),
        Field(OUTPUT_STRUCT, "to"),
    ),
)


TAP = 4.5
"""Of the cycles of an element: a tap of the window."""


def taps(params: DotParams) -> int:
    """Of a patch: runs of activations that lie beside each other."""
    return params.kernel[0] * params.kernel[1] if isinstance(params, (ConvParams, DepthwiseParams)) else 1


class PatchKernel(OneBudgetKernel):
    """Weights in a table that one C routine reads: `symbol` is its C object."""

    symbol: ClassVar[str]
    struct = CONVOLUTION
    sums = True
    load_bytes = 2

    @property
    def headers(self) -> tuple[str, ...]:
        return ("tr_kernels.h",)

    @abstractmethod
    def table(self, revealed: Revealed, setting: TrSetting) -> Table:
        """The weights."""

    @abstractmethod
    def scratch_bytes(self, depth: int, planes: int) -> int:
        """Of a layer, the patch included."""

    @abstractmethod
    def inner_cycles(self, work: Work, planes: int, isa: str) -> float:
        """Of all dot products but for gathering patches and calling the routine."""

    def takes(self, task: Task) -> bool:
        return True

    def lacks(self, task: Task) -> np.ndarray:
        return task.params.bias.astype(np.int64)  # a patch holds x - zero_point

    def made(self, task: Task, work: Work) -> Made:
        table = self.table(task.revealed, task.setting)
        body = term_table.encode(table)
        gathered = work.depth + TAP * taps(task.params)
        cycles = self.inner_cycles(work, table.planes, task.isa) + work.patches * gathered * GATHER[task.isa]
        cycles += work.positions * work.rows * ROW[task.isa]
        return Made(body, self.scratch_bytes(table.depth, table.planes), work.estimate(cycles, len(body), task.isa))

    def call(self, name: str, dot: DotProduct) -> DotCall:
        to, arrays, rows = finishing(name, dot)
        values = {
            "input_zero_point": dot.params.input_zero_point,
            "data_terms": lookup_name(dot),
            "dot": f"&{self.symbol}",
            "table": f"{name}_table",
            **to,
        }
        values = shapes(dot.params) | values
        function = "tr_sums_patch" if dot.requant is None else convolution(dot.params)
        return DotCall(function, self.struct, values, arrays, rows, lookup(dot), scratch_type="int16_t")
