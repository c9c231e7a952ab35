"""Byte lists of terms: every sum, at the ends of int8, in lanes that would overflow without a flush."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.formats.term_table import LIST_RUN
from edge_tr.kernels.lists import BLOCK, encode_lists, interpret_lists
from edge_tr.tr.reveal import reveal

SHAPES = [(1, 1), (7, 64), (4, 300), (3, 900), (9, 255), (2, 257)]


def weights_of(rows: int, depth: int) -> np.ndarray:
    """Ordinary rows, and where there is room one of zeros and those of the largest sums there are."""
    rng = np.random.default_rng([rows, depth])
    weights = np.clip(rng.normal(0, 40, (rows, depth)), -128, 127).astype(np.int8)
    for row, value in enumerate((0, -128, 127, 85)[: rows - 1]):
        weights[row] = value
    return weights


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("largest", [128, 256])
@pytest.mark.parametrize(("rows", "depth"), SHAPES)
def test_lists_compute_every_sum_in_sixteen_bit_lanes(rows, depth, largest, times):
    """`times` 2: of nine bits, with terms of 2^8."""
    weights = weights_of(rows, depth)
    weights = weights if times == 1 else (2 * weights.astype(np.int16) + (weights < 0)).astype(np.int16)
    lists = encode_lists(reveal(weights, 8, None).term_arrays(), rows, largest)
    rng = np.random.default_rng(0)
    ends = [np.full((depth, 2), -largest), np.full((depth, 2), largest - 1)]
    for x in (rng.integers(-largest, largest, (depth, 8)), *ends):
        for row in range(rows):
            np.testing.assert_array_equal(interpret_lists(lists, row, x), weights[row].astype(np.int64) @ x)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("rows", "depth"), SHAPES)
def test_lists_for_one_pixel_are_flushed_once(rows, depth, times):
    weights = weights_of(rows, depth)
    weights = weights if times == 1 else (2 * weights.astype(np.int16) + (weights < 0)).astype(np.int16)
    terms = reveal(weights, 8, None).term_arrays()
    lists = encode_lists(terms, rows, None)
    assert lists.flushes == rows
    assert lists.terms >= len(terms.row)
    x = np.random.default_rng(1).integers(-128, 128, (depth, 1))
    for row in range(rows):
        np.testing.assert_array_equal(interpret_lists(lists, row, x), weights[row].astype(np.int64) @ x)
    assert len(lists.words) == lists.terms + LIST_RUN.size * lists.runs == lists.starts[-1]


def test_a_few_terms_get_no_run_of_their_own_for_one_pixel():
    weights = np.full((1, 64), 3, np.int8)  # 4 - 1 or 2 + 1
    weights[0, :5] = 64
    terms = reveal(weights, 8, None).term_arrays()
    assert encode_lists(terms, 1, None).runs == encode_lists(terms, 1, 256).runs  # nothing below 64 to join
    weights[0, 5:20] = 32
    terms = reveal(weights, 8, None).term_arrays()
    lists = encode_lists(terms, 1, None)
    assert lists.terms == len(terms.row) + 5
    assert interpret_lists(lists, 0, np.ones((64, 1), np.int64)).tolist() == [weights.astype(int).sum()]


def test_flushes_are_few():
    """64 ordinary weights of 2.5 terms: a handful, not one an exponent and sign."""
    lists = encode_lists(reveal(weights_of(20, 64), 8, None).term_arrays(), 20, 128)
    assert lists.flushes < 4 * 20


def test_a_run_never_names_more_than_its_counts_can_say():
    lists = encode_lists(reveal(np.full((1, 3 * BLOCK), 64, np.int8), 8, None).term_arrays(), 1, None)
    heads, at = [], 0
    while at < len(lists.words):
        heads.append(LIST_RUN.unpack(lists.words[at : at + LIST_RUN.size].tobytes()))
        at += LIST_RUN.size + heads[-1]["added"] + heads[-1]["subtracted"]
    assert sum(head["added"] for head in heads) == 3 * BLOCK
    assert [head["last"] for head in heads] == [0] * (len(heads) - 1) + [1]
