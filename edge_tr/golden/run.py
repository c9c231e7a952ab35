"""Run a whole graph in integers, many samples at a time; sequences of a graph with states side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.golden.ends import Given, Samples, sample_shape, samples_of
from edge_tr.graph import Graph, Op
from edge_tr.operators import Record, dots, with_cuts, with_dots, with_weights
from edge_tr.operators.arithmetic import DATA_RANGE
from edge_tr.tr.requant import Rounding

DataTerms = np.ndarray | Callable[[np.ndarray], np.ndarray]
CHUNK_BYTES = 1 << 26  # working memory of one layer on one chunk of samples


@dataclass(frozen=True)
class Result:
    """Arrays of the tensors' own types by TFLite index, [n, ...], or [n, steps, ...] of sequences; `outputs` are the
    graph's, in its order."""

    tensors: Mapping[int, np.ndarray]
    outputs: Mapping[int, np.ndarray]

    @property
    def output(self) -> np.ndarray:
        """The graph's first output."""
        return next(iter(self.outputs.values()))


def run(
    graph: Graph,
    x: Given | Samples,
    *,
    weights: Mapping[int, np.ndarray] | None = None,
    data_terms: Mapping[int, DataTerms] | None = None,
    rounding: Rounding | Mapping[str, Rounding] = Rounding.DOUBLE,
    keep: str = "outputs",
) -> Result:
    """The graph on samples x, see `golden.ends`; states begin with what a reset gives in every sequence.

    `weights` replaces, by operator index, the int8 [rows, K] weights of dot
    products. `data_terms` truncates, by operator index, the data they see: a
    function of, or int16 [511] for, x - zero_point = -255..255. `rounding` is
    one mode, or one by operator kind (DOUBLE where missing). `keep="all"`
    returns every computed tensor and what became of the states, "outputs" only the graph's outputs.
    """
    if keep not in ("outputs", "all"):
        raise ValueError(f"keep must be 'outputs' or 'all', not {keep!r}")
    x = samples_of(graph, x)
    steps = _steps(graph, weights or {}, data_terms or {}, rounding)
    size = max(1, CHUNK_BYTES // max(_bytes_per_sample(graph, step.op) for step in steps))
    kept = {i for op in graph.ops for i in (*op.outputs, *op.updates)} if keep == "all" else set(graph.outputs)
    chunks = [_run_sequences(graph, steps, x.part(slice(i, i + size)), kept) for i in range(0, max(len(x), 1), size)]
    tensors = {i: np.concatenate([chunk[i] for chunk in chunks]) for i in sorted(kept)}
    return Result(tensors, {i: tensors[i] if i in tensors else x.values[i] for i in graph.outputs})


@dataclass(frozen=True)
class _Step:
    op: Op
    record: Record
    rounding: Rounding
    data_table: np.ndarray | None


def _steps(
    graph: Graph,
    weights: Mapping[int, np.ndarray],
    data_terms: Mapping[int, DataTerms],
    rounding: Rounding | Mapping[str, Rounding],
) -> list[_Step]:
    known = {op.index: op.record for op in dots(graph)}
    strangers = sorted((set(weights) | set(data_terms)) - set(known))
    if strangers:
        raise ValueError(f"operators {strangers} are not dot products of this graph")
    tables = {index: _data_table(terms) for index, terms in data_terms.items()}
    records = {index: with_weights(known[index], values) for index, values in weights.items()}
    steps = []
    for op in graph.ops:
        mode = rounding if isinstance(rounding, Rounding) else rounding.get(op.kind, Rounding.DOUBLE)
        record = with_cuts(replace(op, record=with_dots(op, records)), tables)
        steps.append(_Step(op, record, mode, tables.get(op.index)))
    return steps


def _data_table(terms: DataTerms) -> np.ndarray:
    """int16 [511] for -255..255."""
    table = terms(np.arange(-DATA_RANGE, DATA_RANGE + 1, dtype=np.int16)) if callable(terms) else terms
    table = np.asarray(table)
    if table.shape != (2 * DATA_RANGE + 1,) or table.dtype.kind != "i":
        raise ValueError(f"data terms must give {2 * DATA_RANGE + 1} integers, got {table.dtype} {table.shape}")
    return table.astype(np.int16)


def _run_sequences(graph: Graph, steps: list[_Step], x: Samples, kept: set[int]) -> dict[int, np.ndarray]:
    states = {
        i: np.broadcast_to(initial, (len(x), *initial.shape)).reshape(len(x), *sample_shape(graph.tensor(i)))
        for i, initial in graph.states.items()
    }
    if x.steps is None:
        return _run_step(graph, steps, {**x.step(0), **states}, kept)
    found = []
    for number in range(x.steps):
        values = _run_step(graph, steps, {**x.step(number), **states}, kept | set(states))
        states = {i: values[i] for i in states}
        found.append(values)
    return {i: np.stack([values[i] for values in found], axis=1) for i in kept}


def _run_step(graph: Graph, steps: list[_Step], values: dict[int, np.ndarray], kept: set[int]) -> dict[int, np.ndarray]:
    """One inference of each sample; `values`: of the inputs and the states, [n, ...] by tensor index."""
    count = len(values[graph.inputs[0]])
    for step in steps:
        inputs = [values[i] for i in graph.activations(step.op)]
        results = step.record.golden(inputs, step.rounding, step.data_table)
        for index, result in zip((*step.op.outputs, *step.op.updates), results, strict=True):
            values[index] = result.reshape(count, *sample_shape(graph.tensor(index)))
    return {i: values[i] for i in kept}


def _bytes_per_sample(graph: Graph, op: Op) -> int:
    """About the memory that a layer's arithmetic takes for one sample."""
    return op.record.golden_bytes(sum(graph.tensor(i).size for i in (*op.inputs[:1], *op.outputs)))
