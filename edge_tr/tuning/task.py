"""What a tuning is asked for: a model, samples to calibrate on and others to test on, a goal; read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.golden.ends import Samples
from edge_tr.golden.run import run
from edge_tr.golden.samples import LABELS, read_labelled, read_samples
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.metrics import Metric
from edge_tr.tuning.fit import Settings
from edge_tr.tuning.quality import accuracy
from edge_tr.tuning.reads import inferences
from edge_tr.tuning.search import Goal
from edge_tr.tuning.written import resolved


@dataclass(frozen=True)
class Test:
    """Samples that nothing was tuned on: inputs, labels or None, the original's first output of each inference. Labels
    of sequences are one a step, or one for the last step."""

    x: Samples
    labels: np.ndarray | None
    output: np.ndarray


@dataclass(frozen=True)
class Task:
    """What a tuning is asked for, read and checked."""

    model: str
    out: Path
    goal: Goal
    settings: Settings
    content: bytes
    graph: Graph
    x: Samples
    labels: Mapping[str, np.ndarray]
    metric: Metric | None
    test: Test | None

    @classmethod
    def read(
        cls,
        model: Path,
        calibration: Path,
        out: Path,
        goal: Goal,
        settings: Settings,
        data: Path | None,
        metric: Metric | None,
    ) -> Task:
        """UsageError for what cannot be tuned."""
        content = tflite.read_file(model)
        graph = tflite.parse(content)
        if metric is None:
            x, y = read_samples(calibration, graph)
            labels = {} if y is None else {LABELS: y}
        else:
            x, labels = read_labelled(calibration, graph)
        test = None if data is None else _test(graph, data, x)
        return cls(
            model.name, out.with_suffix(".toml"), goal, settings, content, graph, x, labels, metric, test
        )  # fmt: skip

    def warnings(self) -> list[str]:
        """What is wrong with the calibration set, from the start."""
        return resolved(len(self.x), self.goal) if self.goal.rises and not self.metric else []


def _test(graph: Graph, path: Path, calibration: Samples) -> Test:
    """The test set; UsageError when it shares samples with the calibration set."""
    x, labels = read_samples(path, graph)
    known = {_content(calibration, n) for n in range(len(calibration))}
    shared = sum(_content(x, n) in known for n in range(len(x)))
    if shared:
        raise UsageError(
            f"{shared} of {len(x)} samples in {path} are in the calibration set too: "
            "accuracy is reported on samples that nothing was tuned on; give another --data"
        )
    return Test(x, labels, inferences(x, run(graph, x).output))


def _content(x: Samples, n: int) -> bytes:
    """Of a sample, or of all steps of a sequence."""
    return b"".join(x.data(n, step) for step in range(x.steps or 1))


def accuracy_on(test: Test, output: np.ndarray) -> float | None:
    """In %, of the answers that have labels; None without any."""
    return None if test.labels is None else accuracy(output, test.labels)
