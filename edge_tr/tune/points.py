"""One point of a tuning: everything chosen at one price of a term. Finished points are kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.ir.tflite import parse
from edge_tr.tr.reveal import MAX_GROUP
from edge_tr.tune.cost import Layer, cost, estimate, slots
from edge_tr.tune.descent import MAX_TERMS, PASSES, anneal, group_sums, limited, terms_of
from edge_tr.tune.quality import quality
from edge_tr.tune.select import Calibration, Choose, Problem, Selection, rewritten, select

ALGORITHM = 1
"""Counts up when the same settings give another result, so that kept points are not reused."""


@dataclass(frozen=True)
class Settings:
    """What a point depends on, next to the model and the calibration set.

    group     None: any weight may have any number of terms (microcontrollers); otherwise at most k terms in
              each `group` weights along the reduction axis, one k a layer (the accelerator)
    emphasis  the last layer's errors count this much more than the first's: what early layers lose, later
              ones partly make up for
    isa       of `lower.machines`, for the estimates of cycles and flash
    """

    group: int | None = None
    emphasis: float = 1.0
    passes: int = PASSES
    seed: int = 0
    isa: str = "c"


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
    cycles_estimated: int
    flash_estimated: int
    most: Mapping[str, int]


class Points:
    """Computes points, or finds them finished in a folder."""

    def __init__(self, calibration: Calibration, settings: Settings, folder: Path) -> None:
        self.computed = 0
        self._calibration = calibration
        self._settings = settings
        self._folder = folder
        self._data_key = hashlib.sha256(np.ascontiguousarray(calibration.x).tobytes()).hexdigest()
        if settings.group is not None and not 1 <= settings.group <= MAX_GROUP:
            raise UsageError(f"--group {settings.group}: use 1 to {MAX_GROUP} weights a group")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot keep points in {folder}: {error.strerror}; choose another -o") from error

    def at(self, price: float, emphasis: float) -> Point:
        """The point at this price."""
        settings = replace(self._settings, emphasis=emphasis)
        key = self._key(price, settings)
        return self._read(key) or self._compute(key, price, settings)

    def selection(self, point: Point) -> Selection:
        """The weights and biases of a point that `at` gave."""
        with np.load(self._file(point.key)) as arrays:
            weights, biases = (
                {layer.index: arrays[f"{kind}{layer.index}"] for layer in self._calibration.layers} for kind in "wb"
            )
            return Selection(weights, biases, arrays["output"])

    def _key(self, price: float, settings: Settings) -> str:
        parts = [ALGORITHM, self._calibration.graph.sha256, self._data_key, asdict(settings), price]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.npz"

    def _read(self, key: str) -> Point | None:
        try:
            with np.load(self._file(key)) as arrays:
                return Point(**json.loads(str(arrays["point"])))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def _compute(self, key: str, price: float, settings: Settings) -> Point:
        calibration = _emphasised(self._calibration, settings.emphasis)
        layers = calibration.layers
        selection = select(calibration, _chooser(settings, price))
        most = {} if settings.group is None else _most(layers, selection, settings.group)
        sums = cost(layers, selection.weights, settings.group, most)
        close = quality(calibration.output, selection.output, calibration.graph.ops[-1].kind == "SOFTMAX")
        cycles, flash = estimate(parse(rewritten(calibration, selection)), settings.isa)
        point = Point(
            key=key,
            price=price,
            emphasis=settings.emphasis,
            **asdict(sums),
            **asdict(close),
            cycles_estimated=cycles,
            flash_estimated=flash,
            most={layer.name: most[layer.index] for layer in layers if layer.index in most},
        )
        self._write(point, selection)
        self.computed += 1
        return point

    def _write(self, point: Point, selection: Selection) -> None:
        """Whole or not at all: an interrupted run leaves no half file under the final name."""
        arrays = {f"w{index}": weights for index, weights in selection.weights.items()}
        arrays |= {f"b{index}": bias for index, bias in selection.biases.items()}
        partial = self._folder / f"{point.key}.partial-{os.getpid()}.npz"
        np.savez(partial, point=json.dumps(asdict(point)), output=selection.output, **arrays)
        partial.replace(self._file(point.key))


def _emphasised(calibration: Calibration, emphasis: float) -> Calibration:
    """Sensitivities times emphasis^-1/2 at the first layer to emphasis^+1/2 at the last, by geometric steps."""
    depth = max(1, len(calibration.layers) - 1)
    factors = {layer.index: emphasis ** (i / depth - 0.5) for i, layer in enumerate(calibration.layers)}
    return replace(calibration, sensitivity={i: factors[i] * s for i, s in calibration.sensitivity.items()})


def _chooser(settings: Settings, price: float) -> Choose:
    """How a layer's terms are chosen under the cost model of `settings`."""

    def by_terms(problem: Problem) -> np.ndarray:
        prices = price * problem.layer.positions / problem.sensitivity
        return anneal(problem.target, problem.covariance, prices, settings.passes).q.astype(np.int8)

    def by_group(problem: Problem) -> np.ndarray:
        return _best_limit(problem, price, settings.group, settings.passes)

    return by_terms if settings.group is None else by_group


def _best_limit(problem: Problem, price: float, group: int, passes: int) -> np.ndarray:
    """The layer's best k: from one term a weight, downhill in distortion plus price of all slots."""
    layer = problem.layer
    tried: dict[int, tuple[float, np.ndarray]] = {}

    def total(most: int) -> float:
        if most not in tried:
            descent = limited(problem.target, problem.covariance, group, most, passes)
            slot_cost = price * layer.positions * slots(layer, group, most)
            tried[most] = problem.sensitivity @ descent.distortion() + slot_cost, descent.q
        return tried[most][0]

    best = group
    for step in (-1, 1):
        while 1 <= best + step <= MAX_TERMS * group and total(best + step) < total(best):
            best += step
    return tried[best][1].astype(np.int8)


def _most(layers: tuple[Layer, ...], selection: Selection, group: int) -> dict[int, int]:
    """k by operator index: the most terms that any group of a layer has."""
    return {
        layer.index: max(1, int(group_sums(terms_of(selection.weights[layer.index]), group).max())) for layer in layers
    }
