"""Random one-operator models of element-wise operators, shared by their test files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, zero_point

Quantization = tuple[float, int]


def shape(rng: np.random.Generator) -> tuple[int, ...]:
    """Of rank 1 to 5, batch 1."""
    return (1, *(int(v) for v in rng.integers(1, 8, int(rng.integers(0, 5)))))


def quantization(rng: np.random.Generator) -> Quantization:
    """Scale and zero point."""
    return scale(rng), zero_point(rng)


def unary(
    kind: str,
    rng: np.random.Generator,
    x: Quantization | None = None,
    y: Quantization | Callable[[Quantization], Quantization] | None = None,
    version: int = 1,
    **options: object,
) -> bytes:
    """A model of one operator of one input."""
    model, size = ModelWriter(), shape(rng)
    given = x or quantization(rng)
    asked = y(given) if callable(y) else y or quantization(rng)
    source, result = model.activation(size, *given), model.activation(size, *asked)
    model.op(kind, [source], [result], version=version, **options)
    return model.finish([source], [result])
