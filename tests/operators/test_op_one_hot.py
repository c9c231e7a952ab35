"""Random models of ONE_HOT: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from tests.models.typed_ops import drawn_shape
from tests.operators.typed import Typed


def one_hot(rng: np.random.Generator) -> bytes:
    """Indices inside and outside."""
    indices, dtype = str(rng.choice(["int32", "int64"])), str(rng.choice(["int8", "int32", "int64", "bool"]))
    size = drawn_shape(rng, int(rng.integers(1, 3)))
    made = Typed(size)
    x = made.scaled(indices)
    depth, axis = int(rng.integers(1, 9)), int(rng.choice([-1, 1, len(size)]))
    place = axis % (len(size) + 1)
    on, off = (np.array([v]) for v in rng.permutation([0, 1] if dtype == "bool" else [5, -100]))
    inputs = [x, made.model.constant(np.array(depth, np.int32))]
    for value in (on, off):
        held = value.astype(dtype).reshape(())
        inputs.append(made.model.constant(held, *(([0.5], [3]) if dtype == "int8" else ())))
    out = (*size[:place], depth, *size[place:])
    return made.finish(made.op("ONE_HOT", inputs, out, dtype, axis=axis), dtype, out)


BUILDERS = {"ONE_HOT": one_hot}


def test_what_lies_outside_is_off_everywhere():
    made = Typed((1, 3))
    values = [made.model.constant(np.array(v, np.int32)) for v in (2, 1, 0)]
    data = made.finish(made.op("ONE_HOT", [made.scaled(), *values], (1, 3, 2), "int32", axis=-1), "int32", (1, 3, 2))
    found = run(parse(data), np.array([[[-1, 1, 2]]], np.int8).reshape(1, 3)).output
    np.testing.assert_array_equal(found.reshape(3, 2), [[0, 0], [0, 1], [0, 0]])


def test_a_computed_depth_is_refused():
    made = Typed((1, 1))
    x = made.scaled()
    values = [made.model.constant(np.array(v, np.int32)) for v in (1, 0)]
    data = made.finish(made.op("ONE_HOT", [x, x, *values], (1, 1, 2), "int32", axis=-1), "int32", (1, 1, 2))
    with pytest.raises(ModelError, match="computed at run time; supported: a constant depth"):
        parse(data)
