"""Random models of HARD_SWISH: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import scale, zero_point
from tests.operators.drawn import unary


def hard_swish(rng: np.random.Generator) -> bytes:
    """Output scales from the smallest that the reference takes."""
    given = scale(rng)
    asked = given * float(10 ** rng.uniform(-2.1, 1.5))
    return unary("HARD_SWISH", rng, (given, zero_point(rng)), (asked, zero_point(rng)))


BUILDERS = {"HARD_SWISH": hard_swish}
