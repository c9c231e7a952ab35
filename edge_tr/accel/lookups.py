"""Operators that look at one value of one tensor at a time: each is a table of 256 bytes, which the ADD engine reads.

QUANTIZE is one, and so is a product of two tensors that both follow from a third: x * sigmoid(x), as files spell SiLU,
is a table of x. What nothing else reads is then not computed at all. Golden and the interpreter compute the model as
it is, so a check of the product is a check of its factors too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import replace

import numpy as np

from edge_tr.graph import Graph, Op, layer_name
from edge_tr.operators import RequantizeParams
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.lookup import LookupParams, looked_up
from edge_tr.operators.mul import MulParams
from edge_tr.tr.requant import Rounding

Origins = Mapping[int, np.ndarray]
"""By tensor that another one follows from: the other's value, int8 [256] by x + 128."""
_ITSELF = INT8_VALUES.astype(np.int8)


def with_lookups(graph: Graph, excepted: Container[int]) -> Graph:
    """The graph with these operators as `LookupParams` of one tensor, and without those that nothing reads any more;
    `excepted`: operators that the processor computes, which stay as they are."""
    origins: dict[int, Origins] = {}
    ops = [op if op.index in excepted else _rewritten(graph, op, origins) for op in graph.ops]
    read_before = {t for op in graph.ops for t in op.inputs}
    readers = Counter([*graph.outputs, *graph.states, *(t for op in ops for t in op.inputs)])
    kept = []
    for op in reversed(ops):
        unread = read_before.issuperset(op.outputs) and not any(readers[y] for y in op.outputs)
        if isinstance(op.record, LookupParams) and unread:
            readers.subtract(op.inputs)
        else:
            kept.append(op)
    return replace(graph, ops=tuple(reversed(kept)))


def replaced(before: Graph, after: Graph) -> set[int]:
    """Operators, by index, that read other tensors after `with_lookups` than before."""
    inputs = {op.index: op.inputs for op in before.ops}
    return {op.index for op in after.ops if inputs[op.index] != op.inputs}


def _rewritten(graph: Graph, op: Op, origins: dict[int, Origins]) -> Op:
    """The operator, as a lookup if it is one. `origins`: by tensor what was found so far, to which it adds."""
    inputs, record = graph.activations(op), op.record
    if isinstance(record, (LookupParams, RequantizeParams)):
        (source,), (table,) = inputs, record.golden([_ITSELF], Rounding.DOUBLE)
    elif isinstance(record, MulParams) and len(inputs) == 2 and record.shapes[0] == record.shapes[1]:
        first, second = ({t: _ITSELF, **origins.get(t, {})} for t in inputs)
        source = next((t for t in first if t in second), None)
        if source is None:
            return op
        factors = (of[source].astype(np.int32) for of in (first, second))
        table = record.apply(*factors, Rounding.DOUBLE)
    else:
        return op
    (y,) = op.outputs
    before = origins.get(source, {})
    origins[y] = {source: table, **{t: table[own.astype(np.int16) + 128] for t, own in before.items()}}
    return replace(op, inputs=(source,), record=_record(graph.tensor(y).size, table))


def _record(size: int, table: np.ndarray) -> LookupParams:
    """The accelerator rounds in one way, and learns nothing: other tables and slopes are of no use."""
    return looked_up(size, lambda _: table, np.zeros(256))


def lookup_notes(graph: Graph, computed: Container[int]) -> tuple[str, ...]:
    """What a build says of the operators that `with_lookups` took out; `computed`: those that are computed."""
    gone = [op for op in graph.ops if isinstance(op.record, LookupParams) and op.index not in computed]
    if not gone:
        return ()
    names = ", ".join(layer_name(op) for op in gone)
    return (f"products that read them are computed as tables of 256 bytes, so there is no tensor of {names}",)
