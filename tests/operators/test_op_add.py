"""Random models of ADD: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import ACTIVATIONS, scale, zero_point
from tests.operators.test_op_sums import summed


def add(rng: np.random.Generator) -> bytes:
    """One time in two with a constant or with broadcast."""
    return equal_shapes(rng) if rng.random() < 0.5 else summed(rng, "ADD")


def equal_shapes(rng: np.random.Generator) -> bytes:
    """The second input is the first one rescaled, since a model has one input."""
    shape = (1, *(int(v) for v in rng.integers(1, 8, int(rng.integers(1, 4)))))
    model, s = ModelWriter(), scale(rng)
    x = model.activation(shape, s, zero_point(rng))
    other = model.activation(shape, s * float(rng.uniform(0.3, 3)), zero_point(rng))
    model.op("QUANTIZE", [x], [other])
    inputs = [x, other] if rng.random() < 0.5 else [other, x]
    y = model.activation(shape, s * float(rng.uniform(0.3, 6)), zero_point(rng))
    model.op("ADD", inputs, [y], version=2, fused_activation_function=str(rng.choice(ACTIVATIONS)))
    return model.finish([x], [y])


BUILDERS = {"ADD": add}
