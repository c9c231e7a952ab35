"""Weights of four rows beside each other: where they lie in each layout."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT
from edge_tr.kernels.fours import can_be_joint, dual_fours_table, fours_table
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import reveal


def test_four_rows_lie_beside_each_other_two_elements_at_a_time():
    """Rows and elements that are not there are zeros."""
    weights = np.arange(1, 16, dtype=np.int8).reshape(5, 3)
    table = fours_table(reveal(weights, 8, None), TrSetting())
    first = [1, 4, 2, 5, 7, 10, 8, 11, 3, 6, 0, 0, 9, 12, 0, 0]
    assert table.words.tolist() == [*first, 13, 0, 14, 0, 0, 0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0]
    assert table.starts.tolist() == [0, 0, 0, 0, 16, 32]
    assert term_table.decode(term_table.encode(table)).depth == 3


@pytest.mark.parametrize("layout", [LAYOUT.FOURS_APART, LAYOUT.FOURS_JOINT])
def test_dual_words_hold_the_weights_of_windows_whose_rows_are_whole_words(layout):
    """Taken apart as the multiplications do it: the low byte is the first row's weight, what is left 256 times the
    second's."""
    weights = np.random.default_rng(1).integers(-128, 127, (6, 2 * 5), np.int8, True)
    weights[:2, :4] = [[-128, -128, 127, 127], [-127, 127, -128, 127]]
    weights[1::2] = np.maximum(weights[1::2], -127 - (weights[::2] >= 0))
    table = dual_fours_table(reveal(weights, 8, None), TrSetting(), layout, 5)
    halves = table.words.reshape(2, 2 * 8 // 2, 2, 2, 2)  # block, pair, two rows, element, byte
    if layout == LAYOUT.FOURS_JOINT:
        first, whole = halves[..., 0].astype(np.int64), halves.copy().view("<i2")[..., 0].astype(np.int64)
        rows = np.stack([first, (whole - first) >> 8], axis=-1)
    else:
        rows = halves
    by_row = rows.transpose(0, 2, 4, 1, 3).reshape(8, 2, 2, 4)  # row, window row, word of four, 0 2 1 3
    values = by_row[..., [0, 2, 1, 3]].reshape(8, 2, 8)
    np.testing.assert_array_equal(values[:6, :, :5], weights.reshape(6, 2, 5))
    assert not values[6:].any() and not values[:, :, 5:].any()
    assert term_table.layout_of(term_table.encode(table)) == layout


@pytest.mark.parametrize(
    ("rows", "cut", "joint"),
    [
        ([[-1], [-128]], False, False),
        ([[0], [-128]], False, True),
        ([[-128], [-127]], False, True),
        ([[0], [0], [-1], [-128]], False, False),
        ([[-1], [0], [-128]], False, True),
        ([[127] * 600, [127] * 516 + [3] + [0] * 83], False, True),
        ([[127] * 600, [127] * 516 + [4] + [0] * 83], False, False),
        ([[127] * 300, [-127] * 258 + [1] + [0] * 41], True, True),
        ([[127] * 300, [-127] * 258 + [-2] + [0] * 41], True, False),
    ],
)
def test_rows_are_joint_where_halfwords_and_sums_have_room(rows, cut, joint):
    """A second row's sum has 24 bits: 128 * 65,536 is one too many, as is 256 * 32,768."""
    assert can_be_joint(np.array(rows, np.int8), cut) == joint
