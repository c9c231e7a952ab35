"""A layer to schedule."""

from __future__ import annotations

from dataclasses import dataclass

from edge_tr.ir.graph import Op
from edge_tr.ir.params import Params


@dataclass(frozen=True)
class Stage:
    """One layer of the accelerator, with aliases of its tensors resolved."""

    op: Op
    record: Params
    inputs: tuple[int, ...]
    output: int
