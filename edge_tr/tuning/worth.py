"""What dropping terms is worth on a board: cycles, by layer.

A layer is planned as it is, and with fewer terms, each time with its fastest kernel behind the board's memory. Where
that multiplies, fewer terms save nothing, and the layer is left as it is. Elsewhere a term of a layer is dearer the
more cycles it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edge_tr.errors import UsageError
from edge_tr.kernels import parse_choice
from edge_tr.kernels.waiting import Behind
from edge_tr.lower.dot import candidates
from edge_tr.operators import DotParams
from edge_tr.prepared.budget import Budget
from edge_tr.tr.hese import term_count
from edge_tr.tr.reveal import reveal
from edge_tr.tuning.cost import Layer

GROUP, CUTS = 8, (8, 4)
"""Terms a group that are left: one a weight, and one in two."""
LEAST = 0.02
"""Of a layer's cycles: estimates are no more exact than that."""


def worth(layers: Sequence[Layer], isa: str, behind: Behind) -> Mapping[str, float]:
    """By layer, what one term less saves each time that it is used, in units of the mean over all terms used that save
    any; 0: nothing. UsageError where that is every layer's."""
    saved = {layer.name: _saved(layer, isa, behind) for layer in layers}
    used = {layer.name: int(term_count(layer.record.weights).sum()) * layer.positions for layer in layers}
    priced = sum(used[name] for name, cycles in saved.items() if cycles > 0)
    if not priced:
        raise UsageError(
            "on this core no layer of this model gets faster with fewer terms, because the fastest kernels multiply: "
            "build it lossless, or give --max-terms"
        )
    mean = sum(saved[name] * used[name] for name in saved) / priced
    return {name: round(cycles / mean, 3) for name, cycles in saved.items()}


def _saved(layer: Layer, isa: str, behind: Behind) -> float:
    """Cycles for each use of a term that goes, with the cut that saves most."""
    whole, terms = _cycles(layer, layer.record, isa, behind), int(term_count(layer.record.weights).sum())
    best = 0.0
    for most in CUTS:
        weights = reveal(layer.record.weights, GROUP, most).values
        less = terms - int(term_count(weights).sum())
        cycles = whole - _cycles(layer, replace(layer.record, weights=weights), isa, behind)
        if less and cycles > LEAST * whole:
            best = max(best, cycles / (less * layer.positions))
    return best


def _cycles(layer: Layer, record: DotParams, isa: str, behind: Behind) -> int:
    """With the fastest kernel."""
    options = candidates(layer.name, record, Budget().of(layer.name), parse_choice([]), isa, behind=behind)
    return min(option.estimate.cycles for option in options)
