"""What must hold of a whole graph: its wiring first, then that all of it is supported."""

from __future__ import annotations

from collections.abc import Sequence

from edge_tr.errors import ModelError
from edge_tr.graph import Graph
from edge_tr.ir.problems import problems, supported_kinds
from edge_tr.ir.verify import damaged
from edge_tr.operators import prepared


def check_indices(graph: Graph) -> None:
    """Every tensor index exists; -1 is an absent optional input."""
    count = len(graph.tensors)
    _check_indices("the graph", graph.inputs + graph.outputs, count)
    for op in graph.ops:
        where = f"operator {op.index} ({op.kind})"
        _check_indices(where, tuple(i for i in op.inputs if i != -1) + op.outputs + op.intermediates, count)


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


def supported(graphs: Sequence[Graph]) -> Graph:
    """The model's first graph with every operator's record; all problems of all graphs are reported together."""
    main, *others = graphs
    found = _end_problems(main, "input", main.inputs) + _end_problems(main, "output", main.outputs)
    ready = None
    try:
        ready = prepared(main)
    except ModelError:
        found += problems(main)
    for number, graph in enumerate(others, 1):
        found += [f"subgraph {number}: {problem}" for problem in problems(graph)]
    if others:
        found.append(f"the model has {len(graphs)} subgraphs, supported is one: convert it without control flow")
    if not main.ops:
        found.append("the graph has no operators")
    if found:
        raise ModelError(
            "this model uses what edge-tr does not support; convert it to full int8 without these:\n"
            + "\n".join(f"  {line}" for line in (*found, *supported_kinds(graphs)))
        )
    return ready


def _end_problems(graph: Graph, what: str, indices: tuple[int, ...]) -> list[str]:
    if len(indices) != 1:
        return [f"the graph: found {len(indices)} {what}s; supported: exactly 1"]
    tensor = graph.tensor(indices[0])
    where = f"graph {what} '{tensor.name}'"
    if tensor.dtype == "int8" and tensor.quantization is None:
        return [f"{where}: found int8 without a scale; supported: int8 with a scale and a zero point"]
    if tensor.dtype != "int8" or tensor.data is not None:
        constant = "" if tensor.data is None else " that is a constant"
        return [f"{where}: found {tensor.dtype}{constant}; supported: computed int8, quantised"]
    if what == "input" and tensor.shape[:1] != (1,):
        return [f"{where}: found shape {list(tensor.shape)}; supported: batch 1"]
    return []
