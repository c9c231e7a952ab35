"""Random models of TOPK_V2: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from tests.models.typed_ops import drawn_shape
from tests.operators.typed import Typed


def top_k(rng: np.random.Generator) -> bytes:
    """Values and places, of rows with equal values."""
    dtype, size = str(rng.choice(["int8", "int32", "int64"])), drawn_shape(rng, most=7)
    made = Typed(size)
    x = made.x if dtype == "int8" else made.scaled(dtype)
    k = int(rng.integers(1, size[-1] + 1))
    out = (*size[:-1], k)
    values = made.model.activation(out, *((0.5, 3) if dtype == "int8" else ()), dtype=dtype)
    places = made.model.activation(out, dtype="int32")
    made.model.op("TOPK_V2", [x, made.model.constant(np.array(k, np.int32))], [values, places], version=2)
    return made.model.finish([made.x], [values, places])


BUILDERS = {"TOPK_V2": top_k}


def test_of_equal_values_the_first_comes_first_and_the_least_of_a_type_comes_last():
    made = Typed((1, 5))
    values, places = (made.model.activation((1, 5), *q, dtype=t) for q, t in (((0.5, 3), "int8"), ((), "int32")))
    made.model.op("TOPK_V2", [made.x, made.model.constant(np.array(5, np.int32))], [values, places], version=2)
    found = run(parse(made.model.finish([made.x], [values, places])), np.array([[7, -128, 127, 7, 127]], np.int8))
    np.testing.assert_array_equal(found.outputs[values], [[127, 127, 7, 7, -128]])
    np.testing.assert_array_equal(found.outputs[places], [[2, 4, 0, 3, 1]])
