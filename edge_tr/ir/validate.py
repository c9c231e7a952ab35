"""What must hold of a whole graph: its wiring first, then that all of it is supported."""

from __future__ import annotations

from edge_tr.errors import ModelError
from edge_tr.graph import Graph
from edge_tr.ir.verify import damaged
from edge_tr.operators import prepared


def check_indices(graph: Graph) -> None:
    """Every tensor index exists; -1 is an absent optional input."""
    count = len(graph.tensors)
    _check_indices("the graph", graph.inputs + graph.outputs, count)
    for op in graph.ops:
        where = f"operator {op.index} ({op.kind})"
        _check_indices(where, tuple(i for i in op.inputs if i != -1) + op.outputs, count)


def check_order(graph: Graph) -> None:
    """Operators come after what they read, and every tensor is written at most once."""
    known = {t.index for t in graph.tensors if t.data is not None} | set(graph.inputs)
    given = set(known)
    for op in graph.ops:
        where = f"operator {op.index} ({op.kind})"
        for i in op.inputs:
            if i != -1 and i not in known:
                raise damaged(f"{where} reads tensor {i} before anything has written it")
        if known.intersection(op.outputs):
            raise damaged(f"{where} writes a tensor that already has a value")
        known.update(op.outputs)
    for i in graph.outputs:
        if i not in known - given:
            raise damaged(f"output tensor {i} is never written")


def _check_indices(where: str, indices: tuple[int, ...], count: int) -> None:
    bad = [i for i in indices if not 0 <= i < count]
    if bad:
        raise damaged(f"{where} names tensor {bad[0]} of {count}")


def supported(graph: Graph) -> Graph:
    """The graph with every operator's record; all problems are reported together."""
    problems = _end_problems(graph, "input", graph.inputs) + _end_problems(graph, "output", graph.outputs)
    try:
        graph = prepared(graph)
    except ModelError as error:
        problems += str(error).split("\n")
    if not graph.ops:
        problems.append("the graph has no operators")
    if problems:
        raise ModelError(
            "this model uses what edge-tr does not support; convert it to full int8 without these:\n"
            + "\n".join(f"  {line}" for line in problems)
        )
    return graph


def _end_problems(graph: Graph, what: str, indices: tuple[int, ...]) -> list[str]:
    if len(indices) != 1:
        return [f"the graph: found {len(indices)} {what}s; supported: exactly 1"]
    tensor = graph.tensor(indices[0])
    if tensor.dtype != "int8" or tensor.data is not None or tensor.quantization is None:
        return [f"graph {what} '{tensor.name}': found {tensor.dtype}; supported: computed int8, quantised"]
    if what == "input" and tensor.shape[:1] != (1,):
        return [f"graph {what} '{tensor.name}': found shape {list(tensor.shape)}; supported: batch 1"]
    return []
