"""Which channels of a tensor lie side by side.

The array takes four output channels at once and as many words as the longest of them, so channels of like length
belong together. Their order in memory is free wherever all that read them can be ordered along.
"""

from __future__ import annotations

import numpy as np

from edge_tr.accel.steps import HALF_ENTRIES, conv_steps, places_of
from edge_tr.accel.words import rows_of
from edge_tr.graph import Graph
from edge_tr.operators import ConvParams
from edge_tr.prepared.dead import tied


def by_length(graph: Graph) -> dict[int, np.ndarray]:
    """By tensor index: int [channels], the convolutions' channels from many words to few."""
    words: dict[int, np.ndarray] = {}
    for op in graph.ops:
        if isinstance(op.record, ConvParams) and op.record.weights.dtype == np.int8:
            words[op.outputs[0]] = _words(op.record)
    order = {}
    for tensors in tied(graph):
        lengths = [words[tensor] for tensor in tensors if tensor in words]
        if lengths:
            order |= dict.fromkeys(tensors, np.argsort(-np.sum(lengths, axis=0), kind="stable"))
    return order


def _words(p: ConvParams) -> np.ndarray:
    """int [channels], words that each output channel takes."""
    kw, channels = p.kernel[1], p.input_shape[2]
    total = np.zeros(len(p.weights), np.int64)
    for step in conv_steps(p.kernel, p.stride[1], channels, False, HALF_ENTRIES):
        places = places_of(step)
        index = [(ky * kw + kx) * channels + channel for ky, kx, channel in places]
        rows = rows_of(p.weights[:, index], [list(places.values())] * len(p.weights))
        total += [len(row.words) for row in rows]
    return total
