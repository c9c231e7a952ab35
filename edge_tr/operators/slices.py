"""SLICE and STRIDED_SLICE: tensorflow/lite/kernels/slice.cc, strided_slice.cc, reference/strided_slice.h.

SLICE versions 1 to 8, STRIDED_SLICE 1 to 4; any type, constant bounds, any rank. Every mask of STRIDED_SLICE counts:
begin, end, ellipsis, new axis, shrink axis. Refused are bounds that are computed, ends as offsets (`offset`), an index
to shrink by that lies outside (the reference reads beyond the tensor), and results without elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.graph import Graph, Op
from edge_tr.operators.checks import arity, integers, moved, output_shape, require, require_options
from edge_tr.operators.moves import move, picked
from edge_tr.record import Record


def prepare_slice(graph: Graph, op: Op) -> Record:
    """A size of -1 reaches to the end."""
    arity(op, (3,))
    x, y = moved(graph, op)
    begin, size = (integers(graph, index, what) for index, what in zip(op.inputs[1:], ("begin", "size")))
    require(len(begin) == len(size) == len(x.shape), f"{len(begin)} bounds", f"{len(x.shape)}")
    sizes = [length - first if count == -1 else count for length, first, count in zip(x.shape, begin, size)]
    inside = all(
        first >= 0 and count > 0 and first + count <= length for first, count, length in zip(begin, sizes, x.shape)
    )
    require(inside, f"begin {begin} and size {size}", "a part of the input")
    output_shape(y, tuple(sizes))
    indices = [np.arange(first, first + count) for first, count in zip(begin, sizes)]
    return move(
        x.size, y.size, picked(x.shape, indices), steady=size[-1:] == [-1] and begin[-1] == 0, item=x.item_bytes
    )


@dataclass(frozen=True)
class _Axis:
    """One axis of the input with those that a new axis mask adds: the indices taken; `kept`: of the output too;
    `whole`: all of them whatever its length."""

    length: int
    indices: np.ndarray
    kept: bool = True
    whole: bool = False


def prepare_strided_slice(graph: Graph, op: Op) -> Record:
    """See `BuildStridedSliceParams` of the reference."""
    arity(op, (4,))
    require_options(op)
    require(not op.options.get("offset", False), "ends that are offsets", "ends that are indices")
    x, y = moved(graph, op)
    bounds = [
        integers(graph, index, what, ("int32",)) for index, what in zip(op.inputs[1:], ("begin", "end", "strides"))
    ]
    require(len({len(bound) for bound in bounds}) == 1, "bounds of different lengths", "equal lengths")
    require(0 not in bounds[2], "a stride of 0", "other strides")
    axes = _axes(op, x.shape, bounds)
    output_shape(y, tuple(len(axis.indices) for axis in axes if axis.kept))
    loops = picked([axis.length for axis in axes], [axis.indices for axis in axes])
    return move(x.size, y.size, loops, steady=bool(axes) and axes[-1].whole, item=x.item_bytes)


def _axes(op: Op, shape: Sequence[int], bounds: Sequence[Sequence[int]]) -> list[_Axis]:
    masks = {name: int(op.options[f"{name}_mask"]) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    count = len(bounds[0])
    require(masks["ellipsis"].bit_count() <= 1, "several ellipses", "one")

    def has(name: str, at: int) -> bool:
        return bool(masks[name] >> at & 1)

    added = sum(has("new_axis", at) and not has("ellipsis", at) for at in range(count))
    total = len(shape) + added
    lengths, axes, at = iter(shape), [], 0
    while len(axes) < total:
        if at < count and has("ellipsis", at):
            end = max(len(axes) + 1, min(len(axes) + 1 + total - count, total))
            axes += [_whole(next(lengths)) for _ in range(end - len(axes))]
        elif at < count and has("new_axis", at):
            axes.append(_Axis(1, np.zeros(1, np.int64)))
        elif at >= count:
            axes.append(_whole(next(lengths)))
        else:
            own = (bound[at] for bound in bounds)
            axes.append(_sliced(next(lengths), *own, has("begin", at), has("end", at), has("shrink_axis", at)))
        at += 1
    return axes


def _whole(length: int) -> _Axis:
    return _Axis(length, np.arange(length), whole=True)


def _sliced(length: int, begin: int, end: int, step: int, open_begin: bool, open_end: bool, shrinks: bool) -> _Axis:
    """Python's slices clamp as the reference does."""
    if not shrinks:
        part = slice(None if open_begin else begin, None if open_end else end, step)
        return _Axis(length, np.arange(length)[part], whole=open_begin and open_end and step == 1)
    first = 0 if open_begin else begin
    require(step > 0 and -length <= first < length, f"index {first} of {length}", "one inside")
    return _Axis(length, np.array([first % length]), kept=False)


KINDS = {"SLICE": (prepare_slice, 8), "STRIDED_SLICE": (prepare_strided_slice, 4)}
