"""Random models of SUM and REDUCE_MAX, _MIN, _PROD: `tests.models.random_ops` puts all builders through it."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, shape, zero_point


def reduction(kind: str, rng: np.random.Generator) -> bytes:
    """Any axes, apart and named twice too; dims kept or not; MAX and MIN in one quantisation."""
    before = shape(rng, int(rng.integers(1, 5)), 3 if kind == "REDUCE_PROD" else 6)
    rank = len(before)
    axes = rng.integers(-rank, rank, int(rng.integers(1, rank + 1))).astype(np.int32)
    keep = bool(rng.random() < 0.5)
    reduced = {int(axis) % rank for axis in axes}
    out = tuple(1 if i in reduced else d for i, d in enumerate(before) if keep or i not in reduced)
    s, other = _scales(rng, kind, int(np.prod([before[axis] for axis in reduced])))
    model, zero = ModelWriter(), zero_point(rng)
    x, shaped = model.activation((1, int(np.prod(before))), s, zero), model.activation(before, s, zero)
    y = model.activation(out, other, zero if kind in ("REDUCE_MAX", "REDUCE_MIN") else zero_point(rng))
    model.op("RESHAPE", [x, model.constant(np.array(before, np.int32))], [shaped])
    model.op(kind, [shaped, model.constant(axes)], [y], version=2, keep_dims=keep)
    return model.finish([x], [y])


def _scales(rng: np.random.Generator, kind: str, count: int) -> tuple[float, float]:
    """Of the input and the output, so that results spread over int8; a product's within float32."""
    if kind == "REDUCE_PROD":
        s = float(rng.uniform(0.01, 0.1))
        return s, float(np.clip((s * 60) ** count / 50, 1e-30, 1e30))
    s = scale(rng)
    return s, s * float(np.sqrt(count) * rng.uniform(0.3, 3)) if kind == "SUM" else s


BUILDERS = {kind: functools.partial(reduction, kind) for kind in ("SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")}


@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN"])
def test_extremes_in_another_quantisation_are_refused_as_the_reference_does(kind):
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1,), 0.25)
    model.op(kind, [x, model.constant(np.array([1], np.int32))], [y], version=2, keep_dims=False)
    with pytest.raises(ModelError, match="another quantisation of the output"):
        parse(model.finish([x], [y]))
