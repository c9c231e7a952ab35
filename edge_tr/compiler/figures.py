"""What build.json says of a layer for pictures: its place in the graph, its terms by exponent, kernels considered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from edge_tr.graph import Graph, Op, layer_name
from edge_tr.kernels.product import DotProduct
from edge_tr.manifest import CandidateRecord, TermsRecord
from edge_tr.tr.histogram import by_exponent, by_weight


def reads_of(graph: Graph, layers: Mapping[int, str], op: Op) -> tuple[str, ...]:
    """Names of the layers, inputs and states whose values an operator reads.

    layers  the name of the layer that computes a tensor, by tensor; an operator that computes nothing (a RESHAPE whose
            bytes stay where they are) is looked through
    """
    found: dict[str, None] = {}
    for tensor in graph.activations(op):
        found |= dict.fromkeys(_sources(graph, layers, tensor, op))
    return tuple(found)


def _sources(graph: Graph, layers: Mapping[int, str], tensor: int, reader: Op) -> Iterable[str]:
    if tensor in layers and tensor not in reader.targets:
        return [layers[tensor]]
    writer = graph.writer(tensor)
    if tensor in graph.inputs:
        return [graph.named_inputs[graph.inputs.index(tensor)].name]
    if tensor in graph.states or writer is None or writer is reader:
        return [graph.tensor(tensor).name]
    return [name for source in graph.activations(writer) for name in _sources(graph, layers, source, writer)]


def histogram(given: Sequence[np.ndarray], revealed: Sequence[np.ndarray], kept: Sequence[np.ndarray]) -> TermsRecord:
    """Of a layer's weights, integers of any shape: in the model file, within the budget, and without dead channels."""
    return TermsRecord(by_exponent(given), by_exponent(revealed), by_exponent(kept), by_weight(kept))


def considered(options: Iterable[DotProduct]) -> tuple[CandidateRecord, ...]:
    """Kernels that could compute a layer, the least cycles first; nothing where there is no choice."""
    found = sorted(options, key=lambda dot: (dot.estimate.cycles, dot.estimate.flash, dot.kernel.name))
    if len(found) < 2:
        return ()
    return tuple(
        CandidateRecord(dot.kernel.name, dot.estimate.flash, dot.estimate.cycles, dot.scratch_bytes) for dot in found
    )


def names_of(graph: Graph) -> dict[int, str]:
    """The layer that computes each tensor, by tensor; of a state the last one that writes it."""
    return {tensor: layer_name(op, n) for op in graph.ops for n, tensor in enumerate(op.targets)}
