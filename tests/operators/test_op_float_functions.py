"""Random models of the operators whose tables are float32 arithmetic: `tests.models.random_ops` puts all builders
through what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import zero_point
from tests.operators.drawn import quantization, unary


def logistic(rng: np.random.Generator) -> bytes:
    return unary("LOGISTIC", rng, y=(1 / 256, int(rng.choice([-128, zero_point(rng)]))), version=2)


def tanh(rng: np.random.Generator) -> bytes:
    return unary("TANH", rng, y=(1 / 128, 0) if rng.random() < 0.5 else quantization(rng), version=2)


def exp(rng: np.random.Generator) -> bytes:
    return unary("EXP", rng, version=2)


def gelu(rng: np.random.Generator) -> bytes:
    return unary("GELU", rng, version=2, approximate=bool(rng.random() < 0.5))


BUILDERS = {"LOGISTIC": logistic, "TANH": tanh, "EXP": exp, "GELU": gelu}
