"""PAD, PADV2 and MIRROR_PAD: tensorflow/lite/kernels/pad.cc, mirror_pad.cc, internal/reference/pad.h.

PAD and PADV2 versions 1 to 6, MIRROR_PAD 1 to 3; int8, any rank, every axis, constant amounts. Negative amounts are
refused, as the reference does, and a PADV2 whose value is not in the output's quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import (
    arity,
    constant,
    ends,
    output_shape,
    require,
    require_options,
    scale,
    shape_text,
    zero_point,
)
from edge_tr.operators.moves import Loop, move, picked, strides
from edge_tr.record import Record, Size


@dataclass(frozen=True)
class Border:
    """Pixels of one value around an image: (above, below), (left, right)."""

    rows: Size
    columns: Size
    value: int


def prepare(graph: Graph, op: Op) -> Record:
    """PAD fills with the output's zero point, PADV2 with its third input."""
    arity(op, (2,) if op.kind == "PAD" else (3,))
    x, y = ends(graph, op)
    amounts = amounts_of(graph, op, x)
    output_shape(y, tuple(d + before + after for d, (before, after) in zip(x.shape, amounts)))
    target = strides(y.shape)
    loops = [Loop(*loop) for loop in zip(x.shape, strides(x.shape), target)]
    first = sum(before * step for (before, _), step in zip(amounts, target))
    value = zero_point(y) if op.kind == "PAD" else _value(graph, op, y)
    return move(x.size, y.size, loops, first=(0, first), filling=value, steady=amounts[-1:] == [(0, 0)])


def amounts_of(graph: Graph, op: Op, x: Tensor) -> list[tuple[int, int]]:
    """Elements before and after, by axis."""
    data = constant(graph, op.inputs[1], "paddings", ("int32", "int64")).data
    rank = len(x.shape)
    require(data.shape == (rank, 2), f"paddings of shape {shape_text(data.shape)}", f"{rank}x2")
    require(data.min(initial=0) >= 0, "negative paddings", "0 and more")
    return [(int(before), int(after)) for before, after in data]


def border(graph: Graph, op: Op) -> Border | None:
    """Of a PAD or PADV2 of images, at their edges; None of any other operator."""
    if op.kind not in ("PAD", "PADV2"):
        return None
    x, y = graph.tensor(op.inputs[0]), graph.tensor(op.outputs[0])
    amounts = amounts_of(graph, op, x)
    if y.quantization is None or len(amounts) != 4 or amounts[0] != (0, 0) or amounts[3] != (0, 0):
        return None
    value = zero_point(y) if op.kind == "PAD" else int(graph.tensor(op.inputs[2]).data.reshape(-1)[0])
    return Border(amounts[1], amounts[2], value)


def _value(graph: Graph, op: Op, y: Tensor) -> int:
    value = constant(graph, op.inputs[2], "value", ("int8",))
    q = value.quantization
    require(value.size == 1, f"values of shape {shape_text(value.shape)}", "one value")
    require(
        q is not None and q.per_tensor and scale(value) == scale(y) and zero_point(value) == zero_point(y),
        "a value of another quantisation than the output",
        "the same",
    )
    return int(value.data.reshape(-1)[0])


def prepare_mirror(graph: Graph, op: Op) -> Record:
    """SYMMETRIC repeats the border, REFLECT does not."""
    arity(op, (2,))
    x, y = ends(graph, op)
    amounts = amounts_of(graph, op, x)
    output_shape(y, tuple(d + before + after for d, (before, after) in zip(x.shape, amounts)))
    return mirrored(op, x, y, amounts)


def mirrored(op: Op, x: Tensor, y: Tensor, amounts: list[tuple[int, int]]) -> Record:
    """The record of MIRROR_PAD, of any type."""
    require_options(op)
    mode = op.options["mode"]
    require(mode in ("REFLECT", "SYMMETRIC"), f"mode {mode}", "REFLECT or SYMMETRIC")
    shift = int(mode == "REFLECT")
    most = [length - shift for length in x.shape]
    fits = all(max(amount) <= limit for amount, limit in zip(amounts, most))
    require(fits, f"paddings {amounts}", f"up to {most} by axis")
    indices = [_mirrored(length, *amount, shift) for length, amount in zip(x.shape, amounts)]
    return move(x.size, y.size, picked(x.shape, indices), steady=amounts[-1:] == [(0, 0)], item=x.item_bytes)


def _mirrored(length: int, before: int, after: int, shift: int) -> np.ndarray:
    """Indices along one axis; those of the border itself are `shift` further in."""
    inner = np.arange(length)
    return np.concatenate([inner[shift : shift + before][::-1], inner, inner[::-1][shift : shift + after]])


KINDS = {"PAD": (prepare, 6), "PADV2": (prepare, 6), "MIRROR_PAD": (prepare_mirror, 3)}
