"""Float operators between the model's inputs and the first QUANTIZE are the host's: the device's inputs are the
tensors that they are quantised to.

What is computed from inputs and constants alone, in floats or by a CAST to or from them, goes, with the QUANTIZE behind
it, if all that other operators read of it is no float any more. As at the other end (`float_ends`), a network among
them was not quantised, and stays.
"""

from __future__ import annotations

from dataclasses import replace

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.ir.float_ends import HEAVY

ENDS = frozenset({"QUANTIZE", "DEQUANTIZE"})
FLOATS = frozenset({"float16", "float32", "float64"})


def without_float_starts(graph: Graph) -> Graph:
    """The graph without its host part, which `before` lists."""
    part = _host_part(graph)
    if not part or any(op.kind in HEAVY for op in part):
        return graph
    indices, written = {op.index for op in part}, {i for op in part for i in op.outputs}
    left = tuple(op for op in graph.ops if op.index not in indices)
    read = {i for op in left for i in op.inputs}.union(graph.outputs)
    found = [i for op in part for i in op.outputs if i in read]
    if not found or any(graph.tensor(i).dtype in FLOATS for i in found):
        return graph
    gone = {i for op in part for i in op.inputs if i not in read and i not in written}
    inputs = {i: given for i, given in zip(graph.inputs, graph.file_inputs) if i not in gone}
    inputs |= {i: _as_given(graph.tensor(i)) for i in found}
    return replace(graph, ops=left, inputs=tuple(inputs), file_inputs=tuple(inputs.values()), before=part)


def _as_given(tensor: Tensor) -> Tensor:
    """As the file has it."""
    return replace(tensor, dtype="uint8", unsigned=False) if tensor.unsigned else tensor


def _host_part(graph: Graph) -> tuple[Op, ...]:
    """Float operators of nothing but inputs and constants, from the first that computes on; DEQUANTIZE of an input
    before it."""
    early, known = [], set(graph.inputs)
    for op in graph.ops:
        reads = graph.activations(op)
        if reads and not op.updates and known.issuperset(reads) and _has_floats(graph, op):
            early.append(op)
            known.update(op.outputs)
    computed: set[int] = set()  # behind an operator that computes
    for op in early:
        if op.kind not in ENDS or not computed.isdisjoint(op.inputs):
            computed.update(op.outputs)
    part: list[Op] = []
    needed: set[int] = set()
    for op in reversed(early):
        if not computed.isdisjoint(op.outputs) or not needed.isdisjoint(op.outputs):
            part.append(op)
            needed.update(op.inputs)
    return tuple(reversed(part))


def _has_floats(graph: Graph, op: Op) -> bool:
    return any(graph.tensor(i).dtype in FLOATS for i in (*graph.activations(op), *op.outputs))
