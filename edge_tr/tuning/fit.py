"""One point of a tuning: everything chosen at one price of a term, and what that does on samples that it was not fitted
to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from edge_tr.golden.ends import Samples
from edge_tr.ir.tflite import parse
from edge_tr.tuning.cost import Layer, cost, slots
from edge_tr.tuning.descent import PASSES, anneal, group_sums, limited, most_terms, terms_of
from edge_tr.tuning.kept import Arrays
from edge_tr.tuning.machine import PORTABLE, Machine
from edge_tr.tuning.quality import ends_in_softmax, quality
from edge_tr.tuning.reads import inferences_of
from edge_tr.tuning.select import Calibration, Choose, Problem, Selection, calibrate, rewritten, select

LOSSLESS = "lossless"
"""The key of the point that is the model as it is."""
ALGORITHM = 4
"""Counts up when the same settings give another result, so that kept points are not reused."""
FOLDS = 5
"""Parts of the calibration set, each judged by a fit to the others."""


@dataclass(frozen=True)
class Settings:
    """What a point depends on, next to the model and the calibration set.

    group     None: any weight may have any number of terms (microcontrollers); otherwise at most k terms in
              each `group` weights along the reduction axis, one k a layer (the accelerator)
    emphasis  the last layer's errors count this much more than the first's: what early layers lose, later
              ones partly make up for
    machine   for the estimates of cycles and flash
    cycles    whether these are what counts: not terms, but cycles of layers are traded for errors
    worth     by layer, what a term less saves (`tuning.worth`); None: all the same
    costed    whether points say what cycles and flash they are estimated to take
    """

    group: int | None = None
    emphasis: float = 1.0
    passes: int = PASSES
    seed: int = 0
    machine: Machine = PORTABLE
    cycles: bool = False
    worth: Mapping[str, float] | None = None
    costed: bool = True


@dataclass(frozen=True)
class Point:
    """A finished point; agreement, loss and divergence are on the calibration set (see `Quality`).

    price     of one term at one position, in squared steps of the logits
    most      k by layer name, of a tuning under a group
    """

    key: str
    price: float
    emphasis: float
    terms_per_mac: float
    terms_per_weight: float
    issued_per_mac: float
    mean_k: float
    agreement: float
    loss: float
    divergence: float
    cycles_estimated: int | None
    flash_estimated: int | None
    most: Mapping[str, int]


@dataclass(frozen=True)
class Source:
    """What all points of a tuning start from: a model file, calibration inputs, a seed."""

    data: bytes
    x: Samples
    seed: int

    @property
    def key(self) -> str:
        """Of the same contents."""
        digest = hashlib.sha256(hashlib.sha256(self.data).digest())
        for values in self.x.values.values():
            digest.update(np.ascontiguousarray(values).tobytes())
        return f"{digest.hexdigest()}-{self.seed}"


@dataclass(frozen=True)
class Request:
    """Something to be computed: a point, or with a `fold` what it does on samples that it was not fitted to.

    fold  every FOLDS-th sample from this one on, in an order drawn from the seed, is left out of the fit
    """

    key: str
    price: float
    settings: Settings
    fold: int | None = None


def compute(source: Source, request: Request) -> Arrays:
    """One point or fold, in whatever process: what is kept of it."""
    settings = request.settings
    whole = _emphasised(calibrated(source), settings.emphasis)
    if request.fold is not None:
        held = held_out(len(whole.x), request.fold, source.seed)
        part = replace(whole, fitted=np.setdiff1d(whole.fitted, held))
        output = select(part, _chooser(settings, request.price)).output
        return {"output": output[inferences_of(whole.x, held)]}
    selection = select(whole, _chooser(settings, request.price))
    arrays = {f"w{index}": weights for index, weights in selection.weights.items()}
    arrays |= {f"b{index}": bias for index, bias in selection.biases.items()}
    text = json.dumps(asdict(_described(whole, request, selection)))
    return {"point": np.frombuffer(text.encode(), np.uint8), "output": selection.output, **arrays}


def held_out(samples: int, fold: int, seed: int) -> np.ndarray:
    """intp, rising: the samples of a fold."""
    return np.sort(np.random.default_rng([seed, samples]).permutation(samples)[fold::FOLDS])


def lossless(calibration: Calibration, settings: Settings) -> tuple[Point, Selection]:
    """The model as it is, as a point: its price is 0."""
    weights = {layer.index: layer.record.weights for layer in calibration.layers}
    biases = {layer.index: layer.record.bias for layer in calibration.layers}
    selection = Selection(weights, biases, calibration.output)
    return _described(calibration, Request(LOSSLESS, 0.0, settings), selection), selection


def _described(calibration: Calibration, request: Request, selection: Selection) -> Point:
    """The point of a selection."""
    settings, layers = request.settings, calibration.layers
    most = {} if settings.group is None else _most(layers, selection, settings.group)
    close = quality(calibration.output, selection.output, ends_in_softmax(calibration.graph))
    estimated = None, None
    if settings.costed:
        estimated = settings.machine.estimate(parse(rewritten(calibration, selection)))
    return Point(
        key=request.key,
        price=request.price,
        emphasis=settings.emphasis,
        **asdict(cost(layers, selection.weights, settings.group, most)),
        **asdict(close),
        cycles_estimated=estimated[0],
        flash_estimated=estimated[1],
        most={layer.name: most[layer.index] for layer in layers if layer.index in most},
    )


_calibrations: dict[str, Calibration] = {}
"""The last source's, by its key."""


def calibrated(source: Source) -> Calibration:
    """Computed once in a process, not once a point."""
    key = source.key
    if key not in _calibrations:
        _calibrations.clear()
        _calibrations[key] = calibrate(source.data, source.x, source.seed)
    return _calibrations[key]


def _emphasised(calibration: Calibration, emphasis: float) -> Calibration:
    """Sensitivities times emphasis^-1/2 at the first layer to emphasis^+1/2 at the last, by geometric steps."""
    depth = max(1, len(calibration.layers) - 1)
    factors = {layer.index: emphasis ** (i / depth - 0.5) for i, layer in enumerate(calibration.layers)}
    return replace(calibration, squares={i: factors[i] * s for i, s in calibration.squares.items()})


def _chooser(settings: Settings, price: float) -> Choose:
    """How a layer's terms are chosen under the cost model of `settings`."""

    def by_terms(problem: Problem) -> np.ndarray:
        layer = problem.layer
        worth = 1.0 if settings.worth is None else settings.worth[layer.name]
        if worth == 0:
            return layer.record.weights
        prices = price * worth * layer.positions / problem.sensitivity
        found = anneal(problem.target, problem.covariance, prices, settings.passes, layer.limits)
        return found.q.astype(layer.record.weights.dtype)

    def by_group(problem: Problem) -> np.ndarray:
        return _best_limit(problem, price, settings.group, settings.passes)

    return by_terms if settings.group is None else by_group


def _best_limit(problem: Problem, price: float, group: int, passes: int) -> np.ndarray:
    """The layer's best k: from one term a weight, downhill in distortion plus price of all slots."""
    layer = problem.layer
    tried: dict[int, tuple[float, np.ndarray]] = {}

    def total(most: int) -> float:
        if most not in tried:
            descent = limited(problem.target, problem.covariance, group, most, passes, layer.limits)
            slot_cost = price * layer.positions * slots(layer, group, most)
            tried[most] = problem.sensitivity @ descent.distortion() + slot_cost, descent.q
        return tried[most][0]

    best = group
    for step in (-1, 1):
        while 1 <= best + step <= most_terms(layer.limits) * group and total(best + step) < total(best):
            best += step
    return tried[best][1].astype(layer.record.weights.dtype)


def _most(layers: tuple[Layer, ...], selection: Selection, group: int) -> dict[int, int]:
    """k by operator index: the most terms that any group of a layer has."""
    return {
        layer.index: max(1, int(group_sums(terms_of(selection.weights[layer.index]), group).max())) for layer in layers
    }
