"""Random models of CONV_2D: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import dot_tensors, scale, window, zero_point


def conv(rng: np.random.Generator) -> bytes:
    h, w, c_in, c_out = (int(v) for v in rng.integers(1, (10, 10, 9, 9)))
    options, kernel, out = window(rng, h, w, dilated=True)
    model, x_scale = ModelWriter(), scale(rng)
    x = model.activation((1, h, w, c_in), x_scale, zero_point(rng))
    shape = (c_out, *kernel, c_in)
    weights, bias, y_scale = dot_tensors(rng, model, x_scale, shape, 0, rng.random() < 0.6)
    y = model.activation((1, *out, c_out), y_scale, zero_point(rng))
    model.op("CONV_2D", [x, weights, bias], [y], version=3, **options)
    return model.finish([x], [y])


BUILDERS = {"CONV_2D": conv}
