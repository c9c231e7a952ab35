"""Winograd's points: four outputs of a tile equal numpy's sums, whatever the weights and activations."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.formats import term_table
from edge_tr.kernels.winograd import LEAST_TILES, MOST_TILES, fits, interpret_winograd, tiles_at_once, winograd_table
from edge_tr.prepared.budget import TrSetting


def direct_sums(weights: np.ndarray, tile: np.ndarray) -> np.ndarray:
    """int64 [rows, 2, 2]."""
    windows = np.stack([[tile[y : y + 3, x : x + 3] for x in range(2)] for y in range(2)])
    taps = weights.astype(np.int64).reshape(len(weights), 3, 3, -1)
    return np.einsum("yxijc,nijc->nyx", windows.astype(np.int64), taps)


@pytest.mark.parametrize("channels", [4, 8, 20, 64])
@pytest.mark.parametrize("rows", [1, 4, 7])
def test_sums_of_random_tiles(rows, channels):
    rng = np.random.default_rng([rows, channels])
    weights = rng.integers(-128, 128, (rows, 9 * channels)).astype(np.int8)
    table = term_table.decode(term_table.encode(winograd_table(weights, TrSetting())))
    for tile in rng.integers(-128, 128, (20, 4, 4, channels)):
        assert np.array_equal(interpret_winograd(table, tile), direct_sums(weights, tile))


@pytest.mark.parametrize("ends", [(-128, 127), (-128,), (127,), (-128, 0, 127)], ids=str)
def test_sums_at_the_ends(ends):
    rng = np.random.default_rng(len(ends))
    for _ in range(30):
        weights = rng.choice(ends, (5, 9 * 12)).astype(np.int8)
        table = winograd_table(weights, TrSetting())
        assert np.abs(table.words).max() <= 9 * 128
        tile = rng.choice([-128, 127], (4, 4, 12))
        assert np.array_equal(interpret_winograd(table, tile), direct_sums(weights, tile))


def test_points_that_leave_32_bits_on_the_way_come_back():
    """The largest depth that is taken: four times a sum is just below 2^31, sums of points are far beyond."""
    channels = ((1 << 31) - 1) // (4 * 128 * 9 * 128) // 4 * 4
    weights = np.full((1, 9 * channels), -128, np.int8)
    assert fits(weights)
    assert not fits(np.full((1, 9 * (channels + 4)), -128, np.int8))
    tile = np.full((4, 4, channels), -128)
    assert np.array_equal(interpret_winograd(winograd_table(weights, TrSetting()), tile), direct_sums(weights, tile))


def test_fewer_tiles_of_many_channels():
    sizes = (4, 32, 36, 64, 68, 4096)
    assert [tiles_at_once(channels, "armv7e-m") for channels in sizes] == [8, 8, 4, 4, 2, 2]
    assert {tiles_at_once(channels, isa) for channels in sizes for isa in ("c", "armv7-m", "rv32")} == {2}
    assert (MOST_TILES, LEAST_TILES) == (8, 2)
