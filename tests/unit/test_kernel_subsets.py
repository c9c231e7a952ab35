"""Bit planes that name sums: every sum, at the ends of int8, and as few planes as the weights need."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.formats import term_table
from edge_tr.kernels.subsets import (
    BLOCK,
    ELEMENTS,
    INPUT_OFFSET,
    ROWS,
    encode_subsets,
    interpret_subsets,
    subsets_table,
)
from edge_tr.prepared.budget import TrSetting

SHAPES = [(1, 1), (4, 16), (7, 64), (5, 301), (ROWS + 1, 17), (2 * ROWS, 15)]


def weights_of(rows: int, depth: int) -> np.ndarray:
    """Ordinary rows, and where there is room one of zeros and those of the largest sums there are."""
    rng = np.random.default_rng([rows, depth])
    weights = np.clip(rng.normal(0, 30, (rows, depth)), -128, 127).astype(np.int8)
    for row, value in enumerate((0, -128, 127)[: rows - 1]):
        weights[row] = value
    return weights


@pytest.mark.parametrize(("rows", "depth"), SHAPES)
def test_every_sum(rows, depth):
    weights = weights_of(rows, depth)
    subsets = encode_subsets(weights)
    rng = np.random.default_rng(0)
    for x in (
        *rng.integers(-128, 128, (2, depth), np.int8),
        np.full(depth, -128, np.int8),
        np.full(depth, 127, np.int8),
    ):
        expected = weights.astype(np.int64) @ (x.astype(np.int64) + INPUT_OFFSET)
        np.testing.assert_array_equal(interpret_subsets(subsets, x), expected)


@pytest.mark.parametrize("weight", range(-128, 128))
def test_a_block_has_the_planes_of_its_longest_weight(weight):
    weights = np.zeros((1, 2 * BLOCK), np.int8)
    weights[0, 3] = weight
    subsets = encode_subsets(weights)
    needed = next(bits for bits in range(1, 9) if -(1 << bits - 1) <= weight < 1 << bits - 1)
    assert (subsets.blocks, subsets.planes) == (2, needed + 1)
    assert subsets.words.size == subsets.blocks + 2 * subsets.planes
    assert subsets.words[0] == 2 * (8 - needed)
    named = subsets.words[1 : 1 + 2 * needed].reshape(needed, 2)
    bits = [weight >> plane & 1 for plane in reversed(range(needed))]
    assert named.tolist() == [[bit << 3, 0] for bit in bits]


def test_each_bit_of_an_octet_is_its_element():
    weights = -np.eye(BLOCK, dtype=np.int8)  # one plane: its sign
    octets = encode_subsets(weights).words.reshape(BLOCK, 3)
    expected = [[14, 1 << n, 0] if n < ELEMENTS else [14, 0, 1 << n - ELEMENTS] for n in range(BLOCK)]
    assert octets.tolist() == expected


def test_the_table_says_where_chunks_begin():
    subsets = encode_subsets(np.ones((ROWS + 2, 5), np.int8))  # two planes: 1 + 4 bytes
    assert subsets.starts.tolist() == [0] * ROWS + [5 * ROWS] * 2 + [5 * ROWS + 10]
    table = subsets_table(subsets, TrSetting(), 5)
    np.testing.assert_array_equal(term_table.decode(term_table.encode(table)).words, subsets.words)
