"""Random models of comparisons and of what flags are for: `tests.models.random_ops` puts all builders through what must
agree. A model ends in int8, so flags choose between two tensors."""

from __future__ import annotations

import functools

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import zero_point
from tests.operators.drawn import Quantization
from tests.operators.drawn_pairs import pair

COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def below_one(rng: np.random.Generator) -> Quantization:
    """A scale that comparisons take."""
    return float(10 ** rng.uniform(-5, -0.01)), zero_point(rng)


def chosen(model: ModelWriter, rng: np.random.Generator, flag: int, shape: tuple[int, ...]) -> int:
    """One of two constants by a flag; the result."""
    a, b = (model.constant(rng.integers(-128, 128, shape[-1:]).astype(np.int8), [0.1], [0]) for _ in range(2))
    y = model.activation(shape, 0.1, 0)
    model.op("SELECT_V2", [flag, a, b], [y])
    return y


def compared(rng: np.random.Generator, kind: str) -> bytes:
    model, given = ModelWriter(), below_one(rng)
    other = given if rng.random() < 0.3 else (given[0] * float(10 ** rng.uniform(-0.5, 0)), zero_point(rng))
    x, operands, shape = pair(model, rng, given, other)
    flag = model.activation(shape, dtype="bool")
    model.op(kind, operands, [flag])
    return model.finish([x], [chosen(model, rng, flag, shape)])


def flagged(rng: np.random.Generator, kind: str) -> bytes:
    """Flags of a comparison with a constant; the second one of another comparison, or a constant."""
    model, given = ModelWriter(), below_one(rng)
    shape = (1, *(int(v) for v in rng.integers(1, 7, int(rng.integers(1, 4)))))
    x = model.activation(shape, *given)
    first, second = (_flag(model, rng, x, shape, given) for _ in range(2))
    if rng.random() < 0.4:
        sizes = [size if rng.random() < 0.5 else 1 for size in shape]
        second = model.constant(rng.random(sizes) < 0.5)
    flag = model.activation(shape, dtype="bool")
    model.op(kind, [first] if kind == "LOGICAL_NOT" else [first, second], [flag])
    return model.finish([x], [chosen(model, rng, flag, shape)])


def _flag(model: ModelWriter, rng: np.random.Generator, x: int, shape: tuple[int, ...], given: Quantization) -> int:
    flag = model.activation(shape, dtype="bool")
    limit = model.constant(rng.integers(-128, 128, shape[-1:]).astype(np.int8), [given[0]], [given[1]])
    model.op(str(rng.choice(["LESS", "GREATER_EQUAL"])), [x, limit], [flag])
    return flag


BUILDERS = {kind: functools.partial(compared, kind=kind) for kind in COMPARISONS}
BUILDERS |= {kind: functools.partial(flagged, kind=kind) for kind in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")}
