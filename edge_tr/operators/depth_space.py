"""DEPTH_TO_SPACE and SPACE_TO_DEPTH: tensorflow/lite/kernels/depth_to_space.cc, space_to_depth.cc.

DEPTH_TO_SPACE version 1, SPACE_TO_DEPTH 1 and 2; int8, four dimensions, any batch and block.
"""

from __future__ import annotations

from edge_tr.graph import Graph, Op, Tensor
from edge_tr.operators.checks import arity, ends, output_shape, require, require_options, shape_text
from edge_tr.operators.moves import Loop, move, strides
from edge_tr.record import Record


def prepare(graph: Graph, op: Op) -> Record:
    """Channel (i * block + j) * depth + c of one pixel is channel c of pixel (i, j) of a block, either way."""
    arity(op, (1,))
    require_options(op)
    x, y = ends(graph, op)
    block, opens = int(op.options["block_size"]), op.kind == "DEPTH_TO_SPACE"
    require(block > 0 and len(x.shape) == 4, f"block {block} of shape {shape_text(x.shape)}", "four dimensions")
    wide, deep = (y, x) if opens else (x, y)
    n, h, w, c = x.shape
    if opens:
        require(c % (block * block) == 0, f"{c} channels", f"a multiple of {block * block}")
        output_shape(y, (n, h * block, w * block, c // block // block))
    else:
        require(h % block == 0 and w % block == 0, f"{h}x{w} pixels", f"multiples of {block}")
        output_shape(y, (n, h // block, w // block, c * block * block))
    steps = _steps(deep, wide, block)
    return move(x.size, y.size, [Loop(count, *(pair if opens else pair[::-1])) for count, pair in steps])


def _steps(deep: Tensor, wide: Tensor, block: int) -> list[tuple[int, tuple[int, int]]]:
    """(count, (step in the deep tensor, step in the wide one)), in the wide tensor's order."""
    (n, h, w, _), (dn, dh, dw, _) = deep.shape, strides(deep.shape)
    depth, (wn, wh, ww, _) = wide.shape[3], strides(wide.shape)
    inside = block * depth
    return [
        (n, (dn, wn)),
        (h, (dh, block * wh)),
        (block, (inside, wh)),
        (w, (dw, block * ww)),
        (block, (depth, ww)),
        (depth, (1, 1)),
    ]


KINDS = {"DEPTH_TO_SPACE": (prepare, 1), "SPACE_TO_DEPTH": (prepare, 2)}
