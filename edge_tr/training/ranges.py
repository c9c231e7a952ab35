"""Ranges of activations on samples, and the int8 grids made of them; values that only move share one."""

from __future__ import annotations

import torch
from torch import nn

from edge_tr.errors import UsageError
from edge_tr.training.grid import Grid
from edge_tr.training.trace import Beside, Trace

SHARING = (nn.MaxPool2d, nn.Upsample, nn.Flatten, nn.Dropout, nn.AdaptiveAvgPool2d, Beside)
"""Modules whose output has its inputs' grid, as the operators of TFLite want it."""
BATCH = 64

Range = tuple[float, float]


@torch.no_grad()
def observed(trace: Trace, x: torch.Tensor) -> tuple[list[Range], list[tuple[int, ...]]]:
    """The least and the most of each value of `trace` on samples x [n, ...], and its shape without samples."""
    shapes: list[tuple[int, ...]] = []
    lows, highs = [], []
    for batch in x.split(BATCH):
        values = [batch]
        for step in trace.steps:
            values.append(_run(step, [values[i] for i in step.inputs]))
        shapes = [tuple(value.shape[1:]) for value in values]
        lows.append([float(value.min()) for value in values])
        highs.append([float(value.max()) for value in values])
    return [(min(low), max(high)) for low, high in zip(zip(*lows), zip(*highs))], shapes


def _run(step, inputs: list[torch.Tensor]) -> torch.Tensor:
    try:
        return step(*inputs)
    except RuntimeError as error:
        raise UsageError(f"{step.module} cannot take what comes before it: {error}") from error


def grids_of(trace: Trace, ranges: list[Range]) -> list[Grid]:
    """Of each value; values that share one have the range of all of them."""
    group = list(range(len(ranges)))
    for position, step in enumerate(trace.steps):
        if isinstance(step.module, SHARING):
            joined = {group[i] for i in (*step.inputs, position + 1)}
            group = [min(joined) if of in joined else of for of in group]
    grids = {}
    for of in set(group):
        mine = [found for found, other in zip(ranges, group) if other == of]
        grids[of] = Grid(min(low for low, _ in mine), max(high for _, high in mine))
    return [grids[of] for of in group]
