"""One layer's dot products, in every way that the firmware could compute them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.formats import term_table
from edge_tr.ir.params import ConvParams, DotParams
from edge_tr.lower.budget import TrSetting
from edge_tr.lower.cost import (
    Estimate,
    Work,
    estimate_code,
    estimate_dual,
    estimate_fours,
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
    ListKernel,
    SubsetsKernel,
    TableKernel,
    TwinsKernel,
    allowed,
)
from edge_tr.lower.lists import PIXELS, encode_lists
from edge_tr.lower.machines import DIRECT
from edge_tr.lower.quick import Quick, common, quick
from edge_tr.lower.subsets import INPUT_OFFSET, encode_subsets
from edge_tr.lower.tables import fours_table, int8_table, list_table, subsets_table, twins_table
from edge_tr.lower.twins import encode_twins
from edge_tr.tr.reveal import Revealed, reveal, truncate_data


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

    @property
    def weights(self) -> int:
        """How many weights the layer has."""
        return self.params.weights.size

    @property
    def nonzero(self) -> int:
        """How many of the revealed weights are not zero."""
        return int(np.count_nonzero(self.params.weights))


def candidates(
    name: str, params: DotParams, setting: TrSetting, choice: KernelChoice, isa: str
) -> tuple[DotProduct, ...]:
    """The layer with each kernel that `choice` allows; at least one. `params` holds weights that are revealed already:
    `setting` says how. UsageError if none takes the layer."""
    revealed = reveal(params.weights, setting.group, None)
    kernels = allowed(choice, name, params, revealed, setting)
    return tuple(_with_kernel(kernel, params, revealed, setting, isa) for kernel in kernels)


def _with_kernel(kernel: Kernel, params: DotParams, revealed: Revealed, setting: TrSetting, isa: str) -> DotProduct:
    cut = setting.data_terms is not None
    bias = params.bias.astype(np.int64)
    if not isinstance(kernel, TableKernel) and not cut:  # these read activations as they are
        bias = bias - params.input_zero_point * revealed.values.sum(axis=1, dtype=np.int64)
    if isinstance(kernel, SubsetsKernel):
        bias = bias - INPUT_OFFSET * revealed.values.sum(axis=1, dtype=np.int64)
    one_product = direct(params, bias) if isa in DIRECT else None
    requant = one_product or common(params, bias) or quick(params, bias)
    work = Work.of(
        params, int(revealed.counts.sum()), one_product is not None, isinstance(requant, Quick) and requant.common
    )
    body: bytes | Code
    if isinstance(kernel, CodeKernel):
        body = generate(params, revealed, cut, isa)
        scratch, estimate = body.scratch_bytes, estimate_code(work, params, body)
    elif isinstance(kernel, ListKernel):
        pixels = isinstance(params, ConvParams)
        lists = encode_lists(revealed.term_arrays(), work.rows, largest_held(cut) if pixels else None)
        body = term_table.encode(list_table(lists, setting, work.depth))
        scratch = 2 * PIXELS * work.depth if pixels else 0
        estimate = estimate_lists(work, lists, len(body), isa, pixels)
    elif isinstance(kernel, FoursKernel):
        body, scratch = term_table.encode(fours_table(revealed, setting)), kernel.scratch_bytes(params)
        estimate = estimate_fours(work, params, len(body), isa)
    elif isinstance(kernel, TwinsKernel):
        twins = encode_twins(revealed.values)
        body, scratch = term_table.encode(twins_table(twins, setting, work.depth)), 8 * len(twins.order)
        estimate = estimate_twins(work, twins, len(body), isa)
    elif isinstance(kernel, SubsetsKernel):
        subsets = encode_subsets(revealed.values)
        body, scratch = term_table.encode(subsets_table(subsets, setting, work.depth)), kernel.scratch_bytes(params)
        estimate = estimate_subsets(work, subsets, len(body), isa)
    elif isinstance(kernel, DualKernel):
        body, scratch = term_table.encode(int8_table(revealed, setting)), kernel.scratch_bytes(params)
        estimate = estimate_dual(work, params, len(body), isa)
    else:
        table = kernel.table(revealed, setting)
        body, scratch = term_table.encode(table), kernel.scratch_bytes(table.depth, table.planes)
        estimate = estimate_table(work, kernel.name, len(body), table.planes, isa)
    return DotProduct(
        params=params,
        setting=setting,
        kernel=kernel,
        body=body,
        bias=bias,
        requant=requant,
        macs=work.macs,
        terms=work.terms,
        data_terms=truncate_data(setting.data_terms) if cut else None,
        scratch_bytes=scratch,
        estimate=estimate,
    )
