"""What dropping terms is worth on a machine: cycles, by layer.

A layer is planned as it is, and with fewer terms. Where its cycles stay, as where the fastest kernel multiplies, fewer
terms save nothing, and the layer is left as it is. Elsewhere a term of a layer is dearer the more cycles it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_tr.errors import UsageError
from edge_tr.graph import Graph
from edge_tr.tr.hese import term_count
from edge_tr.tr.reveal import reveal
from edge_tr.tuning.cost import Layer
from edge_tr.tuning.machine import GROUP, Machine

CUTS = (8, 4)
"""Terms a group that are left: one a weight, and one in two."""
LEAST = 0.02
"""Of a layer's cycles: estimates are no more exact than that."""


def worth(graph: Graph, layers: Sequence[Layer], machine: Machine) -> Mapping[str, float]:
    """By layer, what one term less saves each time that it is used, in units of the mean over all terms used that save
    any; 0: nothing. UsageError where that is every layer's."""
    whole, cut = machine.cycles(graph, layers, None), {most: machine.cycles(graph, layers, most) for most in CUTS}
    saved = {of.name: _saved(of, whole[of.name], {most: cut[most][of.name] for most in CUTS}) for of in layers}
    used = {layer.name: int(term_count(layer.record.weights).sum()) * layer.positions for layer in layers}
    priced = sum(used[name] for name, cycles in saved.items() if cycles > 0)
    if not priced:
        raise UsageError(
            "on this target no layer of this model gets faster with fewer terms: build it lossless, or give --max-terms"
        )
    mean = sum(saved[name] * used[name] for name in saved) / priced
    return {name: round(cycles / mean, 3) for name, cycles in saved.items()}


def _saved(layer: Layer, whole: int, cut: Mapping[int, int]) -> float:
    """Cycles for each use of a term that goes, with the cut that saves most; `cut`: cycles by terms a group."""
    terms, best = int(term_count(layer.record.weights).sum()), 0.0
    for most, cycles in cut.items():
        less = terms - int(term_count(reveal(layer.record.weights, GROUP, most).values).sum())
        if less and whole - cycles > LEAST * whole:
            best = max(best, (whole - cycles) / (less * layer.positions))
    return best
