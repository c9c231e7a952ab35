"""Random models of REVERSE_V2: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.ir.tflite import parse
from tests.models.drawing import one_move, shape


def reverse(rng: np.random.Generator) -> bytes:
    """One axis, which is what tflite-runtime 2.14 takes."""
    lengths = shape(rng, int(rng.integers(1, 6)))
    axis = np.array([rng.integers(-len(lengths), len(lengths))], np.int32)
    return one_move(rng, "REVERSE_V2", lengths, lengths, axis)


BUILDERS = {"REVERSE_V2": reverse}


def reversed_along(axes: list[int]) -> bytes:
    return one_move(np.random.default_rng(0), "REVERSE_V2", (2, 3, 4), (2, 3, 4), np.array(axes, np.int32), version=4)


def test_several_axes_beside_each_other_turn_round():
    record = parse(reversed_along([2, 1])).ops[1].record
    x = np.arange(24, dtype=np.int8)
    np.testing.assert_array_equal(record.golden([x], None)[0][0], x.reshape(2, 3, 4)[:, ::-1, ::-1].ravel())


def test_axes_apart_are_refused_as_the_reference_does():
    with pytest.raises(ModelError, match="different axes beside each other"):
        parse(reversed_along([0, 2]))
