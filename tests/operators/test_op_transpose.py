"""Random models of TRANSPOSE: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.tflite import parse
from edge_tr.operators import MoveParams, ReshapeParams
from tests.models.drawing import one_move, shape


def transpose(rng: np.random.Generator) -> bytes:
    rank = int(rng.integers(1, 7))
    lengths, order = shape(rng, rank), rng.permutation(rank)
    out = tuple(lengths[axis] for axis in order)
    return one_move(rng, "TRANSPOSE", lengths, out, order.astype(np.int32))


BUILDERS = {"TRANSPOSE": transpose}


def record_of(lengths: tuple[int, ...], order: list[int]) -> object:
    out = tuple(lengths[axis] for axis in order)
    data = one_move(np.random.default_rng(0), "TRANSPOSE", lengths, out, np.array(order, np.int32))
    return parse(data).ops[1].record


def test_axes_of_length_one_move_for_nothing():
    assert isinstance(record_of((1, 5, 1, 7), [0, 2, 1, 3]), ReshapeParams)
    assert isinstance(record_of((1, 5, 2, 7), [0, 2, 1, 3]), MoveParams)


def test_axes_that_stay_beside_each_other_are_one_loop():
    record = record_of((2, 3, 4, 5, 6), [3, 4, 0, 1, 2])
    assert record.counts == (30, 24)
