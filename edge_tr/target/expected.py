"""What golden says of a build: outputs, every tensor that the device computes, and their digests."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from edge_tr.golden.ends import Samples
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.manifest import BuildRecord
from edge_tr.operators import dots
from edge_tr.prepared.dead import Alive, remove_what_is_always_dead
from edge_tr.prepared.revealed import data_tables
from edge_tr.tr.requant import Rounding


class Expected:
    """Golden of one budget of a build. `levels`: the model with the revealed weights of each of its budgets."""

    def __init__(self, levels: Sequence[Graph], level: int, manifest: BuildRecord) -> None:
        self.graph, self.manifest = levels[level], manifest
        self._levels, self._level = levels, level
        limits = {dot.index: dot.data_terms for dot in manifest.products}
        self._cut = data_tables(self.graph, limits)

    @cached_property
    def _alive(self) -> Alive:
        """Channels that the build computes: those that are alive with some of its budgets."""
        weights = [{op.index: op.record.weights for op in dots(graph)} for graph in self._levels]
        return remove_what_is_always_dead(self.graph, weights, self._cut)[self._level]

    def outputs(
        self, x: Samples, rounding: Rounding | Mapping[str, Rounding] = Rounding.DOUBLE
    ) -> Mapping[int, np.ndarray]:
        """The graph's outputs of samples x, by tensor index."""
        return run(self.graph, x, data_terms=self._cut, rounding=rounding).outputs

    def tensors(self, x: Samples) -> Mapping[int, np.ndarray]:
        """By index, of the whole model: all channels that the device computes, the others compared with the constants
        that they were proven to be."""
        return self._alive.of(run(self.graph, x, data_terms=self._cut, keep="all").tensors)

    def digests(self, x: Samples) -> list[list[int]]:
        """CRC-32 of the tensor of each layer, for each step of one sequence, or for one sample."""
        tensors = self.tensors(x)
        places = [(0,) if x.steps is None else (0, step) for step in range(x.steps or 1)]
        return [
            [zlib.crc32(tensors[layer.tensor_index][at].tobytes()) for layer in self.manifest.layers] for at in places
        ]
