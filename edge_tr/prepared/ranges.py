"""Which values each channel of a tensor can take: interval arithmetic from inputs and states, of which
nothing is known, to clamped outputs.

Every operator says what it makes of its inputs' ranges (`Record.ranges`). Padding is taken apart: every set of taps
that lies inside the image at some output pixel is summed by itself, so a constant that meets a border is bounded by
what it really becomes there. Where arithmetic could wrap, the whole clamped range is returned.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_tr.graph import Graph
from edge_tr.record import Range, Record, full_range


def channel_ranges(
    graph: Graph, records: Mapping[int, Record], data_terms: Mapping[int, np.ndarray]
) -> dict[int, Range]:
    """Of every activation by tensor index. `records` and `data_terms` (int16 [511], see golden) by operator index."""
    ranges = {i: _anything(graph, i) for i in (*graph.inputs, *graph.states)}
    for op in graph.ops:
        inputs = [ranges[i] for i in graph.activations(op)]
        channels = [graph.channels(i) for i in (*op.outputs, *op.updates)]
        found = records[op.index].ranges(inputs, channels, data_terms.get(op.index))
        ranges |= {i: of.over(n) for i, of, n in zip(op.outputs, found, channels)}
    return ranges


def _anything(graph: Graph, index: int) -> Range:
    """Of an input or a state: any value that its type has."""
    dtype = graph.tensor(index).dtype
    limits = (0, 1) if dtype == "bool" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return full_range(graph.channels(index), limits)
