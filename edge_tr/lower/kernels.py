"""The kernel table: every way the firmware can compute a dot product.

A new kernel is one row here, one function in `dot.py`, one C file, and its layout in `tables.py` or a module of its own
(or a generator).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.formats.term_table import LAYOUT, Table
from edge_tr.lower import generated, lanes
from edge_tr.lower.levels import Strips, names_of
from edge_tr.lower.lists import MAX_LIST_DEPTH, PIXELS
from edge_tr.lower.machines import DUAL
from edge_tr.lower.subsets import ROWS, TABLE_BYTES
from edge_tr.lower.tables import MAX_PLANE_OFFSETS, can_be_joint, int8_table, plane_count, plane_table, term_table
from edge_tr.lower.twins import MAX_DEPTH as MAX_TWINS_DEPTH
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams, FullyConnectedParams
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed


@dataclass(frozen=True)
class TableKernel:
    """Weights in a table that one C routine reads. `symbol` is its C object; `scratch_bytes(depth, planes)`
    what it needs per layer, the patch included; `fits` whether its table format can hold these weights."""

    name: str
    doc: str
    symbol: str
    table: Callable[[Revealed, TrSetting], Table]
    scratch_bytes: Callable[[int, int], int]
    fits: Callable[[Revealed, TrSetting], bool] = lambda revealed, setting: True

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        return self.fits(revealed, setting)


@dataclass(frozen=True)
class CodeKernel:
    """Weights as generated code."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        return generated.takes(params)


@dataclass(frozen=True)
class ListKernel:
    """Weights as byte lists of terms: convolutions eight pixels at once, fully connected layers on their input's
    bytes as they are."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        if isinstance(params, DepthwiseParams) or revealed.values.shape[1] > MAX_LIST_DEPTH:
            return False
        return isinstance(params, ConvParams) or setting.data_terms is None


@dataclass(frozen=True)
class FoursKernel:
    """int8 weights of four rows beside each other, multiplied with one or two pixels at once."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        return not isinstance(params, DepthwiseParams)

    @staticmethod
    def layout(params: DotParams, cut: bool, isa: str) -> int:
        """How the weights lie in the table. `cut`: activations are truncated to s terms."""
        if isa not in DUAL or not isinstance(params, ConvParams):
            return LAYOUT.FOURS
        return LAYOUT.FOURS_JOINT if can_be_joint(params.weights, cut) else LAYOUT.FOURS_APART

    @staticmethod
    def scratch_bytes(params: DotParams, layout: int) -> int:
        """Two pixels, their sums, and with dual multiplications their windows; of a fully connected layer one row."""
        rows, depth = params.weights.shape
        if not isinstance(params, ConvParams):
            return 4 * -(-depth // 2)
        sums = 32 * -(-rows // 4)
        if layout == LAYOUT.FOURS:
            return 8 * -(-depth // 2) + sums
        words = params.kernel[0] * -(-depth // params.kernel[0] // 4)
        return words * (16 if _reads_whole_words(params) else 24) + sums


@dataclass(frozen=True)
class TwinsKernel:
    """int8 weights of two rows in one factor, in fully connected layers."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        fits = revealed.values.shape[1] <= MAX_TWINS_DEPTH
        return isinstance(params, FullyConnectedParams) and setting.data_terms is None and fits


@dataclass(frozen=True)
class LanesKernel:
    """int8 weights of two rows, in convolutions, multiplied with two pixels a word."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        largest = generated.largest_held(setting.data_terms is not None)
        return isinstance(params, ConvParams) and lanes.fits(revealed.values, largest)

    @staticmethod
    def scratch_bytes(params: ConvParams) -> int:
        """Words of two pixels and their sums."""
        rows, depth = params.weights.shape
        return 4 * (depth + depth % 2) + 8 * (rows + rows % 2)


@dataclass(frozen=True)
class SubsetsKernel:
    """Bit planes of weights as names of sums of activations, in fully connected layers."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        return isinstance(params, FullyConnectedParams) and setting.data_terms is None

    @staticmethod
    def scratch_bytes(params: DotParams) -> int:
        """Two tables of sums, and what the rows that share them have summed."""
        return TABLE_BYTES + 4 * min(ROWS, len(params.weights))


@dataclass(frozen=True)
class DualKernel:
    """int8 weights of depthwise 3x3 windows, multiplied with planes of two channels."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        if not isinstance(params, DepthwiseParams):
            return False
        windows = params.kernel == (3, 3) and params.dilation == (1, 1) and params.stride in ((1, 1), (2, 2))
        return windows and 2 <= params.input_shape[2] == params.output_shape[2]

    @staticmethod
    def scratch_bytes(params: DepthwiseParams) -> int:
        """Two planes of words of two activations, an even number of windows a row (tr_dual.c)."""
        height, width, _ = params.output_shape
        pitch = ((width + width % 2 - 1) * params.stride[1] + 4) // 2
        return 8 * ((height - 1) * params.stride[0] + 3) * pitch


@dataclass(frozen=True)
class LevelsKernel:
    """Weights as byte lists of nested budgets (`lower.levels`): the one that is in use is a variable."""

    name: str
    doc: str

    def takes(self, params: DotParams, revealed: Revealed, setting: TrSetting) -> bool:
        return int(names_of(params)[-1]) < MAX_LIST_DEPTH

    @staticmethod
    def scratch_bytes(params: DotParams, cut: bool) -> int:
        """Eight pixels of a window, or a depthwise channel in eight strips; activations that are read as they are take
        none. `cut`: activations are truncated to s terms."""
        if isinstance(params, DepthwiseParams):
            strips = Strips.of(params)
            return 2 * PIXELS * strips.height * strips.width
        return 2 * PIXELS * params.weights.shape[1] if isinstance(params, ConvParams) or cut else 0


def _reads_whole_words(params: ConvParams) -> bool:
    """Whether every window is one pixel of the input, a multiple of four bytes."""
    last = [(size - 1) * step for size, step in zip(params.output_shape, params.stride)]
    inside = params.pad == (0, 0) and all(at < size for at, size in zip(last, params.input_shape))
    return params.kernel == (1, 1) and inside and params.input_shape[2] % 4 == 0


Kernel = (
    TableKernel
    | CodeKernel
    | ListKernel
    | FoursKernel
    | TwinsKernel
    | LanesKernel
    | SubsetsKernel
    | DualKernel
    | LevelsKernel
)
DIALLED = (LevelsKernel,)
"""Kernels that compute with any of a build's budgets; the others hold one."""


def _fits_offsets(revealed: Revealed, setting: TrSetting) -> bool:
    words_per_term = 1 if setting.data_terms is None else 2  # 2^7 may become two
    words = words_per_term * int(revealed.counts.sum(axis=1, dtype=np.int64).max(initial=0))
    offsets = revealed.values.shape[1] * plane_count(revealed, setting)
    return offsets <= MAX_PLANE_OFFSETS and words < MAX_PLANE_OFFSETS


KERNELS: tuple[Kernel, ...] = (
    CodeKernel("pairs", "generated straight-line code over two pixels a word"),
    ListKernel("lists", "byte lists of terms, read once for eight pixels"),
    TableKernel(
        "planes",
        "exponent-ordered term lists on pre-shifted activations",
        "tr_dot_planes",
        plane_table,
        lambda depth, planes: 2 * depth * planes,
        _fits_offsets,
    ),
    TableKernel(
        "term-pairs",
        "the literal term-pair MAC loop, both operands as terms",
        "tr_dot_pairs",
        term_table,
        lambda depth, planes: 2 * (depth + depth % 2) + 4 * depth,
    ),
    FoursKernel("fours", "int8 multiplication, four rows at a time"),
    TwinsKernel("twins", "int8 multiplication, two rows in one factor"),
    LanesKernel("lanes", "int8 multiplication, two rows by two pixels a word"),
    SubsetsKernel("subsets", "bit planes of weights that name sums of eight activations"),
    DualKernel("dual", "int8 multiplication of depthwise windows, two channels' planes at a time"),
    LevelsKernel("levels", "byte lists of nested budgets, for builds with several of them and only for those"),
    TableKernel(
        "int8",
        "the int8 multiply baseline",
        "tr_dot_int8",
        int8_table,
        lambda depth, planes: 2 * depth,
    ),
)
_BY_NAME = {kernel.name: kernel for kernel in KERNELS}


def works_in_place(kernel: Kernel, params: DotParams) -> bool:
    """Whether the output may take the place of the input, which is of the same shape. Pointwise convolutions: all
    kernels of one budget copy pixels before they write those. Depthwise layers: `pairs` copies a channel before it
    writes that, `dual` two, of which an odd last channel makes it read one again."""
    if isinstance(kernel, DIALLED) or isinstance(params, FullyConnectedParams):
        return False
    if params.input_shape != params.output_shape:
        return False
    if isinstance(params, ConvParams):
        return params.kernel == params.stride == (1, 1) and params.pad == (0, 0)
    return isinstance(kernel, CodeKernel) or (isinstance(kernel, DualKernel) and params.output_shape[2] % 2 == 0)


@dataclass(frozen=True)
class KernelChoice:
    """`--kernel`: a kernel for all layers that it takes, and others by layer name; None: chosen by cost."""

    default: Kernel | None = None
    layers: Mapping[str, Kernel] = field(default_factory=dict)


def parse_choice(texts: list[str]) -> KernelChoice:
    """From ``NAME`` and ``LAYER=NAME`` words; UsageError for an unknown kernel."""
    default, layers = None, {}
    for text in texts:
        layer, equals, name = text.rpartition("=")
        if name not in _BY_NAME:
            close = difflib.get_close_matches(name, _BY_NAME, 1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise UsageError(f"no kernel is called {name!r}{hint} Known: {', '.join(_BY_NAME)}")
        if equals:
            layers[layer] = _BY_NAME[name]
        else:
            default = _BY_NAME[name]
    return KernelChoice(default, layers)


def allowed(
    choice: KernelChoice, layer: str, params: DotParams, revealed: Revealed, setting: TrSetting, dialled: bool = False
) -> tuple[Kernel, ...]:
    """Kernels for one layer: the one named for it, or the default if that takes it, or all that do. `dialled`: of a
    build with several budgets.

    UsageError if the one named for this layer does not take it, or if none does.
    """
    right = (kernel for kernel in KERNELS if isinstance(kernel, DIALLED) == dialled)
    able = tuple(kernel for kernel in right if kernel.takes(params, revealed, setting))
    if not able:
        raise UsageError(f"layer {layer} is too large for a kernel with several budgets: build with one --budget")
    wanted = choice.layers.get(layer)
    if wanted is None:
        return (choice.default,) if choice.default in able else able
    if wanted not in able:
        names = " or ".join(kernel.name for kernel in able)
        raise UsageError(f"kernel {wanted.name} does not take layer {layer}; use {names}")
    return (wanted,)
