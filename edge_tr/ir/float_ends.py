"""Float operators between the last DEQUANTIZE and the model's outputs are the host's: the device's outputs are the
int8 tensors that are dequantised.

What is computed from a dequantised tensor, and read by nothing else than such operators, goes; not what is quantised
again. Where dot products are among them, the model was not quantised as a whole: then all stay, and are reported as
unsupported later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_tr.graph import Graph, Op, Tensor

HEAVY = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL", "CONV_3D", "SVDF"}
    | {"UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN", "WHILE", "IF"}
)
"""Operators that a host part may not have."""


def without_float_ends(graph: Graph) -> Graph:
    """The graph without its host part, whose operators `host` names."""
    part = _host_part(graph)
    if not any(op.kind not in ("QUANTIZE", "DEQUANTIZE") for op in part) or any(op.kind in HEAVY for op in part):
        return graph
    written = {i for op in part for i in op.outputs}
    outputs: dict[int, Tensor] = {}
    for index, given in zip(graph.outputs, graph.file_outputs, strict=True):
        inner = _sources(graph, part, index) if index in written else []
        outputs |= {i: graph.tensor(i) for i in inner} if inner else {index: given}
    indices = {op.index for op in part}
    left = tuple(op for op in graph.ops if op.index not in indices)
    host = tuple(op.kind for op in part if op.kind != "DEQUANTIZE")
    return replace(graph, ops=left, outputs=tuple(outputs), file_outputs=tuple(outputs.values()), host=host)


def host_notes(graph: Graph) -> tuple[str, ...]:
    """What a build leaves to the host, a line for each end."""
    ends = {
        "before the device's inputs": [op.kind for op in graph.before],
        "behind the device's outputs": graph.host,
    }
    return tuple(
        f"left to the host, in float32 {where}: {', '.join(dict.fromkeys(kinds))}"
        for where, kinds in ends.items()
        if kinds
    )


def _host_part(graph: Graph) -> list[Op]:
    """Operators behind a DEQUANTIZE of a computed tensor, it included, whose results no other operator reads."""
    tainted: set[int] = set()
    read: set[int] = set()  # by operators that stay
    behind = []
    for op in graph.ops:
        starts = op.kind == "DEQUANTIZE" and graph.activations(op)
        if (starts or tainted.intersection(op.inputs)) and not op.updates:
            tainted.update(() if op.kind == "QUANTIZE" else op.outputs)
            behind.append(op)
        else:
            read.update(op.inputs)
    read.update(i for op in behind if op.kind == "QUANTIZE" for i in op.outputs)
    part: list[Op] = []
    for op in reversed(behind):
        if read.isdisjoint(op.outputs):
            part.append(op)
        else:
            read.update(op.inputs)
    return part[::-1]


def _sources(graph: Graph, part: Sequence[Op], index: int) -> list[int]:
    """Computed tensors of the device that an output of the host's part is made of, in the order of its operators."""
    wanted, written = {index}, {i for op in part for i in op.outputs}
    needed = []
    for op in reversed(part):
        if not wanted.isdisjoint(op.outputs):
            wanted.update(op.inputs)
            needed.append(op)
    ends = written.union(graph.inputs, graph.states)
    return list(dict.fromkeys(i for op in reversed(needed) for i in graph.activations(op) if i not in ends))
