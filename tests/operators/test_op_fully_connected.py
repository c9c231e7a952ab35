"""Random models of FULLY_CONNECTED: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import ACTIVATIONS, dot_tensors, scale, zero_point


def fully_connected(rng: np.random.Generator) -> bytes:
    rows, depth, units = (int(v) for v in rng.integers(1, (5, 300, 12)))
    keep = bool(rng.random() < 0.3)
    model, x_scale = ModelWriter(), scale(rng)
    x = model.activation((1, rows, depth), x_scale, zero_point(rng))
    per_channel = not keep and rng.random() < 0.6
    weights, bias, y_scale = dot_tensors(rng, model, x_scale, (units, depth), 0, per_channel)
    y = model.activation((1, rows, units) if keep else (rows, units), y_scale, zero_point(rng))
    inputs = [[x, weights, bias], [x, weights, bias], [x, weights, -1], [x, weights]][int(rng.integers(4))]
    activation = str(rng.choice(ACTIVATIONS))
    model.op("FULLY_CONNECTED", inputs, [y], version=4, keep_num_dims=keep, fused_activation_function=activation)
    return model.finish([x], [y])


BUILDERS = {"FULLY_CONNECTED": fully_connected}
