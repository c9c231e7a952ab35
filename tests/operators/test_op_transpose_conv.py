"""Random models of TRANSPOSE_CONV: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import dot_tensors, scale, zero_point


def transpose_conv(rng: np.random.Generator) -> bytes:
    """Both paddings, strides above and below the window, outputs of every size that the input allows."""
    n, h, w, c, c_out = (int(v) for v in rng.integers(1, (3, 6, 6, 5, 5)))
    kernel, stride = rng.integers(1, 5, 2).tolist(), rng.integers(1, 4, 2).tolist()
    same = bool(rng.random() < 0.5)
    out = [
        int(rng.integers((size - 1) * s + 1, size * s + 1)) if same else (size - 1) * s + k + int(rng.integers(s))
        for size, k, s in zip((h, w), kernel, stride)
    ]
    model, s = ModelWriter(), scale(rng)
    x, shaped = (model.activation(shape, s, -7) for shape in ((1, n * h * w * c), (n, h, w, c)))
    model.op("RESHAPE", [x, model.constant(np.array((n, h, w, c), np.int32))], [shaped])
    weights, bias, y_scale = dot_tensors(rng, model, s, (c_out, *kernel, c), 0, bool(rng.random() < 0.5))
    y = model.activation((n, *out, c_out), y_scale, zero_point(rng))
    inputs = [model.constant(np.array((n, *out, c_out), np.int32)), weights, shaped]
    options = dict(padding="SAME" if same else "VALID", stride_h=stride[0], stride_w=stride[1])
    model.op("TRANSPOSE_CONV", inputs + ([bias] if rng.random() < 0.7 else []), [y], version=3, **options)
    return model.finish([x], [y])


BUILDERS = {"TRANSPOSE_CONV": transpose_conv}
