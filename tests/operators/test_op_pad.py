"""Random models of PAD, PADV2 and MIRROR_PAD: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import one_move, scale, shape, zero_point


def pad(rng: np.random.Generator) -> bytes:
    """Up to five dimensions, which is what tflite-runtime pads; batches too."""
    rank = int(rng.integers(1, 6))
    before = shape(rng, rank)
    amounts = rng.integers(0, 4, (rank, 2)).astype(rng.choice(["int32", "int64"]))
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x = model.activation((1, int(np.prod(before))), s, zero)
    shaped = model.activation(before, s, zero)
    model.op("RESHAPE", [x, model.constant(np.array(before, np.int32))], [shaped])
    y = model.activation(tuple(int(d) for d in before + amounts.sum(axis=1)), s, zero)
    paddings = model.constant(amounts)
    if rng.random() < 0.5:
        model.op("PAD", [shaped, paddings], [y], version=2)
    else:
        value = model.constant(rng.integers(-128, 128, 1).astype(np.int8), [s], [zero])
        model.op("PADV2", [shaped, paddings, value], [y], version=2)
    return _rescaled(rng, model, x, y, tuple(int(d) for d in before + amounts.sum(axis=1)), s)


def _rescaled(rng: np.random.Generator, model: ModelWriter, x: int, y: int, out: tuple[int, ...], s: float) -> bytes:
    z = model.activation(out, s * 1.3, zero_point(rng))
    model.op("QUANTIZE", [y], [z])
    return model.finish([x], [z])


def mirror_pad(rng: np.random.Generator) -> bytes:
    before, mode = shape(rng, int(rng.integers(1, 5))), str(rng.choice(["REFLECT", "SYMMETRIC"]))
    most = np.array(before) - (mode == "REFLECT")
    amounts = rng.integers(0, most[:, None] + 1, (len(before), 2)).astype(rng.choice(["int32", "int64"]))
    out = tuple(int(d) for d in before + amounts.sum(axis=1))
    return one_move(rng, "MIRROR_PAD", before, out, amounts, version=2, mode=mode)


BUILDERS = {"PAD": pad, "MIRROR_PAD": mirror_pad}
