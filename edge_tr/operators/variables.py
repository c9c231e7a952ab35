"""READ_VARIABLE and ASSIGN_VARIABLE: tensorflow/lite/kernels/read_variable.cc and assign_variable.cc. Both copy bytes;
which state a handle names, `ir.states` has found out."""

from __future__ import annotations

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import arity, require, shape_text
from edge_tr.operators.moves import MoveParams


def prepare_read(graph: Graph, op: Op) -> MoveParams:
    """The variable's value, as it is at this place among the operators: the state's, or what was assigned before."""
    arity(op, (1,))
    return _copied(graph, op.inputs[0], op.inputs[0], op.outputs[0])


def prepare_assign(graph: Graph, op: Op) -> MoveParams:
    """The value becomes the state's."""
    require(len(op.inputs) == len(op.updates) == 1, f"{len(op.inputs)} inputs", "a variable and its value")
    return _copied(graph, op.updates[0], op.inputs[0], op.updates[0])


def _copied(graph: Graph, state: int, source: int, target: int) -> MoveParams:
    known = state in graph.states or graph.tensor(state).dtype != "resource"
    require(known, "a variable that is not known before the model runs", "VAR_HANDLE of the same graph")
    x, y = graph.tensor(source), graph.tensor(target)
    require(x.data is None, f"a constant value '{x.name}'", "a computed value")
    require(_type(x) == _type(y), f"{_type(x)} for a variable of {_type(y)}", "the variable's type and shape")
    return MoveParams(
        x.size, x.size, np.dtype(x.dtype).itemsize, None, False, (0, 0),
        counts=(x.size,), sources=(1,), targets=(1,), tabled=(-1,), offsets=np.zeros((2, 0), np.int32),
    )  # fmt: skip


def _type(tensor: Tensor) -> str:
    return f"{tensor.dtype} {shape_text(tensor.shape)}"


KINDS = {"READ_VARIABLE": (prepare_read, 1), "ASSIGN_VARIABLE": (prepare_assign, 1)}
