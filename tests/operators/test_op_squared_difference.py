"""Random models of SQUARED_DIFFERENCE: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import zero_point
from tests.operators.drawn import quantization
from tests.operators.drawn_pairs import binary, near


def squared_difference(rng: np.random.Generator) -> bytes:
    given = quantization(rng)
    other = near(rng, given)
    asked = (max(given[0], other[0]) ** 2 * float(10 ** rng.uniform(-3, 3)), zero_point(rng))
    return binary("SQUARED_DIFFERENCE", rng, given, other, asked, version=2)


BUILDERS = {"SQUARED_DIFFERENCE": squared_difference}
