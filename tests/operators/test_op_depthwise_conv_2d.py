"""Random models of DEPTHWISE_CONV_2D: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import dot_tensors, scale, window, zero_point


def depthwise(rng: np.random.Generator) -> bytes:
    h, w, c_in, multiplier = (int(v) for v in rng.integers(1, (10, 10, 9, 5)))
    options, kernel, out = window(rng, h, w, dilated=True)
    model, x_scale, c_out = ModelWriter(), scale(rng), c_in * multiplier
    x = model.activation((1, h, w, c_in), x_scale, zero_point(rng))
    shape = (1, *kernel, c_out)
    weights, bias, y_scale = dot_tensors(rng, model, x_scale, shape, 3, rng.random() < 0.6)
    y = model.activation((1, *out, c_out), y_scale, zero_point(rng))
    inputs = [x, weights] if rng.random() < 0.1 else [x, weights, bias]
    model.op("DEPTHWISE_CONV_2D", inputs, [y], version=3, depth_multiplier=multiplier, **options)
    return model.finish([x], [y])


BUILDERS = {"DEPTHWISE_CONV_2D": depthwise}
