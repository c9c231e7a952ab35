"""What every target's build shares: models and budgets read, files written, samples found."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.golden.ends import Samples
from edge_tr.golden.samples import LABELS, read_labelled, read_samples, seeded_samples
from edge_tr.graph import Graph, Tensor
from edge_tr.ir import tflite
from edge_tr.ir.rewrite import rewrite_weights, with_constants_of
from edge_tr.manifest import REVEALED, LevelRecord, TensorRecord
from edge_tr.prepared.budget import Budget, Tuned
from edge_tr.prepared.budget import parse as parse_budget

Progress = Callable[[str, int, int, str], None]
"""Called as progress(what, done, total, unit)."""


def no_progress(what: str, done: int, total: int, unit: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Source:
    """What is built: the model file as given, the one that is lowered (the same, or with tuned weights) and its graph,
    which carries the given file's digest; its budget, and those below it that the build can be dialled to."""

    name: str
    given: bytes
    lowered: bytes
    graph: Graph
    budget: Budget
    below: tuple[Budget, ...]

    @functools.cached_property
    def model(self) -> Graph:
        """The model as given; `graph` where no tuned weights took the place of its own."""
        return self.graph if self.given == self.lowered else tflite.parse(self.given)


def read_source(model: Path, budgets: Sequence[str]) -> Source:
    """The model file and its budgets, from the fewest terms on; UsageError or ModelError where one is wrong."""
    name = "".join(c if c.isprintable() else "?" for c in model.name)
    return source_of(name, tflite.read_file(model), budgets)


def source_of(name: str, given: bytes, budgets: Sequence[str]) -> Source:
    """The same of a file's contents."""
    *below, settings = map(parse_budget, budgets)
    lowered = given if settings.tuned is None else _tuned(settings.tuned, given)
    graph = replace(tflite.parse(lowered), sha256=hashlib.sha256(given).hexdigest())
    return Source(name, given, lowered, graph, settings, tuple(below))


def revealed_files(source: Source, levels: Sequence[Mapping[int, np.ndarray]]) -> dict[str, bytes]:
    """The model with the weights of each budget, int8 [rows, K] by operator index, by file name; the last one's is
    what a build of one budget has."""
    names = [*(f"revealed-level{level}.tflite" for level in range(len(levels) - 1)), REVEALED]
    return {name: rewrite_weights(source.lowered, weights) for name, weights in zip(names, levels)}


def level_records(
    budgets: Sequence[Budget],
    files: Iterable[str],
    sizes: Sequence[Sequence[tuple[int, int, int]]],
    cycles: Sequence[int],
) -> tuple[LevelRecord, ...]:
    """By level: its budget, its file of `revealed_files`, (weights, terms, MACs) of each of its layers with weights,
    and estimated cycles."""
    records = []
    for budget, name, layers, estimate in zip(budgets, files, sizes, cycles):
        macs = sum(macs for _, _, macs in layers)
        executed = sum(terms * macs / weights for weights, terms, macs in layers)
        terms = sum(terms for _, terms, _ in layers)
        records.append(LevelRecord(str(budget), name, terms, round(executed / macs, 4) if macs else 0.0, estimate))
    return tuple(records)


def tensor_records(graph: Graph) -> dict[str, tuple[TensorRecord, ...]]:
    """The graph's inputs, outputs and states, as fields of a manifest."""
    states = tuple(map(graph.tensor, graph.states))
    return {
        "inputs": tuple(map(_tensor_record, graph.named_inputs, graph.file_inputs)),
        "outputs": tuple(map(_tensor_record, graph.named_outputs, graph.file_outputs)),
        "states": tuple(map(_tensor_record, states, states)),
    }


def _tensor_record(tensor: Tensor, given: Tensor) -> TensorRecord:
    of = tensor.quantization
    scale, zero_point = (None, None) if of is None else (float(of.scale[0]), int(of.zero_point[0]))
    return TensorRecord(tensor.name, tensor.dtype, given.dtype, tensor.shape, tensor.bytes, scale, zero_point)


def _tuned(tuned: Tuned, data: bytes) -> bytes:
    """The tuned model file that a budget names; UsageError if it was not made from the model `data`."""
    sha256 = hashlib.sha256(data).hexdigest()
    if tuned.model_sha256 != sha256:
        raise UsageError(
            f"the budget was tuned for the model {tuned.model_sha256[:12]}..., this one is {sha256[:12]}...: "
            "run edge-tr tune on it"
        )
    try:
        return with_constants_of(data, tflite.read_file(tuned.weights))
    except UsageError as error:
        raise UsageError(f"tuned weights {tuned.weights}: {error}") from error


def write_tree(base: Path, tree: Mapping[str, bytes]) -> None:
    """Files by their paths below `base`."""
    for path, data in tree.items():
        target = base / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def samples(
    graph: Graph, data: Path | None, limit: int | None, labelled: bool = False
) -> tuple[Samples, dict[str, np.ndarray]]:
    """Inputs, and labels by name: `y`, where there are any, or all that a metric may want (`labelled`); without a file,
    seeded noise."""
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: check at least one sample")
    if data is None:
        return seeded_samples(graph, limit), {}
    if labelled:
        return read_labelled(data, graph, limit)
    x, y = read_samples(data, graph, limit)
    return x, {} if y is None else {LABELS: y}
