"""The budgets that benchmarks are counted at, with what they cost in accuracy and agreement on test samples.

Tuned budgets are found as those of docs/reproduction.md: the same calibration, the same goal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from edge_tr import boards
from edge_tr.golden.run import run
from edge_tr.golden.samples import read_samples
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse, read_file
from edge_tr.kernels.machines import isa_of
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.report.benchmarks import G0B1RE, BudgetQuality
from edge_tr.reproduction import classifiers
from edge_tr.tr.reveal import reveal
from edge_tr.tuning.cost import cost, dot_layers
from edge_tr.tuning.fit import Settings
from edge_tr.tuning.machine import Processor
from edge_tr.tuning.quality import accuracy, quality
from edge_tr.tuning.tuning import tune
from edge_tr.tuning.workers import Workers
from edge_tr.tuning.written import goal_of

Progress = Callable[[str, int, int, str], None]


def subject_of(file: str) -> classifiers.Subject | None:
    """What is known of a model file's data; None if there is none."""
    return next((subject for subject in classifiers.SUBJECTS if f"{subject.model}.tflite" == file), None)


class Measured:
    """A model, its calibration data, and test samples with the model's own output; points are kept in `work`."""

    def __init__(self, subject: classifiers.Subject, shared: Path, work: Path) -> None:
        self._subject, self._work = subject, work
        self._model = classifiers.model_file(subject, shared)
        self._graph = parse(read_file(self._model))
        self._calibration, test = classifiers.data_files(subject, self._graph, shared, work)
        self._x, self._labels = read_samples(test, self._graph)
        self._output = run(self._graph, self._x).output

    def tuned(self, workers: Workers, progress: Progress) -> tuple[Path, BudgetQuality]:
        """The budget file of `edge-tr tune --target` the smallest board."""
        out = classifiers.budget_file(self._subject, self._work)
        goal, settings = (
            goal_of(max_terms=self._subject.goal),
            Settings(machine=Processor(isa_of(boards.load(G0B1RE.board).core))),
        )
        tune(self._model, self._calibration, out, goal, settings=settings, workers=workers, progress=progress)
        cut = parse(read_file(out.with_suffix(".tflite")))
        weights = {layer.index: layer.record.weights for layer in dot_layers(cut)}
        return out, self._quality(weights, run(cut, self._x).output)

    def plain(self, budget: str) -> BudgetQuality:
        """A budget as `build` takes it, without calibration."""
        weights = _revealed(self._graph, budget)
        return self._quality(weights, run(self._graph, self._x, weights=weights).output)

    def _quality(self, weights: Mapping[int, np.ndarray], output: np.ndarray) -> BudgetQuality:
        """Of int8 [rows, K] by operator index, with which the test samples' `output` was computed."""
        graph = self._graph
        right = None if self._labels is None else accuracy(output, self._labels)
        terms = cost(dot_layers(graph), weights, None, {}).terms_per_mac
        same = quality(self._output, output, graph.ops[-1].kind == "SOFTMAX").agreement
        return BudgetQuality(terms, right, same, len(self._x))


def _revealed(graph: Graph, budget: str) -> dict[int, np.ndarray]:
    """int8 [rows, K] by operator index."""
    settings, found = parse_budget(budget), {}
    for layer in dot_layers(graph):
        setting = settings.of(layer.name)
        found[layer.index] = reveal(layer.record.weights, setting.group, setting.terms).values
    return found
