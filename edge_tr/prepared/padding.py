"""A PAD in front of windows that can begin outside the image costs nothing: they count the same value there.

The padded image is then no tensor of the device. Golden and the interpreter compute the model as it is, so a check of
whoever reads the padded image checks the padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edge_tr.graph import Graph, Op, Tensor, layer_name
from edge_tr.operators import prepare
from edge_tr.operators.checks import EXPLICIT
from edge_tr.operators.pad import Border, border
from edge_tr.record import Size


def without_pads(graph: Graph) -> Graph:
    """The graph with padding as its readers' where all of them can have it, to the same values of every other tensor.

    A convolution counts the zero point outside its image, a maximum the least value; other values stay a PAD.
    """
    ops = {op.index: op for op in graph.ops}
    readers: dict[int, list[int]] = {}
    for op in graph.ops:
        for tensor in op.inputs:
            readers.setdefault(tensor, []).append(op.index)
    for op in reversed(graph.ops):  # of two PADs, the one that is read by a window first
        found = _border(graph, op)
        if found is None:
            continue
        source, padded = op.inputs[0], op.outputs[0]
        windows = [_padded(graph, ops[index], found, source) for index in readers.get(padded, ())]
        if windows and all(windows):
            ops |= {window.index: window for window in windows}
            del ops[op.index]
            readers[source] = [i for i in readers[source] if i != op.index] + readers.pop(padded)
    return replace(graph, ops=tuple(ops[op.index] for op in graph.ops if op.index in ops))


def folded_pads(before: Graph, after: Graph) -> list[Op]:
    """The PADs that `without_pads` took out."""
    left = {op.index for op in after.ops}
    return [op for op in before.ops if op.index not in left and border(before, op) is not None]


def pad_notes(before: Graph, after: Graph) -> tuple[str, ...]:
    """What a build says of them: that their tensors are not on the device."""
    names = [layer_name(op) for op in folded_pads(before, after)]
    if not names:
        return ()
    return (f"padding is done by the layers that read it, so there is no tensor of {', '.join(names)}",)


def _border(graph: Graph, op: Op) -> Border | None:
    """What a PAD puts around an image that lasts until its readers run, and that only they read."""
    if op.outputs and op.outputs[0] in graph.outputs:
        return None
    found = border(graph, op)
    is_state = found is not None and op.inputs[0] in graph.states
    return None if is_state or (found and not _alike(*map(graph.tensor, (op.inputs[0], op.outputs[0])))) else found


def _alike(a: Tensor, b: Tensor) -> bool:
    """Whether the same bytes mean the same."""
    p, q = a.quantization, b.quantization
    if p is None or q is None or a.unsigned != b.unsigned:
        return False
    return bool(p.per_tensor and q.per_tensor and p.scale[0] == q.scale[0] and p.zero_point[0] == q.zero_point[0])


def _padded(graph: Graph, op: Op, around: Border, source: int) -> Op | None:
    """A reader of a padded image that reads the image `source` instead; None: it counts no such value outside."""
    if op.record.outside() != around.value or list(op.inputs[1:]).count(op.inputs[0]):
        return None
    p = op.record
    sizes = zip(p.input_shape, p.output_shape, p.kernel, p.stride, _dilation(op.options), p.pad, strict=False)
    pads = []
    for (size, out, kernel, stride, dilation, before), (first, last) in zip(sizes, (around.rows, around.columns)):
        extent = (kernel - 1) * dilation + 1
        after = max((out - 1) * stride + extent - size - before, 0)
        pads.append((first + before, last + after))
        if max(pads[-1]) >= extent:  # a window that is all outside
            return None
    inputs, options = (source, *op.inputs[1:]), {**op.options, "padding": EXPLICIT, "pads": tuple(pads)}
    moved = replace(op, inputs=inputs, options=options)
    return replace(moved, record=prepare(graph, moved))


def _dilation(options: Mapping[str, object]) -> Size:
    """Rows and columns from one tap of a window to the next."""
    return int(options.get("dilation_h_factor", 1)), int(options.get("dilation_w_factor", 1))
