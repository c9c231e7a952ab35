"""What a choice of terms costs: terms and slots; `machine` has cycles and flash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, layer_name
from edge_tr.operators import DotParams, FullyConnectedParams, dots_of
from edge_tr.tr.hese import term_count
from edge_tr.tuning.descent import INT8, Limits, most_terms


@dataclass(frozen=True)
class Layer:
    """One dot product: `positions` is how often each weight is used in one inference."""

    index: int
    name: str
    record: DotParams
    positions: int

    @property
    def macs(self) -> int:
        return self.positions * self.record.weights.size

    @property
    def limits(self) -> Limits:
        """What tuning may make of a weight: all that the file and the record can hold, of int8 files not -128."""
        if not self.record.weights_zero_point:
            return INT8
        held, (low, high) = np.iinfo(self.record.weights.dtype), self.record.weight_range
        return max(low, int(held.min)), min(high, int(held.max))


@dataclass(frozen=True)
class Cost:
    """Sums over layers. Zero weights have no terms and cost nothing.

    terms_per_mac     kept terms x positions, by MACs: what one multiplication became, on average
    terms_per_weight  kept terms by weights
    issued_per_mac    as terms_per_mac where each group of g costs its layer's k, used or not;
                      equal to terms_per_mac without such a constraint
    mean_k            k of the layers, weighted by their MACs; 0 without such a constraint
    """

    terms_per_mac: float
    terms_per_weight: float
    issued_per_mac: float
    mean_k: float


def dot_layers(graph: Graph) -> list[Layer]:
    """The layers with weights, in execution order. Of operators that are made of dot products these are their parts if
    the record shows them; otherwise such an operator stays as it is."""
    shown = (dot for op in graph.ops if not op.record.parts() or op.record.shows_parts for dot in dots_of(op))
    return [Layer(op.index, layer_name(op), op.record, _positions(op.record)) for op in shown]


def _positions(record: DotParams) -> int:
    return record.uses if isinstance(record, FullyConnectedParams) else int(np.prod(record.output_shape[:2]))


def cost(
    layers: Sequence[Layer], weights: Mapping[int, np.ndarray], group: int | None, most: Mapping[int, int]
) -> Cost:
    """Cost of weights [rows, K] by operator index; `most` is k by operator index under a `group`."""
    terms = {layer.index: int(term_count(weights[layer.index]).sum(dtype=np.int64)) for layer in layers}
    macs = sum(layer.macs for layer in layers)
    executed = sum(terms[layer.index] * layer.positions for layer in layers) / macs
    issued, mean = executed, 0.0
    if group is not None:
        issued = sum(slots(layer, group, most[layer.index]) * layer.positions for layer in layers) / macs
        mean = sum(most[layer.index] * layer.macs for layer in layers) / macs
    size = sum(layer.record.weights.size for layer in layers)
    return Cost(executed, sum(terms.values()) / size, issued, mean)


def slots(layer: Layer, group: int, most: int) -> int:
    """Terms that a layer's groups are given time for: k each, and never more than their weights can have."""
    rows, depth = layer.record.weights.shape
    whole, rest = divmod(depth, group)
    longest = most_terms(layer.limits)
    return rows * (whole * min(most, longest * group) + min(most, longest * rest))
