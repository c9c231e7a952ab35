"""What a layer costs with a kernel: estimated cycles and flash, to choose by.

Cycles are of the loops in firmware/src with each core's published table at zero wait states, calibrated
against counted whole models (`make bench`); they rank kernels, and are never reported as a measurement. Here is what
kernels share; each has its own columns and its estimate in its module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.kernels import direct
from edge_tr.kernels.direct import Direct
from edge_tr.kernels.quick import Quick
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams, FullyConnectedParams
from edge_tr.operators.products import SumsParams

ISAS = ("c", "armv6-m", "armv6-m-mul32", "armv7-m", "armv7e-m", "rv32", "rv32e")
"""Instruction sets of all columns; armv6-m-mul32 multiplies in 32 cycles, on rv32e multiplications are calls."""

Column = Mapping[str, float]
"""Cycles of one step, or bytes of one generated instruction, by instruction set."""


def column(*values: float) -> Column:
    """One value for each of ISAS."""
    return dict(zip(ISAS, values, strict=True))


OUTPUT = column(8, 24, 47, 18, 20, 32, 42)  # requantise and store one activation
GATHER = column(5, 16, 16, 11, 11, 14, 14)  # one element of a patch
PACK = column(4, 10.5, 10.5, 8, 8, 11.5, 11.5)  # one word of two pixels
RUN = column(20, 70, 70, 65, 65, 55, 55)  # one run of such words, a row of two windows inside the image
ROW = column(10, 45, 45, 30, 30, 40, 40)  # a row's loop and call
CALL = column(10, 150, 150, 110, 110, 140, 140)  # one call of generated code

CHANNEL_BYTES = 20 + 4 + 4 + 1  # four more without multiplication
"""struct tr_channel, bias, multiplier, shift."""
DIRECT_OUTPUT, CLAMPED_OUTPUT = 11, 16
"""Cycles of requantising and storing one activation by `kernels.direct`; and clamped to less than int8."""
BORDER_TAP = 1.6
"""Of the cycles of a run: a tap of two windows at the border."""

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

    def slower(self, cycles: float) -> Estimate:
        """By so many cycles."""
        return Estimate(self.cycles + round(cycles), self.flash)


@dataclass(frozen=True)
class Work:
    """Sizes that costs are made of: output positions, rows of weights, weights a row, terms in all,
    patches gathered (one a position, in a depthwise layer one a position and input channel), whether
    `kernels.direct` requantises, whether one set of constants does, whether an operator does that itself, and whether
    activations are clamped to less than int8."""

    positions: int
    rows: int
    depth: int
    terms: int
    patches: int
    direct: bool = False
    common: bool = False
    sums: bool = False
    clamped: bool = False

    @property
    def macs(self) -> int:
        """Multiplications of the layer as an int8 dot product."""
        return self.positions * self.rows * self.depth

    @property
    def channel_bytes(self) -> int:
        """Flash of what requantisation reads."""
        if self.sums:
            return 4 * self.rows
        each = direct.BYTES if self.direct else CHANNEL_BYTES
        return 4 * self.rows + each if self.common else self.rows * each

    def requantising(self, isa: str) -> float:
        """Cycles of requantising all activations."""
        one_product = CLAMPED_OUTPUT if self.clamped else DIRECT_OUTPUT
        return self.positions * self.rows * (one_product if self.direct else OUTPUT[isa])

    def estimate(self, cycles: float, body_bytes: int, isa: str) -> Estimate:
        """The layer's, given the cycles of its dot products and the bytes of its table or code."""
        return Estimate(round(cycles + self.requantising(isa)), body_bytes + self.channel_bytes)

    @classmethod
    def of(cls, params: DotParams, terms: int, requant: Quick | Direct | None = None) -> Work:
        """`requant`: how activations are made of the sums; None where that does not matter."""
        rows, depth = params.weights.shape
        one_product, clamped = isinstance(requant, Direct), tuple(params.activation) != direct.WHOLE
        if isinstance(params, SumsParams):
            return cls(params.uses, rows, depth, terms, params.uses, sums=True)
        if isinstance(params, FullyConnectedParams):
            common = requant is not None and requant.common
            return cls(params.rows, rows, depth, terms, params.rows, one_product, common, clamped=clamped)
        height, width, _ = params.output_shape
        positions = height * width
        patches = positions * params.input_shape[2] if isinstance(params, DepthwiseParams) else positions
        return cls(positions, rows, depth, terms, patches, one_product, clamped=clamped)


def packing(work: Work, params: DotParams, isa: str) -> float:
    """Cycles of the words of two windows."""
    if isinstance(params, FullyConnectedParams):
        return work.depth * PACK[isa] + RUN[isa]
    return work.depth * PACK[isa] + runs(params) * RUN[isa]


def runs(params: ConvParams) -> float:
    """Runs of a window on average, those at the border in terms of those inside."""
    height, width = params.kernel
    within = inside(params, 1)
    return height * (within + (1 - within) * BORDER_TAP * width)


def inside(params: ConvParams, axis: int) -> float:
    """Which part of the windows is inside the image along one axis, 0 or 1; dilated ones across are not runs."""
    reach = (params.kernel[axis] - 1) * params.dilation[axis] + 1
    corners = np.arange(params.output_shape[axis]) * params.stride[axis] - params.pad[axis]
    fits = (corners >= 0) & (corners + reach <= params.input_shape[axis])
    return float(fits.mean()) if axis == 0 or params.dilation[axis] == 1 else 0.0
