"""Random models of RESHAPE: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, zero_point


def reshape(rng: np.random.Generator) -> bytes:
    """With the shape as an input, as an option, with -1, or through SHAPE, STRIDED_SLICE and PACK."""
    h, w, c = (int(v) for v in rng.integers(1, 7, 3))
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x, y = model.activation((1, h, w, c), s, zero), model.activation((1, h * w * c), s, zero)
    form = int(rng.integers(4))
    if form == 0:
        model.op("RESHAPE", [x, model.constant(np.array([1, h * w * c], np.int32))], [y])
    elif form == 1:
        model.op("RESHAPE", [x], [y], new_shape=[-1, h * w * c])
    elif form == 2:
        model.op("RESHAPE", [x, model.constant(np.array([1, -1], np.int32))], [y], new_shape=[1, h * w * c])
    else:
        model.op("RESHAPE", [x, flat_shape(model, x, h * w * c)], [y])
    return model.finish([x], [y])


def flat_shape(model: ModelWriter, x: int, size: int) -> int:
    """int32 [batch of x, size], computed by operators as Keras' Flatten is converted."""
    shape = model.activation((4,), dtype="int32")
    batch = model.activation((), dtype="int32")
    both = model.activation((2,), dtype="int32")
    model.op("SHAPE", [x], [shape], out_type="int32")
    zero, one = (model.constant(np.array([v], np.int32)) for v in (0, 1))
    model.op("STRIDED_SLICE", [shape, zero, one, one], [batch], shrink_axis_mask=1)
    model.op("PACK", [batch, model.constant(np.array(size, np.int32))], [both], values_count=2)
    return both


BUILDERS = {"RESHAPE": reshape}
