"""Random models of QUANTIZE: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, zero_point


def quantize(rng: np.random.Generator) -> bytes:
    shape = (1, *(int(v) for v in rng.integers(1, 9, 3)))
    model, s = ModelWriter(), scale(rng)
    x = model.activation(shape, s, zero_point(rng))
    y = model.activation(shape, s * float(10 ** rng.uniform(-1.5, 1.5)), zero_point(rng))
    model.op("QUANTIZE", [x], [y], version=2)
    return model.finish([x], [y])


BUILDERS = {"QUANTIZE": quantize}
