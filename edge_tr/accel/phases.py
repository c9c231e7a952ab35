"""Which tensors have their rows, or rows and columns, sorted by phase, so that a layer with a stride reads neighbours.

Sorting helps the reader and may cost the writer: both are scheduled either way and the cycles compared. Tensors that
the ADD engine ties together lie alike, so they are decided together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edge_tr.accel.addition import BY_TABLES
from edge_tr.accel.layout import Placed, planar
from edge_tr.accel.stage import Stage
from edge_tr.operators import ConvParams, DepthwiseParams

Cycles = Callable[[Stage, Placed, Placed], int]
"""cycles(stage, x, y): predicted, of a layer that reads x and writes y."""


def with_phases(
    stages: Sequence[Stage], layouts: Mapping[int, Placed], fixed: set[int], cycles: Cycles
) -> dict[int, Placed]:
    """The layouts, by tensor, sorted by phase where fewer cycles are predicted; those of `fixed` stay,
    and those that are tied to another shape."""
    chosen = dict(layouts)
    for tied in _tied(stages, layouts):
        strides = {stride for stage in stages if stage.inputs[0] in tied and (stride := _stride(stage)) > 1}
        shapes = {layouts[tensor].shape for tensor in tied}
        if len(strides) != 1 or len(shapes) != 1 or tied & fixed or any(layouts[tensor].vector for tensor in tied):
            continue
        stride = min(strides)
        options = [
            chosen | {tensor: planar(y.shape, y.zero_point, phases) for tensor in tied if (y := layouts[tensor])}
            for phases in ((1, 1), (stride, 1), (stride, stride))
        ]
        chosen = min(options, key=lambda option: _total(stages, tied, option, cycles))
    return chosen


def _stride(stage: Stage) -> int:
    """Rows from one window to the next; 0 of what has no windows, or dilated ones."""
    if not isinstance(stage.record, (ConvParams, DepthwiseParams)) or stage.record.dilation != (1, 1):
        return 0
    return stage.record.stride[0]


def _total(stages: Sequence[Stage], tied: set[int], layouts: Mapping[int, Placed], cycles: Cycles) -> int:
    """Of the layers that read or write one of the tensors, but for those of the ADD engine: any layout suits it."""
    touching = (s for s in stages if tied & {*s.inputs, s.output} and not isinstance(s.record, BY_TABLES))
    return sum(cycles(stage, layouts[stage.inputs[0]], layouts[stage.output]) for stage in touching)


def _tied(stages: Sequence[Stage], tensors: Mapping[int, Placed]) -> list[set[int]]:
    """All tensors, in sets of those that must lie alike, in the order of their first one."""
    sets = {tensor: {tensor} for tensor in tensors}
    for stage in stages:
        if isinstance(stage.record, BY_TABLES):
            whole = set().union(*(sets[tensor] for tensor in (*stage.inputs, stage.output)))
            sets |= dict.fromkeys(whole, whole)
    return list({id(tied): tied for tied in sets.values()}.values())
