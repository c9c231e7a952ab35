"""One layer's dot products, in every way that the firmware could compute them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT
from edge_tr.lower.cost import (
    Estimate,
    Work,
    estimate_code,
    estimate_dual,
    estimate_dual_fours,
    estimate_fours,
    estimate_lanes,
    estimate_levels,
    estimate_lists,
    estimate_subsets,
    estimate_table,
    estimate_twins,
)
from edge_tr.lower.direct import Direct, direct
from edge_tr.lower.generated import Code, generate, largest_held
from edge_tr.lower.kernels import (
    CodeKernel,
    DualKernel,
    FoursKernel,
    Kernel,
    KernelChoice,
    LanesKernel,
    LevelsKernel,
    ListKernel,
    SubsetsKernel,
    TableKernel,
    TwinsKernel,
    allowed,
)
from edge_tr.lower.lanes import encode_lanes
from edge_tr.lower.levels import encode_levels, envelope, names_of
from edge_tr.lower.lists import PIXELS, encode_lists
from edge_tr.lower.machines import DIRECT
from edge_tr.lower.quick import Quick, common, quick
from edge_tr.lower.subsets import INPUT_OFFSET, encode_subsets
from edge_tr.lower.tables import (
    dual_fours_table,
    fours_table,
    int8_table,
    lanes_table,
    levels_table,
    list_table,
    subsets_table,
    twins_table,
)
from edge_tr.lower.twins import encode_twins
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.hese import term_count
from edge_tr.tr.reveal import Revealed, reveal, truncate_data


@dataclass(frozen=True)
class Level:
    """One of the budgets that a layer can be dialled to. `params` holds its revealed weights, `correction` int64 [rows]
    what its sums lack for the constants that all levels share, `cycles` estimates one inference of the layer."""

    params: DotParams
    setting: TrSetting
    correction: np.ndarray
    terms: int
    cycles: int


Nested = Sequence[tuple[TrSetting, DotParams]]
"""A layer with the budgets below its own, from the fewest terms on; the weights are revealed."""


@dataclass(frozen=True)
class DotProduct:
    """What a layer with weights computes with; `params` holds the revealed weights."""

    params: DotParams
    setting: TrSetting
    kernel: Kernel
    body: bytes | Code  # the weight table, or the generated code
    bias: np.ndarray  # int64 [rows]: what a sum lacks
    requant: Quick | Direct
    macs: int
    terms: int
    data_terms: np.ndarray | None  # int16 [511], index x - zero_point + 255; None: all terms
    scratch_bytes: int
    estimate: Estimate
    levels: tuple[Level, ...] = ()  # of a build with several budgets, from the fewest terms to all of these

    @property
    def weights(self) -> int:
        """How many weights the layer has."""
        return self.params.weights.size

    def terms_at(self, level: int) -> int:
        """Terms of all weights with one of the build's budgets."""
        return self.levels[level].terms if self.levels else self.terms

    def cycles_at(self, level: int) -> int:
        """Estimated, with one of the build's budgets."""
        return self.levels[level].cycles if self.levels else self.estimate.cycles

    @property
    def nonzero(self) -> int:
        """How many of the revealed weights are not zero."""
        return int(np.count_nonzero(self.params.weights))


def candidates(
    name: str, params: DotParams, setting: TrSetting, choice: KernelChoice, isa: str, below: Nested = ()
) -> tuple[DotProduct, ...]:
    """The layer with each kernel that `choice` allows; at least one. `params` holds weights that are revealed already:
    `setting` says how. UsageError if none takes the layer."""
    revealed = reveal(params.weights, setting.group, None)
    kernels = allowed(choice, name, params, revealed, setting, dialled=bool(below))
    if below:
        return tuple(_dialled(kernel, params, setting, isa, below) for kernel in kernels)
    return tuple(_with_kernel(kernel, params, revealed, setting, isa) for kernel in kernels)


def _raw_bias(params: DotParams) -> np.ndarray:
    """int64 [rows], what sums of activations as they are lack."""
    return params.bias.astype(np.int64) - params.input_zero_point * params.weights.sum(axis=1, dtype=np.int64)


def _dialled(kernel: LevelsKernel, params: DotParams, setting: TrSetting, isa: str, below: Nested) -> DotProduct:
    """The layer with several budgets, of which `setting` is the one with most terms."""
    cut = setting.data_terms is not None
    settings, layers = zip(*below, (setting, params))
    biases = [layer.bias.astype(np.int64) if cut else _raw_bias(layer) for layer in layers]
    weights, bias = envelope(layers, biases, params)
    reach = replace(params, weights=weights, bias=bias)
    one_product = direct(reach, biases[-1]) if isa in DIRECT else None
    requant = one_product or common(reach, biases[-1]) or quick(reach, biases[-1])
    lists = encode_levels([layer.weights for layer in layers], names_of(params), _largest(kernel, params, cut))
    body = term_table.encode(levels_table(lists, setting, params.weights.shape[1]))
    scratch = kernel.scratch_bytes(params, cut)
    levels, flags = [], (one_product is not None, requant.common)
    for number, (layer, of, lack) in enumerate(zip(layers, settings, biases), 1):
        work = Work.of(layer, int(term_count(layer.weights).sum()), *flags)
        packed = scratch // 4 * (1 if isinstance(params, DepthwiseParams) else -(-work.positions // PIXELS))
        packed *= params.input_shape[2] if isinstance(params, DepthwiseParams) else 1
        estimate = estimate_levels(work, params, lists.by_level[:number], len(body), packed, isa)
        levels.append(Level(layer, of, lack - biases[-1], work.terms, estimate.cycles))
    estimate = replace(estimate, flash=estimate.flash + 4 * len(levels) * work.rows)
    return DotProduct(
        params, setting, kernel, body, biases[-1], requant, work.macs, work.terms, _data_terms(setting), scratch,
        estimate, tuple(levels),
    )  # fmt: skip


def _largest(kernel: LevelsKernel, params: DotParams, cut: bool) -> int | None:
    """The largest activation in a 16-bit lane; None for bytes, which have 32."""
    return largest_held(cut) if kernel.scratch_bytes(params, cut) else None


def _data_terms(setting: TrSetting) -> np.ndarray | None:
    return None if setting.data_terms is None else truncate_data(setting.data_terms)


def _with_kernel(kernel: Kernel, params: DotParams, revealed: Revealed, setting: TrSetting, isa: str) -> DotProduct:
    cut = setting.data_terms is not None
    reads_raw = not isinstance(kernel, TableKernel) and not cut
    bias = _raw_bias(params) if reads_raw else params.bias.astype(np.int64)
    if isinstance(kernel, SubsetsKernel):
        bias = bias - INPUT_OFFSET * revealed.values.sum(axis=1, dtype=np.int64)
    one_product = direct(params, bias) if isa in DIRECT else None
    requant = one_product or common(params, bias) or quick(params, bias)
    flags = one_product is not None, requant.common
    task = Task(params, revealed, setting, Work.of(params, int(revealed.counts.sum()), *flags), isa)
    made = _made(kernel, task)
    return DotProduct(
        params, setting, kernel, made.body, bias, requant, task.work.macs, task.work.terms, _data_terms(setting),
        made.scratch_bytes, made.estimate,
    )  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One layer's dot products to be computed: its integers, which hold the revealed weights, and their terms."""

    params: DotParams
    revealed: Revealed
    setting: TrSetting
    work: Work
    isa: str

    @property
    def cut(self) -> bool:
        """Whether activations are truncated to s terms."""
        return self.setting.data_terms is not None


@dataclass(frozen=True)
class Made:
    """What a kernel computes them with: the encoded weight table or the generated code, scratch in bytes, and costs."""

    body: bytes | Code
    scratch_bytes: int
    estimate: Estimate


@singledispatch
def _made(kernel: Kernel, task: Task) -> Made:
    raise TypeError(f"no kernel {kernel}")


@_made.register
def _(kernel: CodeKernel, task: Task) -> Made:
    code = generate(task.params, task.revealed, task.cut, task.isa)
    return Made(code, code.scratch_bytes, estimate_code(task.work, task.params, code))


@_made.register
def _(kernel: ListKernel, task: Task) -> Made:
    pixels = isinstance(task.params, ConvParams)
    lists = encode_lists(task.revealed.term_arrays(), task.work.rows, largest_held(task.cut) if pixels else None)
    body = term_table.encode(list_table(lists, task.setting, task.work.depth))
    scratch = 2 * PIXELS * task.work.depth if pixels else 0
    return Made(body, scratch, estimate_lists(task.work, task.params, lists, len(body), task.isa))


@_made.register
def _(kernel: FoursKernel, task: Task) -> Made:
    layout = kernel.layout(task.params, task.cut, task.isa)
    scratch = kernel.scratch_bytes(task.params, layout)
    if layout == LAYOUT.FOURS:
        body = term_table.encode(fours_table(task.revealed, task.setting))
        return Made(body, scratch, estimate_fours(task.work, task.params, len(body), task.isa))
    run = task.work.depth // task.params.kernel[0]
    body = term_table.encode(dual_fours_table(task.revealed, task.setting, layout, run))
    return Made(body, scratch, estimate_dual_fours(task.work, task.params, layout, len(body), task.isa))


@_made.register
def _(kernel: TwinsKernel, task: Task) -> Made:
    twins = encode_twins(task.revealed.values)
    body = term_table.encode(twins_table(twins, task.setting, task.work.depth))
    return Made(body, 8 * len(twins.order), estimate_twins(task.work, twins, len(body), task.isa))


@_made.register
def _(kernel: LanesKernel, task: Task) -> Made:
    lanes = encode_lanes(task.revealed.values, largest_held(task.cut))
    body = term_table.encode(lanes_table(lanes, task.setting, task.work.depth))
    estimate = estimate_lanes(task.work, task.params, lanes, len(body), task.isa)
    return Made(body, kernel.scratch_bytes(task.params), estimate)


@_made.register
def _(kernel: SubsetsKernel, task: Task) -> Made:
    subsets = encode_subsets(task.revealed.values)
    body = term_table.encode(subsets_table(subsets, task.setting, task.work.depth))
    estimate = estimate_subsets(task.work, subsets, len(body), task.isa)
    return Made(body, kernel.scratch_bytes(task.params), estimate)


@_made.register
def _(kernel: DualKernel, task: Task) -> Made:
    body = term_table.encode(int8_table(task.revealed, task.setting))
    return Made(body, kernel.scratch_bytes(task.params), estimate_dual(task.work, task.params, len(body), task.isa))


@_made.register
def _(kernel: TableKernel, task: Task) -> Made:
    table = kernel.table(task.revealed, task.setting)
    body = term_table.encode(table)
    estimate = estimate_table(task.work, kernel.name, len(body), table.planes, task.isa)
    return Made(body, kernel.scratch_bytes(table.depth, table.planes), estimate)
