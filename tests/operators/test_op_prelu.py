"""Random models of PRELU: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, zero_point
from tests.operators.drawn import quantization
from tests.operators.drawn_pairs import near


def prelu(rng: np.random.Generator) -> bytes:
    """Alpha of the input's shape, or broadcast along any of its axes; one in four computed."""
    shape = (1, *(int(v) for v in rng.integers(1, 7, int(rng.integers(1, 4)))))
    model, given = ModelWriter(), quantization(rng)
    x, y = model.activation(shape, *given), model.activation(shape, *near(rng, given))
    if rng.random() < 0.25:
        alpha = model.activation(shape, scale(rng), zero_point(rng))
        model.op("QUANTIZE", [x], [alpha], version=2)
    else:
        sizes = [size if rng.random() < 0.6 else 1 for size in shape][int(rng.integers(0, len(shape) + 1)) :]
        alphas = rng.integers(-128, 128, sizes).astype(np.int8)
        alpha = model.constant(alphas, [float(10 ** rng.uniform(-3, 0))], [zero_point(rng)])
    model.op("PRELU", [x, alpha], [y])
    return model.finish([x], [y])


BUILDERS = {"PRELU": prelu}
