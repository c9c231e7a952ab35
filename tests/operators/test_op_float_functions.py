"""Random models of the operators whose tables are float32 arithmetic: `tests.models.random_ops` puts all builders
through what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import scale, zero_point
from tests.operators.drawn import quantization, unary


def logistic(rng: np.random.Generator) -> bytes:
    return unary("LOGISTIC", rng, y=(1 / 256, int(rng.choice([-128, zero_point(rng)]))), version=2)


def tanh(rng: np.random.Generator) -> bytes:
    return unary("TANH", rng, y=(1 / 128, 0) if rng.random() < 0.5 else quantization(rng), version=2)


def exp(rng: np.random.Generator) -> bytes:
    return unary("EXP", rng, version=2)


def gelu(rng: np.random.Generator) -> bytes:
    return unary("GELU", rng, version=2, approximate=bool(rng.random() < 0.5))


def elu(rng: np.random.Generator) -> bytes:
    return unary("ELU", rng)


def log(rng: np.random.Generator) -> bytes:
    return unary("LOG", rng, version=2)


def sqrt(rng: np.random.Generator) -> bytes:
    """A zero point of -128, so that no input is negative: the reference stops at one."""
    given = scale(rng)
    return unary("SQRT", rng, (given, -128), (float(given**0.5 * 10 ** rng.uniform(-2, 1)), zero_point(rng)), version=2)


BUILDERS = {"LOGISTIC": logistic, "TANH": tanh, "EXP": exp, "GELU": gelu, "ELU": elu, "LOG": log, "SQRT": sqrt}
