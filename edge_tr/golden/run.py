"""Run a whole graph in integers, many samples at a time.

Arrays hold one sample per leading index and then the tensor's shape without
its batch of one: a [1, 49, 10, 1] tensor of n samples is [n, 49, 10, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators import Record, dots, with_dots, with_weights
from edge_tr.operators.arithmetic import DATA_RANGE
from edge_tr.operators.products import SumsParams
from edge_tr.tr.requant import Rounding

DataTerms = np.ndarray | Callable[[np.ndarray], np.ndarray]
CHUNK_BYTES = 1 << 26  # working memory of one layer on one chunk of samples


@dataclass(frozen=True)
class Result:
    """int8 [n, ...] by TFLite tensor index; `output` is the graph's."""

    tensors: Mapping[int, np.ndarray]
    output: np.ndarray


def run(
    graph: Graph,
    x: np.ndarray,
    *,
    weights: Mapping[int, np.ndarray] | None = None,
    data_terms: Mapping[int, DataTerms] | None = None,
    rounding: Rounding | Mapping[str, Rounding] = Rounding.DOUBLE,
    keep: str = "outputs",
) -> Result:
    """The graph on samples x, int8 or float32 [n, ...] (see `quantize_input`).

    `weights` replaces, by operator index, the int8 [rows, K] weights of dot
    products. `data_terms` truncates, by operator index, the data they see: a
    function of, or int16 [511] for, x - zero_point = -255..255. `rounding` is
    one mode, or one by operator kind (DOUBLE where missing). `keep="all"`
    returns every computed tensor, "outputs" only the graph's output.
    """
    if keep not in ("outputs", "all"):
        raise ValueError(f"keep must be 'outputs' or 'all', not {keep!r}")
    x = quantize_input(graph, x)
    steps = _steps(graph, weights or {}, data_terms or {}, rounding)
    size = max(1, CHUNK_BYTES // max(_bytes_per_sample(graph, step.op) for step in steps))
    kept = {i for step in steps for i in step.op.outputs} if keep == "all" else set(graph.outputs)
    chunks = [_run_chunk(graph, steps, x[i : i + size], kept) for i in range(0, max(len(x), 1), size)]
    tensors = {i: np.concatenate([chunk[i] for chunk in chunks]) for i in sorted(kept)}
    return Result(tensors, tensors[graph.outputs[0]])


def sample_shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of one sample: without a leading 1."""
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape


def check_input(graph: Graph, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """UsageError unless such an array holds samples of the graph's input."""
    tensor = graph.tensor(graph.inputs[0])
    if not shape or shape[1:] not in (sample_shape(tensor), tensor.shape):
        raise UsageError(f"the model's input is [samples, {_text(sample_shape(tensor))}], got {list(shape)}")
    if dtype not in (np.int8, np.float32):
        raise UsageError(f"the model's input is int8, or float32 to be quantised, got {dtype}")


def quantize_input(graph: Graph, x: np.ndarray) -> np.ndarray:
    """int8 [n, ...] for the graph's input; float32 is quantised as TFLite's QUANTIZE does.

    `AffineQuantize` in reference/quantize.h: divide by the scale in float32,
    round half away from zero, add the zero point, saturate.
    """
    tensor = graph.tensor(graph.inputs[0])
    x = np.asarray(x)
    check_input(graph, x.shape, x.dtype)
    x = x.reshape(len(x), *sample_shape(tensor))
    if x.dtype == np.int8:
        return x
    if not np.isfinite(x).all():
        raise UsageError("the float32 input must be finite, got NaN or infinity")
    q = tensor.quantization
    with np.errstate(over="ignore"):
        steps = (x / q.scale[0]).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
    return np.clip(rounded + int(q.zero_point[0]), -128, 127).astype(np.int8)


def _text(shape: tuple[int, ...]) -> str:
    return ", ".join(str(d) for d in shape)


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
    for index in (index for index in tables if isinstance(known[index], SumsParams)):
        records[index] = replace(records.get(index, known[index]), cut=tables[index])
    steps = []
    for op in graph.ops:
        mode = rounding if isinstance(rounding, Rounding) else rounding.get(op.kind, Rounding.DOUBLE)
        steps.append(_Step(op, with_dots(op, records), mode, tables.get(op.index)))
    return steps


def _data_table(terms: DataTerms) -> np.ndarray:
    """int16 [511] for -255..255."""
    table = terms(np.arange(-DATA_RANGE, DATA_RANGE + 1, dtype=np.int16)) if callable(terms) else terms
    table = np.asarray(table)
    if table.shape != (2 * DATA_RANGE + 1,) or table.dtype.kind != "i":
        raise ValueError(f"data terms must give {2 * DATA_RANGE + 1} integers, got {table.dtype} {table.shape}")
    return table.astype(np.int16)


def _run_chunk(graph: Graph, steps: list[_Step], x: np.ndarray, kept: set[int]) -> dict[int, np.ndarray]:
    values = {graph.inputs[0]: x}
    for step in steps:
        inputs = [values[i] for i in graph.activations(step.op)]
        results = step.record.golden(inputs, step.rounding, step.data_table)
        for index, result in zip(step.op.outputs, results):
            values[index] = result.reshape(len(x), *sample_shape(graph.tensor(index)))
    return {i: values[i] for i in kept}


def _bytes_per_sample(graph: Graph, op: Op) -> int:
    """About the memory that a layer's arithmetic takes for one sample."""
    return op.record.golden_bytes(sum(graph.tensor(i).size for i in (*op.inputs[:1], *op.outputs)))
