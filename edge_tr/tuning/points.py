"""One point of a tuning: everything chosen at one price of a term. Finished points are kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.files.npz import open_npz
from edge_tr.files.writing import replacing, writing_to
from edge_tr.golden.ends import Samples
from edge_tr.ir.tflite import parse
from edge_tr.kernels.waiting import INSTANT, Behind
from edge_tr.tr.reveal import MAX_GROUP
from edge_tr.tuning.cost import Layer, cost, estimate, slots
from edge_tr.tuning.descent import PASSES, anneal, group_sums, limited, most_terms, terms_of
from edge_tr.tuning.quality import ends_in_softmax, quality
from edge_tr.tuning.select import Calibration, Choose, Problem, Selection, calibrate, rewritten, select
from edge_tr.tuning.workers import InProcess, Workers

ALGORITHM = 3
"""Counts up when the same settings give another result, so that kept points are not reused."""


@dataclass(frozen=True)
class Settings:
    """What a point depends on, next to the model and the calibration set.

    group     None: any weight may have any number of terms (microcontrollers); otherwise at most k terms in
              each `group` weights along the reduction axis, one k a layer (the accelerator)
    emphasis  the last layer's errors count this much more than the first's: what early layers lose, later
              ones partly make up for
    isa       of `kernels.machines`, for the estimates of cycles and flash
    behind    what the board reads through, likewise
    cycles    whether these are what counts: not terms, but cycles of layers are traded for errors
    worth     by layer, what a term less saves (`tuning.worth`); None: all the same
    """

    group: int | None = None
    emphasis: float = 1.0
    passes: int = PASSES
    seed: int = 0
    isa: str = "c"
    behind: Behind = INSTANT
    cycles: bool = False
    worth: Mapping[str, float] | None = None


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
    """A point to be computed, and its key."""

    key: str
    price: float
    settings: Settings


def made(folder: Path) -> Path:
    """The folder of finished points, which is there afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot keep points in {folder}: {error.strerror}; choose another -o") from error
    return folder


class Points:
    """Computes points, or finds them finished in a folder."""

    def __init__(self, source: Source, settings: Settings, folder: Path, workers: Workers | None = None) -> None:
        self.computed = 0
        self._source, self._source_key = source, source.key
        self._settings = settings
        self._folder = folder
        self._workers = workers or InProcess()
        if settings.group is not None and not 1 <= settings.group <= MAX_GROUP:
            raise UsageError(f"--group {settings.group}: use 1 to {MAX_GROUP} weights a group")

    def at(
        self, wanted: Sequence[tuple[float, float]], finished: Callable[[Point], None] = lambda point: None
    ) -> list[Point]:
        """The points at these (price, emphasis), in this order; `finished` is called as they come."""
        requests = [self._request(price, emphasis) for price, emphasis in wanted]
        points = {request.key: self._read(request.key) for request in requests}
        for point in filter(None, points.values()):
            finished(point)
        missing = list({r.key: r for r in requests if points[r.key] is None}.values())
        for index, (point, selection) in self._workers.run(compute, self._source, missing):
            self._write(point, selection)
            self.computed += 1
            points[missing[index].key] = point
            finished(point)
        return [points[request.key] for request in requests]

    def selection(self, point: Point) -> Selection:
        """The weights and biases of a point that `at` gave."""
        return self._kept(point.key)[1]

    def _request(self, price: float, emphasis: float) -> Request:
        settings = replace(self._settings, emphasis=emphasis)
        parts = [ALGORITHM, self._source_key, asdict(settings), price]
        return Request(hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32], price, settings)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.npz"

    def _read(self, key: str) -> Point | None:
        try:
            return self._kept(key)[0]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _kept(self, key: str) -> tuple[Point, Selection]:
        """All of a finished point, read anew; OSError, ValueError, KeyError or TypeError if it is not whole."""
        with open_npz(self._file(key)) as stored:
            arrays = {name: stored[name].rows() for name in stored}
        weights, biases = (
            {int(name[1:]): array for name, array in arrays.items() if name[0] == kind and name[1:].isdigit()}
            for kind in "wb"
        )
        point = Point(**json.loads(arrays["point"].tobytes()))
        return point, Selection(weights, biases, arrays["output"])

    def _write(self, point: Point, selection: Selection) -> None:
        """Whole or not at all: an interrupted run leaves no half file under the final name."""
        arrays = {f"w{index}": weights for index, weights in selection.weights.items()}
        arrays |= {f"b{index}": bias for index, bias in selection.biases.items()}
        text = np.frombuffer(json.dumps(asdict(point)).encode(), np.uint8)
        with writing_to(self._folder), replacing(self._file(point.key)) as partial:
            np.savez(partial, point=text, output=selection.output, **arrays)


def compute(source: Source, request: Request) -> tuple[Point, Selection]:
    """One point, in whatever process."""
    settings = request.settings
    calibration = _emphasised(calibrated(source), settings.emphasis)
    layers = calibration.layers
    selection = select(calibration, _chooser(settings, request.price))
    most = {} if settings.group is None else _most(layers, selection, settings.group)
    sums = cost(layers, selection.weights, settings.group, most)
    close = quality(calibration.output, selection.output, ends_in_softmax(calibration.graph))
    cycles, flash = estimate(parse(rewritten(calibration, selection)), settings.isa, settings.behind)
    point = Point(
        key=request.key,
        price=request.price,
        emphasis=settings.emphasis,
        **asdict(sums),
        **asdict(close),
        cycles_estimated=cycles,
        flash_estimated=flash,
        most={layer.name: most[layer.index] for layer in layers if layer.index in most},
    )
    return point, selection


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
    return replace(calibration, sensitivity={i: factors[i] * s for i, s in calibration.sensitivity.items()})


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
