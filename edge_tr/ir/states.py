"""Tensors that keep their values from one inference to the next, and what they hold after a reset.

TFLite has two kinds. A variable tensor (`is_variable`) is an input that LSTM, SVDF and their like also write:
`Subgraph::ResetVariableTensors` fills it with the zero point if it is int8, else with 0. A resource variable is named
by VAR_HANDLE, copied by READ_VARIABLE and ASSIGN_VARIABLE, and set up by a subgraph that CALL_ONCE runs before the
first inference; without that it holds its value's zero point (TFLite Micro, micro_resource_variable.cc; TFLite runs no
such file). Each becomes a state of the graph, and a resource variable gets a tensor of its own behind all others;
VAR_HANDLE and CALL_ONCE are gone then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op, Tensor

UPDATES_VARIABLES = frozenset(
    {"BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN", "SVDF"}
    | {"UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"}
)
"""Operators that write the variable tensors among their inputs."""
Name = tuple[str, str]
"""A resource variable's container and name."""


@dataclass(frozen=True)
class Resolved:
    """The first graph with its states; `others` are the subgraphs that it still needs, by number; `found` says what of
    its variables is not supported."""

    graph: Graph
    others: Mapping[int, Graph]
    found: tuple[str, ...]


def reset_value(tensor: Tensor) -> np.ndarray:
    """What a variable holds at first unless something else is said."""
    zero = tensor.dtype == "int8" and tensor.quantization is not None and tensor.quantization.zero_point[0]
    return _frozen(np.full(tensor.shape, zero or 0, tensor.dtype))


def updated(op: Op, variables: Collection[int]) -> Op:
    """An operator with the variable tensors that it writes."""
    if op.kind not in UPDATES_VARIABLES:
        return op
    return replace(op, updates=tuple(i for i in op.inputs if i in variables))


def with_resources(graphs: Sequence[Graph]) -> Resolved:
    """The first of a file's graphs with its resource variables as states."""
    main, *others = graphs
    left, found, initial = dict(enumerate(others, 1)), [], {}
    for op in (op for op in main.ops if op.kind == "CALL_ONCE"):
        number = op.options.get("init_subgraph_index", 0)
        values = _assigned(left[number]) if number in left else "a subgraph that does not exist"
        if isinstance(values, str):
            found.append(f"CALL_ONCE (operator {op.index}): found {values}; supported: constants assigned to variables")
        else:
            initial |= values
            del left[number]
    return Resolved(_with_states(main, initial, found), left, tuple(found))


def _assigned(graph: Graph) -> dict[Name, np.ndarray] | str:
    """What a subgraph assigns to variables; text: what it computes beside."""
    handles, values = _handles(graph), {}
    for op in graph.ops:
        if op.kind == "VAR_HANDLE":
            continue
        if op.kind != "ASSIGN_VARIABLE" or len(op.inputs) != 2 or op.inputs[0] not in handles or op.inputs[1] < 0:
            return f"a subgraph with {op.kind}"
        value = graph.tensor(op.inputs[1]).data
        if value is None:
            return "a subgraph that computes what it assigns"
        values[handles[op.inputs[0]]] = value
    return values


def _handles(graph: Graph) -> dict[int, Name]:
    """By the tensor index of a handle."""
    named = (op for op in graph.ops if op.kind == "VAR_HANDLE" and len(op.outputs) == 1)
    return {op.outputs[0]: (op.options.get("container", ""), op.options.get("shared_name", "")) for op in named}


def _with_states(graph: Graph, initial: Mapping[Name, np.ndarray], found: list[str]) -> Graph:
    """Each variable's type is that of the first value which is read from it or assigned to it. Of several assignments
    in one inference the last one is the state's; what is read behind another one is the value that it assigned."""
    handles, tensors, states, index_of = _handles(graph), list(graph.tensors), dict(graph.states), {}
    named = [_variable(op, handles) for op in graph.ops]
    last = {name: op.index for op, name in zip(graph.ops, named) if op.kind == "ASSIGN_VARIABLE"}
    held: dict[Name, int] = {}
    ops = []
    for op, name in zip(graph.ops, named):
        if op.kind in ("VAR_HANDLE", "CALL_ONCE"):
            continue
        if name is None:
            ops.append(op)
            continue
        value = _value(op)
        if name not in index_of:
            tensor = replace(tensors[value], index=len(tensors), name=name[1], data=None)
            index_of[name] = held[name] = tensor.index
            tensors.append(tensor)
            states[tensor.index] = _initial(tensor, initial.get(name), found)
        if op.kind == "READ_VARIABLE":
            ops.append(replace(op, inputs=(held[name],)))
        elif op.index == last[name]:
            held[name] = index_of[name]
            ops.append(replace(op, inputs=(value,), updates=(held[name],)))
        else:
            held[name] = value
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops), states=states)


def _variable(op: Op, handles: Mapping[int, Name]) -> Name | None:
    """The variable that an operator reads or assigns; None: it does neither."""
    return handles.get(op.inputs[0]) if _value(op) is not None else None


def _value(op: Op) -> int | None:
    """The tensor that READ_VARIABLE or ASSIGN_VARIABLE copies; None: it is neither, or damaged."""
    if op.kind == "READ_VARIABLE" and len(op.inputs) == len(op.outputs) == 1:
        return op.outputs[0]
    if op.kind == "ASSIGN_VARIABLE" and len(op.inputs) == 2 and min(op.inputs) >= 0:
        return op.inputs[1]
    return None


def _initial(tensor: Tensor, value: np.ndarray | None, found: list[str]) -> np.ndarray:
    if value is None or (value.dtype == tensor.dtype and value.shape == tensor.shape):
        return reset_value(tensor) if value is None else value
    found.append(
        f"variable '{tensor.name}': found {value.dtype} {list(value.shape)} as its first value; "
        f"supported: its own type, {tensor.dtype} {list(tensor.shape)}"
    )
    return reset_value(tensor)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
