"""What a model uses that is not supported, said once each: how many operators, where the first is, and the cure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_tr.errors import ModelError
from edge_tr.graph import Graph, Op
from edge_tr.operators import SUPPORTED_KINDS, op_text, prepare

_CURES = {
    "CUSTOM edgetpu-custom-op": "the file was compiled for the Edge TPU: take the one from before that compiler",
    "CUSTOM ethos-u": "the file was compiled for an Ethos-U: take the one from before Vela",
    "SPACE_TO_BATCH_ND": "Keras leaves it beside dilated convolutions where the batch is free: convert with batch 1",
    "BATCH_TO_SPACE_ND": "Keras leaves it beside dilated convolutions where the batch is free: convert with batch 1",
}
_TENSORFLOW = "CUSTOM Flex"
WIDTH = 98
"""Columns of the list of operators."""


@dataclass(frozen=True)
class Problem:
    """One reason, and all operators that have it."""

    reason: str
    first: str  # the first operator, as messages name it
    count: int

    def __str__(self) -> str:
        more = "" if self.count == 1 else f" (and {self.count - 1} more like it)"
        return f"{self.first}: {self.reason}{more}"


def problems(graph: Graph) -> list[str]:
    """A line for each reason why operators have no record."""
    found: dict[tuple[str, str], list[Op]] = {}
    floats = [op for op in graph.ops if _computes_in_floats(graph, op)]
    for op in graph.ops:
        if op not in floats and (reason := _reason(graph, op)) is not None:
            found.setdefault((op.kind, reason), []).append(op)
    lines = [str(Problem(reason, op_text(graph, ops[0]), len(ops))) for (_, reason), ops in found.items()]
    return lines + ([_float_problem(graph, floats)] if floats else [])


def _computes_in_floats(graph: Graph, op: Op) -> bool:
    """Whether a tensor that it reads or writes is computed float32."""
    tensors = [graph.tensor(i) for i in (*graph.activations(op), *op.outputs)]
    return op.kind in SUPPORTED_KINDS and any(tensor.dtype == "float32" for tensor in tensors)


def _float_problem(graph: Graph, ops: Sequence[Op]) -> str:
    """One line for all of them: the ends of an island only where nothing is in between."""
    inside = [op for op in ops if op.kind not in ("QUANTIZE", "DEQUANTIZE")] or ops
    counts = Counter(op.kind for op in inside)
    kinds = ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in counts.items())
    return (
        f"float32 arithmetic: found {kinds}, the first {op_text(graph, inside[0])}; supported: element-wise float "
        "operators of one dequantised tensor and constants, up to a QUANTIZE to int8. Re-quantise these operators: "
        "convert the whole model to int8 with representative data, or leave them out behind the model's int8 output"
    )


def supported_kinds(graphs: Iterable[Graph]) -> list[str]:
    """All operators that are supported, in lines; none if every kind in the graphs is."""
    if all(op.kind in SUPPORTED_KINDS for graph in graphs for op in graph.ops):
        return []
    return textwrap.wrap(f"supported operators: {', '.join(sorted(SUPPORTED_KINDS))}", WIDTH)


def _reason(graph: Graph, op: Op) -> str | None:
    if op.kind not in SUPPORTED_KINDS:
        return f"this operator is not supported{_cure(op.kind)}"
    try:
        prepare(graph, op)
    except ModelError as error:
        return str(error).removeprefix(f"{op_text(graph, op)}: ")
    return None


def _cure(kind: str) -> str:
    if kind.startswith(_TENSORFLOW):
        return "; it is one of TensorFlow's own: convert with TFLITE_BUILTINS_INT8 alone"
    return f"; {_CURES[kind]}" if kind in _CURES else ""
