"""Random one-operator models of two operands: every way of broadcast, constants on either side."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import zero_point
from tests.operators.drawn import Quantization, quantization


def shapes(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the model's input and of the other operand, which broadcast."""
    rank = int(rng.integers(1, 7 if rng.random() < 0.2 else 5))
    whole = [1, *(int(v) for v in rng.integers(1, 7 if rank < 5 else 5, rank - 1))]
    if rng.random() < 0.3:
        return tuple(whole), tuple(whole)
    first, second = list(whole), list(whole)
    for axis in range(1, rank):
        if rng.random() < 0.4:
            (first if rng.random() < 0.4 else second)[axis] = 1
    cut = int(rng.integers(0, rank + 1)) if rng.random() < 0.5 else 0
    return tuple(first), tuple(second[min(cut, rank) :])


def values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """int8 of a constant."""
    drawn = rng.integers(-128, 128, shape) if rng.random() < 0.8 else rng.choice([-128, 127], shape)
    return np.array(drawn, np.int8)


def near(rng: np.random.Generator, given: Quantization) -> Quantization:
    """A scale up to about three times smaller or larger."""
    return given[0] * float(10 ** rng.uniform(-0.5, 0.5)), zero_point(rng)


def pair(
    model: ModelWriter,
    rng: np.random.Generator,
    given: Quantization,
    other: Quantization,
) -> tuple[int, list[int], tuple[int, ...]]:
    """(the model's input, both operands in any order, their broadcast shape); the second one is a constant, or made of
    the input, since a model has one."""
    first, second = shapes(rng)
    x = model.activation(first, *given)
    if first == second and rng.random() < 0.6:
        b = model.activation(first, *other)
        model.op("QUANTIZE", [x], [b], version=2)
    else:
        b = model.constant(values(rng, second), [other[0]], [other[1]])
    operands = [x, b] if rng.random() < 0.5 else [b, x]
    return x, operands, np.broadcast_shapes(first, second)


def binary(
    kind: str,
    rng: np.random.Generator,
    given: Quantization | None = None,
    other: Quantization | None = None,
    result: Quantization | None = None,
    version: int = 1,
    **options: object,
) -> bytes:
    """A model of one operator of two operands."""
    model = ModelWriter()
    given = given or quantization(rng)
    other = other or near(rng, given)
    x, operands, shape = pair(model, rng, given, other)
    y = model.activation(shape, *(result or near(rng, given)))
    model.op(kind, operands, [y], version=version, **options)
    return model.finish([x], [y])
