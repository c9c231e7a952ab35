"""Random models of DIV, FLOOR_DIV and FLOOR_MOD: `tests.models.random_ops` puts all builders through what must
agree."""

from __future__ import annotations

import functools

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import ACTIVATIONS, zero_point
from tests.operators import drawn_pairs
from tests.operators.drawn import Quantization, quantization
from tests.operators.drawn_pairs import near


def divided(
    kind: str,
    rng: np.random.Generator,
    given: Quantization,
    other: Quantization,
    result: Quantization,
    **options: object,
) -> bytes:
    """The divisor is never zero, where the reference stops: a constant without it, or more than it."""
    other = (other[0], min(other[1], 126))
    least = other[1] if kind == "DIV" else 0
    model, (first, second) = ModelWriter(), drawn_pairs.shapes(rng)
    x = model.activation(first, *given)
    if first == second and rng.random() < 0.6:
        raised, b = model.activation(first, *other), model.activation(first, *other)
        model.op("QUANTIZE", [x], [raised], version=2)
        above = model.constant(np.array(least + 1, np.int8), [other[0]], [other[1]])
        model.op("MAXIMUM", [raised, above], [b])
        shape = first
    else:
        divisors = drawn_pairs.values(rng, second).astype(np.int16)
        divisors[divisors == least] = least + 1
        b, shape = model.constant(divisors.astype(np.int8), [other[0]], [other[1]]), np.broadcast_shapes(first, second)
    y = model.activation(shape, *result)
    model.op(kind, [x, b], [y], **options)
    return model.finish([x], [y])


def div(rng: np.random.Generator) -> bytes:
    given, other = quantization(rng), (float(10 ** rng.uniform(-3, 0.5)), zero_point(rng))
    asked = (given[0] / other[0] * float(10 ** rng.uniform(-3, 1)), zero_point(rng))
    return divided("DIV", rng, given, other, asked, version=2, fused_activation_function=str(rng.choice(ACTIVATIONS)))


def floored(rng: np.random.Generator, kind: str) -> bytes:
    given = quantization(rng)
    return divided(kind, rng, given, near(rng, given), given)


BUILDERS = {"DIV": div} | {kind: functools.partial(floored, kind=kind) for kind in ("FLOOR_DIV", "FLOOR_MOD")}
