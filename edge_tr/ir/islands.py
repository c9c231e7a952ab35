"""Float operators between DEQUANTIZE and QUANTIZE become tables: every value behind them depends on one int8 value.

An island is what element-wise operators (`operators.float_kernels`) make of one dequantised tensor, constants and the
same tensor on another way. Constants may differ from channel to channel: then there is a table a channel. Moves inside
are made of the int8 tensor instead. QUANTIZE ends an island, directly or behind a CONCATENATION or PACK of several,
which are quantised before. What is not such an island stays as it was, and is reported as unsupported later.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.float_kernels import computed

MOVES = (
    *("RESHAPE", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "GATHER", "GATHER_ND", "REVERSE_V2", "TILE", "BROADCAST_TO"),
    *("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "RESIZE_NEAREST_NEIGHBOR"),
)
JOINS = ("CONCATENATION", "PACK")
MAX_CHANNELS = 4096
"""With a table each: 1 MiB."""


@dataclass(frozen=True)
class _Part:
    """A float tensor: what becomes of each value that the int8 tensor `source`, of the same shape, may have: float32
    [256, channels or 1] by x + 128."""

    source: int
    reals: np.ndarray


@dataclass(frozen=True)
class _Joined:
    """Parts one behind the other, by the operator that joins them."""

    parts: tuple[_Part, ...]
    op: Op


class _Islands:
    """One pass over a graph; `values` by tensor index: float tensors that are known."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._tensors, self._ops = graph, list(graph.tensors), []
        self._next = max((op.index for op in graph.ops), default=0) + 1
        self._values: dict[int, _Part | _Joined | np.ndarray] = {
            t.index: t.data for t in graph.tensors if t.data is not None and t.dtype == "float32"
        }

    def graph(self) -> Graph:
        for op in self._graph.ops:
            self._ops += self._tabled(op) or [op]
        known = {*self._values, *range(len(self._graph.tensors), len(self._tensors))}
        return _without_unread(replace(self._graph, tensors=tuple(self._tensors), ops=tuple(self._ops)), known)

    def _tabled(self, op: Op) -> list[Op]:
        """What stands in its place; nothing: itself. What nobody reads at last is taken out."""
        if len(op.outputs) != 1 or not op.inputs or min(op.inputs) < 0:
            return []
        y = self._tensors[op.outputs[0]]
        if op.kind == "DEQUANTIZE":
            self._dequantized(op, y)
        elif op.kind == "QUANTIZE":
            return self._quantized(op, y)
        elif y.dtype == "float32" and op.kind in MOVES:
            return self._moved(op, y)
        elif y.dtype == "float32" and op.kind in JOINS:
            parts = [self._values.get(i) for i in op.inputs]
            if all(isinstance(part, _Part) for part in parts):
                self._values[y.index] = _Joined(tuple(parts), op)
        elif y.dtype == "float32":
            self._computed(op, y)
        return []

    def _dequantized(self, op: Op, y: Tensor) -> None:
        x = self._tensors[op.inputs[0]]
        q = x.quantization
        if x.dtype == "float16" and x.data is not None:
            self._values[y.index] = x.data.astype(np.float32)
        elif x.dtype == "int8" and q is not None and q.per_tensor and x.shape == y.shape:
            values = INT8_VALUES[:, None] if x.data is None else x.data
            reals = (q.scale[0] * (values - int(q.zero_point[0])).astype(np.float32)).astype(np.float32)
            self._values[y.index] = reals if x.data is not None else _Part(x.index, reals)

    def _computed(self, op: Op, y: Tensor) -> None:
        operands = [self._values.get(i) for i in op.inputs]
        parts = [part for part in operands if isinstance(part, _Part)]
        if not parts or len({part.source for part in parts}) > 1 or self._tensors[parts[0].source].shape != y.shape:
            return
        rows = [_row(operand, y.shape) for operand in operands]
        result = computed(op, rows) if all(row is not None for row in rows) else None
        if result is not None:
            self._values[y.index] = _Part(parts[0].source, result)

    def _moved(self, op: Op, y: Tensor) -> list[Op]:
        part, others = self._values.get(op.inputs[0]), op.inputs[1:]
        if not isinstance(part, _Part) or any(self._tensors[i].data is None for i in others):
            return []
        x = self._tensors[part.source]
        if part.reals.shape[1] > 1 and (op.kind != "RESHAPE" or x.shape[-1:] != y.shape[-1:]):
            return []
        source = self._added(y, x)
        self._values[y.index] = replace(part, source=source)
        return [replace(op, inputs=(part.source, *others), outputs=(source,)), op]

    def _quantized(self, op: Op, y: Tensor) -> list[Op]:
        value, q = self._values.get(op.inputs[0]), y.quantization
        if y.dtype != "int8" or q is None or not q.per_tensor:
            return []
        if isinstance(value, _Part):
            return [_table(op, value, y.index)]
        if not isinstance(value, _Joined):
            return []
        inputs = [self._added(self._tensors[part.source], y) for part in value.parts]
        return [
            *(_table(replace(op, index=self._new_index()), part, i) for part, i in zip(value.parts, inputs)),
            replace(value.op, inputs=tuple(inputs), outputs=(y.index,)),
        ]

    def _new_index(self) -> int:
        """Of an operator that the file does not have: behind all that it has."""
        self._next += 1
        return self._next - 1

    def _added(self, shaped: Tensor, quantised: Tensor) -> int:
        """Another int8 tensor: of the shape of one and the quantisation of another."""
        index = len(self._tensors)
        quantization, unsigned = quantised.quantization, quantised.unsigned
        added = Tensor(index, f"{shaped.name} as int8", shaped.shape, "int8", quantization, unsigned=unsigned)
        self._tensors.append(added)
        return index


def _row(operand: object, shape: tuple[int, ...]) -> np.ndarray | None:
    """float32 that broadcasts to [256, channels]; None where it differs along other axes, or channels are too many."""
    if isinstance(operand, _Part):
        return operand.reals
    channels = (1, *shape)[-1]
    if not isinstance(operand, np.ndarray) or operand.size not in (1, channels) or channels > MAX_CHANNELS:
        return None
    fits = operand.size == 1 or operand.shape[-1] == channels
    return operand.reshape(1, -1) if fits and operand.ndim <= len(shape) else None


def _table(op: Op, part: _Part, output: int) -> Op:
    return replace(op, inputs=(part.source,), outputs=(output,), options={**op.options, "reals": part.reals})


def _without_unread(graph: Graph, known: Set[int]) -> Graph:
    """Without operators that write only `known` tensors, which nobody reads now."""
    read, kept = set(graph.outputs), []
    for op in reversed(graph.ops):
        if known.issuperset(op.outputs) and read.isdisjoint(op.outputs):
            continue
        kept.append(op)
        read.update(op.inputs)
    return replace(graph, ops=tuple(reversed(kept)))


def with_tables(graph: Graph) -> Graph:
    """The graph whose islands are QUANTIZE operators from int8 to int8, with the option `reals`: float32
    [256, channels or 1] by x + 128, what is quantised of each value."""
    if not any(op.kind == "DEQUANTIZE" for op in graph.ops):
        return graph
    return _Islands(graph).graph()
