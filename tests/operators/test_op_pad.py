"""Random models of PAD: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, zero_point


def pad(rng: np.random.Generator) -> bytes:
    rank = int(rng.integers(2, 5))
    shape = (1, *(int(v) for v in rng.integers(1, 7, rank - 1)))
    amounts = np.zeros((rank, 2), np.int32)
    amounts[1:] = rng.integers(0, 4, (rank - 1, 2))
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x = model.activation(shape, s, zero)
    y = model.activation(tuple(int(d) for d in shape + amounts.sum(axis=1)), s, zero)
    paddings = model.constant(amounts.astype(rng.choice(["int32", "int64"])))
    if rng.random() < 0.5:
        model.op("PAD", [x, paddings], [y], version=2)
    else:
        value = model.constant(rng.integers(-128, 128, 1).astype(np.int8), [s], [zero])
        model.op("PADV2", [x, paddings, value], [y], version=2)
    return model.finish([x], [y])


BUILDERS = {"PAD": pad}
