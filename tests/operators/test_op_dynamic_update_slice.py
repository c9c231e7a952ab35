"""Random models of DYNAMIC_UPDATE_SLICE: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from tests.models.typed_ops import drawn_shape
from tests.operators.typed import QUANTIZED, Typed


def update_slice(rng: np.random.Generator) -> bytes:
    """Of the input as the operand or as the update, at a start that the input says (its first values) or a constant."""
    size = drawn_shape(rng, most=6)
    dtype, rank = str(rng.choice(["int8", "int32"])), len(size)
    larger = tuple(d + int(rng.integers(3)) for d in size)
    smaller = tuple(int(rng.integers(1, d + 1)) for d in size)
    made, quantized = Typed(size), QUANTIZED if dtype == "int8" else ()
    x = made.x if dtype == "int8" else made.scaled(dtype)
    as_operand = rng.random() < 0.5
    part, whole = (smaller, size) if as_operand else (size, larger)
    other = rng.integers(-128, 128, part if as_operand else whole).astype(dtype)
    held = made.model.constant(other, *([v] for v in quantized))
    start = made.model.constant(rng.integers(-2, 6, rank).astype(np.int32))
    if rng.random() < 0.5 and np.prod(size) >= rank:
        flat = made.op("RESHAPE", [made.scaled(), _vector(made, [int(np.prod(size))])], (int(np.prod(size)),), "int32")
        start = made.op("SLICE", [flat, _vector(made, [0]), _vector(made, [rank])], (rank,), "int32")
    pair = [x, held] if as_operand else [held, x]
    return made.finish(made.op("DYNAMIC_UPDATE_SLICE", [*pair, start], whole, dtype), dtype, whole)


def _vector(made: Typed, values: list[int]) -> int:
    return made.model.constant(np.array(values, np.int32))


BUILDERS = {"DYNAMIC_UPDATE_SLICE": update_slice}


def model(part: tuple[int, ...]) -> bytes:
    made = Typed((1, 4))
    start, update = made.model.constant(np.array([0, 3], np.int32)), made.model.constant(np.full(part, 9, np.int32))
    y = made.op("DYNAMIC_UPDATE_SLICE", [made.scaled(), update, start], (1, 4), "int32")
    return made.finish(y, "int32", (1, 4))


def test_a_start_beyond_is_moved_inside():
    found = run(parse(model((1, 2))), np.array([[1, 2, 3, 4]], np.int8)).output
    np.testing.assert_array_equal(found, [[1, 2, 9, 9]])


def test_an_update_that_is_larger_is_refused():
    with pytest.raises(ModelError, match="found an update of 1x5 in 1x4"):
        parse(model((1, 5)))
