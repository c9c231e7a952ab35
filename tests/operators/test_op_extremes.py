"""Random models of MAXIMUM and MINIMUM: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import functools

import numpy as np

from tests.operators.drawn import quantization
from tests.operators.drawn_pairs import binary


def extreme(rng: np.random.Generator, kind: str) -> bytes:
    given = quantization(rng)
    return binary(kind, rng, given, given, given, version=2)


BUILDERS = {kind: functools.partial(extreme, kind=kind) for kind in ("MAXIMUM", "MINIMUM")}
