"""Windows over batches of images, as one chain: every kind, row by row and not."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import dot_tensors, scale, window, zero_point

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")


def batched(rng: np.random.Generator, kinds: tuple[str, ...] = KINDS) -> bytes:
    """Of 2 to 4 images."""
    model, count, s = ModelWriter(), int(rng.integers(2, 5)), scale(rng)
    h, w, c = (int(v) for v in rng.integers((6, 6, 1), (10, 10, 5)))
    source = x = model.activation((count, h, w, c), s, zero_point(rng))
    for kind in kinds:
        options, kernel, out = window(rng, h, w, dilated="CONV" in kind)
        if rng.random() < 0.3:
            kernel, out = (1, 1), (h, w)
            options |= dict(stride_h=1, stride_w=1)
        inputs, depth, then = [x], c, s
        if kind.endswith("POOL_2D"):
            options |= dict(filter_height=kernel[0], filter_width=kernel[1])
        else:
            depth = c if kind.startswith("DEPTHWISE") else int(rng.integers(1, 6))
            shape, axis = ((1, *kernel, c), 3) if kind.startswith("DEPTHWISE") else ((depth, *kernel, c), 0)
            weights, bias, then = dot_tensors(rng, model, s, shape, axis, True)
            inputs += [weights, bias]
            options |= dict(depth_multiplier=1) if axis else {}
        zero = model.quantization_of(x)[1] if kind.endswith("POOL_2D") else zero_point(rng)
        y = model.activation((count, *out, depth), then, zero)
        model.op(kind, inputs, [y], version=3 if len(inputs) > 1 else 2, **options)
        x, s, (h, w), c = y, model.quantization_of(y)[0], out, depth
    return model.finish([source], [x])
