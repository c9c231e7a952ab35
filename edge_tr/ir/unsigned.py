"""uint8 tensors become int8 ones: every value and zero point 128 lower.

x - zero_point is the same then, so that all arithmetic on it is; where TFLite's uint8 kernel computes with the values
themselves, the operator's module asks `Tensor.unsigned` and follows it. Weights keep their zero point, of which the
record takes them less (`operators.dot`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_tr.graph import Graph, Quantization, Tensor
from edge_tr.operators.unsigned import OFFSET


def as_int8(graph: Graph) -> Graph:
    """The graph with every quantised uint8 tensor as int8; others stay, and are reported as unsupported later."""
    tensors = tuple(map(_as_int8, graph.tensors))
    states = {i: _less(value) if tensors[i].unsigned else value for i, value in graph.states.items()}
    return replace(graph, tensors=tensors, states=states)


def _as_int8(tensor: Tensor) -> Tensor:
    q = tensor.quantization
    if tensor.dtype != "uint8" or q is None:
        return tensor
    data = None if tensor.data is None else _less(tensor.data)
    quantization = Quantization(q.scale, q.zero_point - OFFSET, q.axis)
    return replace(tensor, dtype="int8", quantization=quantization, data=data, unsigned=True)


def _less(values: np.ndarray) -> np.ndarray:
    """Read-only int8 of uint8 values, each 128 lower."""
    result = np.asarray(values ^ np.uint8(OFFSET)).view(np.int8)
    result.flags.writeable = False
    return result


def in_file(tensor: Tensor, data: np.ndarray) -> bytes:
    """The bytes that the file has, or would have, for a constant of the graph."""
    return (data.view(np.uint8) ^ np.uint8(OFFSET)).tobytes() if tensor.unsigned else data.tobytes()
