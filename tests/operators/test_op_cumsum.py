"""Random models of CUMSUM: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, shape, zero_point


def cumsum(rng: np.random.Generator) -> bytes:
    """Along any axis of up to 20, where sums wrap."""
    lengths = list(shape(rng, int(rng.integers(1, 4)), 5))
    axis = int(rng.integers(len(lengths)))
    lengths[axis] = int(rng.integers(1, 21))
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x, shaped = model.activation((1, int(np.prod(lengths))), s, zero), model.activation(lengths, s, zero)
    y = model.activation(lengths, s * float(rng.uniform(0.5, 8)), zero_point(rng))
    model.op("RESHAPE", [x, model.constant(np.array(lengths, np.int32))], [shaped])
    named = np.array(axis - len(lengths) if rng.random() < 0.3 else axis, np.int32)
    options = dict(exclusive=bool(rng.random() < 0.5), reverse=bool(rng.random() < 0.5))
    model.op("CUMSUM", [shaped, model.constant(named)], [y], **options)
    return model.finish([x], [y])


BUILDERS = {"CUMSUM": cumsum}
