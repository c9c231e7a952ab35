"""Random models of MEAN: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, zero_point


def mean(rng: np.random.Generator) -> bytes:
    """Any axes, apart and the batch too, negative ones; equal or other quantisation; dims kept or not."""
    rank = int(rng.integers(2, 6))
    shape = (1, *(int(v) for v in rng.integers(1, 7, rank - 1)))
    if rng.random() < 0.5:
        first = int(rng.integers(1, rank))
        axes = np.arange(first, int(rng.integers(first, rank)) + 1, dtype=np.int32)
    else:
        axes = rng.integers(0, rank, int(rng.integers(1, rank + 1))).astype(np.int32)
    if rng.random() < 0.3:
        axes -= rank
    if rng.random() < 0.3:
        axes = axes[::-1].copy()
    keep = bool(rng.random() < 0.5)
    reduced = {int(a) % rank for a in axes}
    out = tuple(1 if i in reduced else d for i, d in enumerate(shape) if keep or i not in reduced)
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x = model.activation(shape, s, zero)
    if rng.random() < 0.3:
        y = model.activation(out, s, zero)
    else:
        y = model.activation(out, s * float(rng.uniform(0.05, 20)), zero_point(rng))
    model.op("MEAN", [x, model.constant(axes)], [y], version=2, keep_dims=keep)
    return model.finish([x], [y])


BUILDERS = {"MEAN": mean}
