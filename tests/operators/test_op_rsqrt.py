"""Random models of RSQRT: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import scale, zero_point
from tests.operators.drawn import unary


def rsqrt(rng: np.random.Generator) -> bytes:
    """A zero point of -128, so that no input is negative: the reference stops at one."""
    given = scale(rng)
    asked = float(given**-0.5 * 10 ** rng.uniform(-3, 0))
    return unary("RSQRT", rng, (given, -128), (asked, zero_point(rng)), version=2)


BUILDERS = {"RSQRT": rsqrt}
