"""Outputs that are their inputs' bytes (RESHAPE), and so need neither memory nor a layer."""

from __future__ import annotations

from edge_tr.graph import Graph


def aliases_of(graph: Graph) -> dict[int, int]:
    """Each of them -> the tensor whose bytes it is. What is read of a state before an update and used after it, or is
    an output of the graph, is no alias: it needs a copy."""
    aliases: dict[int, int] = {}
    for at, op in enumerate(graph.ops):
        if op.record.same_bytes:
            source = graph.activations(op)[0]
            root, output = aliases.get(source, source), op.outputs[0]
            if root not in graph.states or not _changes(graph, root, at, _last_use(graph, output)):
                aliases[output] = root
    return aliases


def _changes(graph: Graph, state: int, after: int, last: int) -> bool:
    """Whether an operator behind position `after`, up to `last`, updates the state."""
    return any(state in op.updates for op in graph.ops[after + 1 : last + 1])


def _last_use(graph: Graph, tensor: int) -> int:
    """The last position of an operator that reads the tensor or what is its bytes; behind all if it is an output."""
    if tensor in graph.outputs:
        return len(graph.ops)
    uses = [0]
    for at, op in enumerate(graph.ops):
        if tensor in op.inputs:
            uses.append(max(at, _last_use(graph, op.outputs[0])) if op.record.same_bytes else at)
    return max(uses)
