"""What a kernel is given, a layer's dot products, and what it makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_tr.kernels.cost import Estimate
from edge_tr.kernels.direct import Direct
from edge_tr.kernels.generated import Code
from edge_tr.kernels.quick import Quick
from edge_tr.kernels.waiting import INSTANT, Behind
from edge_tr.operators import DotParams
from edge_tr.operators.products import SumsParams
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed, cut_data

if TYPE_CHECKING:
    from edge_tr.kernels.kernel import Kernel

Nested = Sequence[tuple[TrSetting, DotParams]]
"""A layer with the budgets below its own, from the fewest terms on; the weights are revealed."""


@dataclass(frozen=True)
class Task:
    """One layer's dot products to be computed: its integers, which hold the revealed weights, and their terms.
    `setting` says how they were revealed; `below`: of a build with several budgets, of which this has most terms;
    `behind`: what code and constants are read through."""

    params: DotParams
    revealed: Revealed
    setting: TrSetting
    isa: str
    below: Nested = ()
    behind: Behind = INSTANT

    @property
    def gives_sums(self) -> bool:
        """Whether an operator takes the sums as they are."""
        return isinstance(self.params, SumsParams)

    @property
    def cut(self) -> bool:
        """Whether activations are truncated to s terms."""
        return self.setting.data_terms is not None

    @property
    def data_terms(self) -> np.ndarray | None:
        """int16 [511], index x - zero_point + 255: that cut to s terms; None: all terms."""
        return cut_data(self.setting.data_terms, self.params.input_zero_point) if self.cut else None


@dataclass(frozen=True)
class Level:
    """One of the budgets that a layer can be dialled to. `params` holds its revealed weights, `correction` int64 [rows]
    what its sums lack for the constants that all levels share, `cycles` estimates one inference of the layer."""

    params: DotParams
    setting: TrSetting
    correction: np.ndarray
    terms: int
    cycles: int


@dataclass(frozen=True)
class DotProduct:
    """What a layer with weights computes with; `params` holds the revealed weights."""

    params: DotParams
    setting: TrSetting
    kernel: Kernel
    body: bytes | Code  # the weight table, or the generated code
    bias: np.ndarray  # int64 [rows]: what a sum lacks
    requant: Quick | Direct | None  # None: an operator takes the sums as they are
    macs: int
    terms: int
    data_terms: np.ndarray | None  # int16 [511], index x - zero_point + 255; None: all terms
    scratch_bytes: int
    estimate: Estimate
    levels: tuple[Level, ...] = ()  # of a build with several budgets, from the fewest terms to all of these
    staged_bytes: int = 0  # of the table, which is copied into RAM first; 0: it is read where it is
    by_parts: bool = False  # of the table, what is in use is copied into scratch

    @property
    def table(self) -> bytes | None:
        """The weight table, if there is one."""
        return self.body if isinstance(self.body, bytes) else None

    @property
    def code(self) -> Code | None:
        """The generated code, if there is any."""
        return self.body if isinstance(self.body, Code) else None

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
