"""Layers as generated code over pixel pairs: which functions, over which words, with which scratch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.kernels.machines import MACHINES, SWEEPING
from edge_tr.kernels.straightline import Program, plan
from edge_tr.operators import DepthwiseParams, DotParams
from edge_tr.tr.reveal import Revealed, TermArrays

RAW_LARGEST = 128
"""Largest |x| of int8 activations as they are."""
CUT_LARGEST = 256
"""Largest |x - zero_point| cut to s terms: 255 may round to 256."""


@dataclass(frozen=True)
class Sweep:
    """How windows move over a plane of words: `columns` windows `step` words apart, then `rows` such rows,
    `row_step` words apart; the two sums of a window go to its corner and `apart` words behind it."""

    columns: int
    step: int
    rows: int
    row_step: int
    apart: int


@dataclass(frozen=True)
class Function:
    """One function to emit; with a `sweep` it runs a program of one row over a whole plane."""

    program: Program
    sweep: Sweep | None = None


@dataclass(frozen=True)
class Code:
    """All functions of one layer. `sweeps`: one per output channel (None: all weights zero), each with its sweep."""

    isa: str
    functions: tuple[Function | None, ...]
    scratch_bytes: int
    sweeps: bool = False


def largest_held(cut: bool) -> int:
    """The largest activation that a word of pixels holds, as a magnitude."""
    return CUT_LARGEST if cut else RAW_LARGEST


def generate(params: DotParams, revealed: Revealed, cut: bool, isa: str) -> Code:
    """The code of one layer for `isa`; `cut`: activations are truncated to s terms."""
    largest = largest_held(cut)
    if isinstance(params, DepthwiseParams):
        return _depthwise(params, revealed, largest, isa)
    rows, depth = revealed.values.shape
    program = plan(revealed.term_arrays(), rows, depth, largest, MACHINES[isa])
    return Code(isa, (Function(program),), 4 * depth + 8 * rows)


def plane_shape(params: DepthwiseParams) -> tuple[int, int]:
    """Rows and columns of words of one channel: a word holds what is read for an output and for the one half an image
    below (tr_pairs.c)."""
    height, width, _ = params.output_shape
    rows = ((height + 1) // 2 - 1) * params.stride[0] + (params.kernel[0] - 1) * params.dilation[0] + 1
    return rows, (width - 1) * params.stride[1] + (params.kernel[1] - 1) * params.dilation[1] + 1


def _depthwise(params: DepthwiseParams, revealed: Revealed, largest: int, isa: str) -> Code:
    rows, pitch = plane_shape(params)
    ky, kx = np.divmod(np.arange(params.kernel[0] * params.kernel[1]), params.kernel[1])
    word_of_tap = ky * params.dilation[0] * pitch + kx * params.dilation[1]
    terms = revealed.term_arrays()
    depth = int(word_of_tap[-1]) + 1
    height, width, _ = params.output_shape
    half = (height + 1) // 2
    sweep = Sweep(width, params.stride[1], half, params.stride[0] * pitch, rows * pitch)
    sums = (half - 1) * params.stride[0] * pitch + pitch
    functions: list[Function | None] = []
    for channel in range(len(revealed.values)):
        mine = TermArrays(*(column[terms.row == channel] for column in terms))
        if len(mine.row) == 0:
            functions.append(None)
            continue
        shifted = mine._replace(row=np.zeros_like(mine.row), element=word_of_tap[mine.element])
        functions.append(Function(plan(shifted, 1, depth, largest, SWEEPING[isa]), sweep))
    return Code(isa, tuple(functions), 4 * (rows * pitch + sums), sweeps=True)
