"""The budgets that benchmarks are counted at, with what they cost in accuracy and agreement on test samples.

Tuned budgets are found as those of docs/reproduction.md: the same calibration, the same goal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_tr import boards
from edge_tr.golden.run import run
from edge_tr.golden.samples import read_samples
from edge_tr.ir.graph import Graph
from edge_tr.ir.tflite import parse, read_file
from edge_tr.lower.budget import parse as parse_budget
from edge_tr.lower.machines import isa_of
from edge_tr.report.benchmarks import G0B1RE, BudgetQuality
from edge_tr.reproduction import classifiers
from edge_tr.tr.reveal import reveal
from edge_tr.tune.cost import cost, dot_layers
from edge_tr.tune.points import Settings
from edge_tr.tune.quality import accuracy, quality
from edge_tr.tune.workers import Workers

Progress = Callable[[str, int, int, str], None]


def subject_of(file: str) -> classifiers.Subject | None:
    """What is known of a model file's data; None if there is none."""
    return next((subject for subject in classifiers.SUBJECTS if f"{subject.model}.tflite" == file), None)


def tuned(
    subject: classifiers.Subject, shared: Path, work: Path, workers: Workers, progress: Progress
) -> tuple[Path, BudgetQuality]:
    """The budget file of `edge-tr tune --target` the smallest board, in the folder `work`, where points are kept."""
    settings = Settings(isa=isa_of(boards.load(G0B1RE.board).core))
    tuning = classifiers.tuned(subject, shared, work, workers, settings, progress)
    chosen = tuning.chosen
    figures = chosen.point.terms_per_mac, chosen.test_accuracy, chosen.test_agreement
    return classifiers.budget_file(subject, work), BudgetQuality(*figures, tuning.test_samples)


def plain(subject: classifiers.Subject, budget: str, shared: Path, work: Path) -> BudgetQuality:
    """A budget as `build` takes it, without calibration."""
    graph = parse(read_file(classifiers.model_file(subject, shared)))
    x, labels = read_samples(classifiers.data_files(subject, graph, shared, work)[1], graph)
    weights = _revealed(graph, budget)
    original, output = run(graph, x).output, run(graph, x, weights=weights).output
    right = None if labels is None else accuracy(output, labels)
    terms = cost(dot_layers(graph), weights, None, {}).terms_per_mac
    softmax = graph.ops[-1].kind == "SOFTMAX"
    return BudgetQuality(terms, right, quality(original, output, softmax).agreement, len(x))


def _revealed(graph: Graph, budget: str) -> dict:
    """int8 [rows, K] by operator index."""
    settings, found = parse_budget(budget), {}
    for layer in dot_layers(graph):
        setting = settings.of(layer.name)
        found[layer.index] = reveal(layer.record.weights, setting.group, setting.terms).values
    return found
