"""Random models of ADD_N: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import zero_point
from tests.operators.drawn import quantization, shape


def add_n(rng: np.random.Generator) -> bytes:
    """The inputs are the first one through rectifiers of one quantisation."""
    size, given = shape(rng), quantization(rng)
    model = ModelWriter()
    x = model.activation(size, *given)
    inputs = [x]
    for _ in range(int(rng.choice([1, 2, 3, 14]))):
        inputs.append(model.activation(size, *given))
        model.op(str(rng.choice(["RELU", "RELU6", "ABS"])), [x], [inputs[-1]])
    y = model.activation(size, given[0] * float(rng.uniform(0.3, 6)), zero_point(rng))
    model.op("ADD_N", inputs, [y])
    return model.finish([x], [y])


BUILDERS = {"ADD_N": add_n}
