"""What must hold of a whole graph: its wiring first, then that all of it is supported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_tr.errors import ModelError
from edge_tr.graph import Graph
from edge_tr.ir.free import free_problems
from edge_tr.ir.problems import problems, supported_kinds
from edge_tr.ir.verify import damaged
from edge_tr.operators import prepared


def check_ends(inputs: tuple[int, ...], outputs: tuple[int, ...], count: int) -> None:
    """The ends are tensors of the graph's `count`, and each input is one of its own."""
    _check_indices("the graph", inputs + outputs, count)
    if len(set(inputs)) != len(inputs):
        raise damaged(f"the graph has one tensor for two of its inputs, {list(inputs)}")


def check_indices(graph: Graph) -> None:
    """Every tensor index exists; -1 is an absent optional input."""
    for op in graph.ops:
        where = f"operator {op.index} ({op.kind})"
        known = tuple(i for i in op.inputs if i != -1) + op.outputs + op.intermediates
        _check_indices(where, known, len(graph.tensors))


def check_order(graph: Graph) -> None:
    """Operators come after what they read, every tensor is written at most once, and states alone are updated."""
    known = {t.index for t in graph.tensors if t.data is not None} | set(graph.inputs) | set(graph.states)
    for op in graph.ops:
        where = f"operator {op.index} ({op.kind})"
        for i in op.inputs:
            if i != -1 and i not in known:
                raise damaged(f"{where} reads tensor {i} before anything has written it")
        if known.intersection(op.outputs):
            raise damaged(f"{where} writes a tensor that already has a value")
        known.update(op.outputs)
    for i in graph.outputs:
        if i not in known:
            raise damaged(f"output tensor {i} is never written")


def _check_indices(where: str, indices: tuple[int, ...], count: int) -> None:
    bad = [i for i in indices if not 0 <= i < count]
    if bad:
        raise damaged(f"{where} names tensor {bad[0]} of {count}")


def supported(main: Graph, others: Mapping[int, Graph], found: Sequence[str] = ()) -> Graph:
    """The graph with every operator's record; all problems of it and of the subgraphs `others`, which nothing can run,
    are reported together with those `found` before."""
    problems_found = [*_end_problems(main), *free_problems(main), *found]
    ready = None
    try:
        ready = prepared(main)
    except ModelError:
        problems_found += problems(main)
    for number, graph in others.items():
        problems_found += [f"subgraph {number}: {problem}" for problem in problems(graph)]
    if others:
        problems_found.append(
            f"the model has {1 + len(others)} subgraphs, supported is one beside those of CALL_ONCE: "
            "convert it without control flow"
        )
    if not main.ops:
        problems_found.append("the graph has no operators")
    if problems_found:
        raise ModelError(
            "this model uses what edge-tr does not support; convert it to full int8 without these:\n"
            + "\n".join(f"  {line}" for line in (*problems_found, *supported_kinds([main, *others.values()])))
        )
    return ready


INTEGERS = ("int8", "uint8", "int16", "int32", "int64", "bool")
QUANTIZED = ("int8", "uint8", "int16")


def _end_problems(graph: Graph) -> list[str]:
    """One line for each end that is not supported, or for a kind of ends that is missing."""
    found = []
    for what, indices in (("input", graph.inputs), ("output", graph.outputs)):
        found += [] if indices else [f"the graph: found no {what}; supported: one or more"]
        found += [problem for i in dict.fromkeys(indices) if (problem := _end_problem(graph, what, i)) is not None]
    return found


def _end_problem(graph: Graph, what: str, index: int) -> str | None:
    tensor = graph.tensor(index)
    where = f"graph {what} '{tensor.name}'"
    if index in graph.states:
        return f"{where}: found a variable; supported: a tensor of its own"
    if tensor.dtype not in INTEGERS or tensor.data is not None:
        constant = "" if tensor.data is None else " that is a constant"
        return f"{where}: found {tensor.dtype}{constant}; supported: computed {', '.join(INTEGERS)}"
    if tensor.dtype in QUANTIZED and (tensor.quantization is None or not tensor.quantization.per_tensor):
        return f"{where}: found {tensor.dtype} without a scale; supported: one scale and one zero point"
    if not tensor.size:
        return f"{where}: found shape {list(tensor.shape)}; supported: at least one element"
    return None
