"""Random models of SUB, and of ADD with constants and broadcast: `tests.models.random_ops` puts all builders through
what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import ACTIVATIONS
from tests.operators.drawn import quantization
from tests.operators.drawn_pairs import binary


def summed(rng: np.random.Generator, kind: str) -> bytes:
    given = quantization(rng)
    asked = (given[0] * float(rng.uniform(0.3, 6)), int(rng.integers(-128, 128)))
    activation = str(rng.choice(ACTIVATIONS))
    return binary(kind, rng, given, result=asked, version=2, fused_activation_function=activation)


def sub(rng: np.random.Generator) -> bytes:
    return summed(rng, "SUB")


BUILDERS = {"SUB": sub}
