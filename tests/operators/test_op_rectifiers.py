"""Random models of RELU and its like, LEAKY_RELU and ABS: `tests.models.random_ops` puts all builders through what
must agree."""

from __future__ import annotations

import functools

import numpy as np

from tests.operators.drawn import Quantization, unary


def near(rng: np.random.Generator, given: Quantization) -> Quantization:
    """An output scale up to thirty times smaller or larger, or the same."""
    factor = 1.0 if rng.random() < 0.2 else float(10 ** rng.uniform(-1.5, 1.5))
    return given[0] * factor, int(rng.integers(-128, 128))


def rectifier(rng: np.random.Generator, kind: str) -> bytes:
    return unary(kind, rng, y=functools.partial(near, rng))


def leaky_relu(rng: np.random.Generator) -> bytes:
    alpha = float(rng.choice([0.0, 0.01, 0.1, 0.2, 1.0, 3.0, rng.uniform(0, 1)]))
    return unary("LEAKY_RELU", rng, y=functools.partial(near, rng), version=2, alpha=alpha)


BUILDERS = {
    **{
        kind: functools.partial(rectifier, kind=kind)
        for kind in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ABS")
    },
    "LEAKY_RELU": leaky_relu,
    "NEG": functools.partial(unary, "NEG"),
}
