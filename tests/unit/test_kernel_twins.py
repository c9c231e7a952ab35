"""Two rows in one factor: every sum, at the ends of int8, in lanes that would overflow without a flush."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.formats import term_table
from edge_tr.kernels.twins import FLAGS, LANE_WEIGHTS, UNIT, encode_twins, interpret_twins, twins_table
from edge_tr.prepared.budget import TrSetting

SHAPES = [(1, 1), (4, 4), (7, 64), (5, 300), (3, 129), (9, 255), (2, 130)]


def weights_of(rows: int, depth: int, spread: float = 20) -> np.ndarray:
    """Ordinary rows, and where there is room one of zeros and those of the largest sums there are."""
    rng = np.random.default_rng([rows, depth])
    weights = np.clip(rng.normal(0, spread, (rows, depth)), -128, 127).astype(np.int8)
    for row, value in enumerate((0, -128, 127)[: rows - 1]):
        weights[row] = value
    return weights


@pytest.mark.parametrize(("rows", "depth"), SHAPES)
def test_every_sum_in_sixteen_bit_lanes(rows, depth):
    weights = weights_of(rows, depth)
    twins = encode_twins(weights)
    rng = np.random.default_rng(0)
    ends = [np.full(depth, -128, np.int8), np.full(depth, 127, np.int8), np.where(weights[-1] < 0, -128, 127)]
    for x in (*rng.integers(-128, 128, (3, depth), np.int8), *ends):
        np.testing.assert_array_equal(interpret_twins(twins, x.astype(np.int8)), weights.astype(np.int64) @ x)


@pytest.mark.parametrize("value", [127, -128, 64])
def test_a_unit_holds_what_a_lane_takes_and_no_more(value):
    """Elements that do not fit with others leave places empty: 128 fits once, 127 twice, 64 three times."""
    twins = encode_twins(np.full((4, 24), value, np.int8))
    assert (twins.order >= 0).sum(axis=1).max() == LANE_WEIGHTS // abs(value)
    assert sorted(twins.order[twins.order >= 0]) == list(range(24))
    x = np.full(24, -128, np.int8)
    assert interpret_twins(twins, x).tolist() == [24 * -128 * value] * 4


def test_large_and_small_weights_share_units():
    """127 and 1 in turns: in the order given units would hold 256, more than a lane does."""
    weights = np.tile(np.array([127, 127, 1, 1], np.int8), (4, 16))
    weights[:, 32:] = np.sort(weights[:, 32:])
    twins = encode_twins(weights)
    assert len(twins.order) > 64 // UNIT  # 127 + 127 + 1 + 1 is one too many
    weights[weights == 1] = 0
    assert len(encode_twins(weights).order) == 64 // UNIT


def test_light_rows_are_flushed_once_in_as_many_units_as_a_word_has_flags_for():
    depth = UNIT * FLAGS
    weights = np.ones((4, 2 * depth + 1), np.int8)
    twins = encode_twins(weights[:, :depth])
    assert (len(twins.order), twins.flushes) == (FLAGS, 1)
    assert len(twins.words) == 2 * depth + 4 + 4 * depth
    assert encode_twins(weights).flushes == 3


def test_the_table_says_where_blocks_of_four_rows_begin():
    twins = encode_twins(weights_of(9, 10, 5))
    order = 2 * UNIT * len(twins.order)
    block = 4 + 4 * UNIT * len(twins.order)
    assert twins.starts.tolist() == [order] * 4 + [order + block] * 4 + [order + 2 * block, order + 3 * block]
    table = twins_table(twins, TrSetting(), 10)
    np.testing.assert_array_equal(term_table.decode(term_table.encode(table)).words, twins.words)
