"""Dimensions of inputs that a file leaves open: a batch is built as 1, which is said; any other must be given."""

from __future__ import annotations

from collections.abc import Sequence

from edge_tr.graph import Graph, Tensor


def free_notes(graph: Graph) -> tuple[str, ...]:
    """What a build makes of the inputs' free dimensions, a line each."""
    return tuple(f"{_what(tensor, axes)}: built with {_lengths(tensor, axes)}" for tensor, axes in _free(graph))


def free_problems(graph: Graph) -> list[str]:
    """Free dimensions whose length nobody knows: those but the batch that the file gives no length above 1 instead."""
    found = []
    for tensor, axes in _free(graph):
        unknown = [axis for axis in axes if axis and tensor.shape[axis] <= 1]
        if unknown:
            signature = [-1 if axis in tensor.free else length for axis, length in enumerate(tensor.shape)]
            found.append(
                f"{_what(tensor, unknown)}: found the shape {signature}; supported: a free batch; "
                "convert with the input's height, width or length given"
            )
    return found


def _free(graph: Graph) -> list[tuple[Tensor, tuple[int, ...]]]:
    return [(tensor, tensor.free) for tensor in graph.file_inputs if tensor.free]


def _what(tensor: Tensor, axes: Sequence[int]) -> str:
    if list(axes) == [0]:
        return f"the batch of input '{tensor.name}' is free"
    plural = "s" if len(axes) > 1 else ""
    named = " and ".join(str(axis) for axis in axes)
    return f"dimension{plural} {named} of input '{tensor.name}' {'are' if plural else 'is'} free"


def _lengths(tensor: Tensor, axes: Sequence[int]) -> str:
    return " and ".join(str(tensor.shape[axis]) for axis in axes)
