"""Points of a tuning and what they do on samples that they were not fitted to: computed, or found kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.tr.reveal import MAX_GROUP
from edge_tr.tuning.fit import ALGORITHM, FOLDS, Point, Request, Settings, Source, compute, held_out
from edge_tr.tuning.kept import Arrays, Kept
from edge_tr.tuning.reads import inferences_of
from edge_tr.tuning.select import Selection
from edge_tr.tuning.workers import InProcess, Workers


@dataclass(frozen=True)
class Judged:
    """A point, and what nets fitted like it give first for samples that they were not fitted to, int8 [n, ...]; None:
    nobody looked."""

    point: Point
    output: np.ndarray | None = None


class Points:
    """Computes points, or finds them kept."""

    def __init__(self, source: Source, settings: Settings, kept: Kept, workers: Workers | None = None) -> None:
        self.computed = 0
        self.done = 0
        self.finished: Callable[[], None] = lambda: None
        """Called behind each point and each fold: it may raise to end the work."""
        self._source, self._source_key = source, source.key
        self.settings = settings
        self._kept = kept
        self._workers = workers or InProcess()
        if settings.group is not None and not 1 <= settings.group <= MAX_GROUP:
            raise UsageError(f"--group {settings.group}: use 1 to {MAX_GROUP} weights a group")

    def at(self, wanted: Sequence[tuple[float, float]]) -> list[Point]:
        """The points at these (price, emphasis), in this order."""
        requests = [self._request(price, emphasis) for price, emphasis in wanted]
        self._compute(requests)
        return [_point_of(self._kept.get(request.key)) for request in requests]

    def judged(self, wanted: Sequence[tuple[float, float]]) -> list[Judged]:
        """The same with what they do on samples that they were not fitted to."""
        points = [self._request(price, emphasis) for price, emphasis in wanted]
        parts = [[self._request(price, emphasis, fold) for fold in range(FOLDS)] for price, emphasis in wanted]
        self._compute([*points, *(request for folds in parts for request in folds)])
        found = []
        for request, folds in zip(points, parts):
            point = _point_of(self._kept.get(request.key))
            outputs = [self._kept.get(part.key)["output"] for part in folds]
            found.append(Judged(point, _together(outputs, self._source)))
        return found

    def selection(self, point: Point) -> Selection:
        """The weights and biases of a point that `at` or `judged` gave."""
        arrays = self._kept.get(point.key)
        weights, biases = (
            {int(name[1:]): array for name, array in arrays.items() if name[0] == kind and name[1:].isdigit()}
            for kind in "wb"
        )
        return Selection(weights, biases, arrays["output"])

    def _request(self, price: float, emphasis: float, fold: int | None = None) -> Request:
        settings = replace(self.settings, emphasis=emphasis)
        parts = [ALGORITHM, self._source_key, asdict(settings), price, fold]
        return Request(hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32], price, settings, fold)

    def _compute(self, requests: Sequence[Request]) -> None:
        """Everything that is not kept."""
        missing = [r for r in {r.key: r for r in requests}.values() if not self._has(r)]
        self._count(len(requests) - len(missing))
        for index, arrays in self._workers.run(compute, self._source, missing):
            self._kept.put(missing[index].key, arrays)
            self.computed += 1
            self._count(1)

    def _has(self, request: Request) -> bool:
        arrays = self._kept.get(request.key)
        try:
            return arrays is not None and "output" in arrays and (request.fold is not None or bool(_point_of(arrays)))
        except (ValueError, KeyError, TypeError):
            return False

    def _count(self, done: int) -> None:
        self.done += done
        self.finished()


def _point_of(arrays: Arrays) -> Point:
    return Point(**json.loads(arrays["point"].tobytes()))


def _together(outputs: Sequence[np.ndarray], source: Source) -> np.ndarray:
    """Of all folds, in the order of the samples."""
    samples = len(source.x)
    whole = np.empty((samples * (source.x.steps or 1), *outputs[0].shape[1:]), outputs[0].dtype)
    for fold, output in enumerate(outputs):
        whole[inferences_of(source.x, held_out(samples, fold, source.seed))] = output
    return whole
