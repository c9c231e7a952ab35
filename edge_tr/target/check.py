"""Device, golden and interpreter on the same samples: where do they agree, and where first not?

Three answers are compared byte for byte. *Device* is what the board computed;
*golden* is the integer model of this package on the revealed weights;
*reference* is the TFLite interpreter, once on the model as given (accuracy,
agreement) and once on the file with the revealed weights (identity).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_tr.golden.ends import Samples
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import ReferenceInfo, reference_info
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.manifest import BuildRecord
from edge_tr.metrics import ACCURACY, LABELS, Labels, Metric, scores_of
from edge_tr.target.costs import Device, Meter, clock_of
from edge_tr.target.expected import Expected
from edge_tr.target.inferences import Inferences, Place, Progress
from edge_tr.target.link import identify
from edge_tr.target.outcome import CheckReport, MetricReport, OutputReport, Reference
from edge_tr.tr.requant import Rounding

Outputs = Mapping[int, np.ndarray]
"""By tensor index, [n, ...], or [n, steps, ...] of sequences."""
_BATCH = 16  # samples of golden and interpreter between two signs of progress
_MOST_CLASSES = 40  # of a table of labels and choices


@dataclass(frozen=True)
class Models:
    """The model file as given, and with the revealed weights of each of the build's budgets."""

    given: bytes
    revealed: tuple[bytes, ...]


def check(
    device: Device,
    manifest: BuildRecord,
    models: Models,
    x: Samples,
    labels: Labels,
    *,
    layers: bool = False,
    level: int = 0,
    metric: Metric | None = None,
    classes: tuple[str, ...] = (),
    progress: Progress,
) -> CheckReport:
    """Run samples x with their labels everywhere; DeviceError if the board runs anything else.

    `classes`: names of the labels, where they are known. `layers` compares the tensor of every layer, not only the
    outputs; `level` is the budget to run with. Without a `metric`, labels `y` are classes.
    """
    hello = identify(
        device.link, device.board_id, model_sha256=manifest.model_sha256, build_id=int(manifest.build_id, 16)
    )
    device.link.expect(manifest.levels[level].cycles_estimated, clock_of(hello))
    oracle = Oracle(models.given)
    info = reference_info(oracle.runtime)
    expected = Expected([tflite.parse(data) for data in models.revealed], level, manifest)
    graph, record = expected.graph, manifest.levels[level]
    golden = _batched(expected.outputs, x, "golden model", progress)
    figures = _Figures(graph, x, labels, metric)
    figures.of(golden)  # labels that do not fit are found before the board works
    run, meter = Inferences(device.link, manifest, expected, level, x), Meter(device, hello, record)
    reference = _batched(oracle.outputs, x, "interpreter", progress)
    revealed = models.revealed[level]
    lossless = models.given == revealed
    same_weights = reference if lossless else _batched(Oracle(revealed).outputs, x, "interpreter, revealed", progress)
    answers, wrong = run.run(golden, layers, meter, progress)
    first = run.first_mismatch(wrong[0], _differing(graph, x, answers, golden, wrong[0])) if wrong else None
    identical = _identical(x, answers, same_weights)
    accuracies = [figures.accuracy(outputs) for outputs in (answers, golden, reference)]
    return CheckReport(
        target=manifest.target,
        model=manifest.model,
        model_sha256=manifest.model_sha256,
        budget=record.budget,
        level=level,
        terms_per_mac=record.terms_per_mac,
        samples=identical.size,
        bit_exact=not wrong,
        mismatched_samples=len(wrong),
        first_mismatch=first,
        accuracy=accuracies[0],
        golden_accuracy=accuracies[1],
        reference_accuracy=accuracies[2],
        agreement=float(np.mean(_choices(graph, answers) == _choices(graph, reference))),
        reference_identical=int(identical.sum()),
        layers_compared=len(manifest.layers) if layers else 1,
        cost=meter.cost(),
        reference=Reference(info.runtime, info.version, info.resolver, info.rounding_text),
        layer_costs=meter.layer_costs(manifest),
        notes=(*_saturated(x), *_notes(expected, info, x, same_weights, identical)),
        confusion=figures.confusion(answers),
        steps=x.steps,
        outputs=_outputs(graph, x, answers, golden, same_weights),
        metric=None if metric is None else figures.reported(answers, golden, reference),
        classes=classes,
    )


# --- golden and the interpreter --------------------------------------------------


def _batched(function: Callable[[Samples], Outputs], x: Samples, what: str, progress: Progress) -> Outputs:
    parts = []
    progress(what, 0, len(x), "sample")
    for start in range(0, len(x), _BATCH):
        parts.append(function(x.part(slice(start, start + _BATCH))))
        progress(what, min(start + _BATCH, len(x)), len(x), "sample")
    return {i: np.concatenate([part[i] for part in parts]) for i in parts[0]}


def _saturated(x: Samples) -> list[str]:
    """Said, since a range that was mistaken (0 to 255 for 0 to 1) shows nowhere else."""
    if not x.saturated:
        return []
    total = sum(values.size for values in x.values.values())
    return [f"{x.saturated:,} of {total:,} input values are beyond the input's range, and became its ends"]


def _notes(expected: Expected, info: ReferenceInfo, x: Samples, reference: Outputs, identical: np.ndarray) -> list[str]:
    """Why device and interpreter differ, where that is expected."""
    if identical.all():
        return []
    if any(dot.data_terms is not None for dot in expected.manifest.products):
        return ["the data budget s truncates activations, which no interpreter does: only golden is an oracle here"]
    if all(mode is Rounding.DOUBLE for mode in info.rounding.values()):
        return ["the interpreter differs from golden: please report this model"]
    like_them = _batched(lambda part: expected.outputs(part, info.rounding), x, "golden", lambda *_: None)
    same = int(_identical(x, like_them, reference).sum())
    return [
        f"{info.runtime} {info.version} rounds differently ({info.rounding_text}): with its rounding golden equals it "
        f"on {same} of {identical.size} samples; tflite-runtime 2.14 rounds like the board"
    ]


# --- comparisons ------------------------------------------------------------------


def _identical(x: Samples, a: Outputs, b: Outputs) -> np.ndarray:
    """bool, of the shape of x.leading: all elements of every output are equal."""
    return np.logical_and.reduce([_equal(x, a[i], b[i]) for i in a])


def _equal(x: Samples, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    axes = tuple(range(len(x.leading), a.ndim))
    return (a == b).all(axis=axes)


def _differing(graph: Graph, x: Samples, answers: Outputs, golden: Outputs, place: Place) -> str:
    """The name of the first output that differs in a sample; empty if none does."""
    at = place[: len(x.leading)]
    names = zip(graph.outputs, graph.file_outputs)
    return next((of.name for i, of in names if not np.array_equal(answers[i][at], golden[i][at])), "")


def _outputs(graph: Graph, x: Samples, answers: Outputs, golden: Outputs, same: Outputs) -> tuple[OutputReport, ...]:
    return tuple(
        OutputReport(
            of.name, graph.tensor(i).dtype, graph.tensor(i).shape,
            mismatched_samples=int((~_equal(x, answers[i], golden[i])).sum()),
            reference_identical=int(_equal(x, answers[i], same[i]).sum()),
        )
        for i, of in zip(graph.outputs, graph.file_outputs)
    )  # fmt: skip


def _choices(graph: Graph, outputs: Outputs) -> np.ndarray:
    """Of the first output the class index of every inference, or the value itself for outputs of one element."""
    index = graph.outputs[0]
    flat = outputs[index].reshape(-1, graph.tensor(index).size)
    return flat[:, 0] if flat.shape[1] == 1 else flat.argmax(axis=1)


# --- figures ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Figures:
    """What labels say of outputs. Accuracy is given of labels that are classes, whether it is asked for or not."""

    graph: Graph
    x: Samples
    labels: Labels
    metric: Metric | None

    def of(self, outputs: Outputs) -> float | None:
        """The metric that is asked for; else accuracy."""
        if self.metric is None:
            return self.accuracy(outputs)
        return self.metric.of(self.graph, outputs, self.labels, self.x.steps)

    def reported(self, answers: Outputs, golden: Outputs, reference: Outputs) -> MetricReport:
        """Of all three."""
        return MetricReport(self.metric.name, *(self.of(outputs) for outputs in (answers, golden, reference)))

    def accuracy(self, outputs: Outputs) -> float | None:
        """A fraction; None without labels, or where they are no classes."""
        return ACCURACY.of(self.graph, outputs, self.labels, self.x.steps) if self._has_classes else None

    def confusion(self, outputs: Outputs) -> tuple[tuple[int, ...], ...]:
        """Counts [label][choice]; empty without labels or with very many classes."""
        if not self._has_classes:
            return ()
        y = self.labels[LABELS]
        scores = scores_of(self.graph, outputs, y, self.x.steps).values
        classes = scores.shape[1]
        if not 1 < classes <= _MOST_CLASSES:
            return ()
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (y.ravel(), scores.argmax(axis=1)), 1)
        return tuple(tuple(int(n) for n in row) for row in counts)

    @property
    def _has_classes(self) -> bool:
        asked = self.metric is None or self.metric.name == ACCURACY.name
        y = self.labels.get(LABELS)
        return asked and y is not None and (self.metric is not None or self._are_classes(y))

    def _are_classes(self, y: np.ndarray) -> bool:
        most = max(self.graph.tensor(self.graph.outputs[0]).size, 2)
        return bool(y.dtype.kind in "iu" and y.min() >= 0 and y.max() < most)
