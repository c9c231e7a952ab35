"""Random models of MUL: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import ACTIVATIONS
from tests.operators.drawn import quantization
from tests.operators.drawn_pairs import binary, near


def mul(rng: np.random.Generator) -> bytes:
    given = quantization(rng)
    other = near(rng, given)
    asked = (given[0] * other[0] * float(10 ** rng.uniform(-1, 3)), int(rng.integers(-128, 128)))
    activation = str(rng.choice(ACTIVATIONS))
    return binary("MUL", rng, given, other, asked, version=2, fused_activation_function=activation)


BUILDERS = {"MUL": mul}
