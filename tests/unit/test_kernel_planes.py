"""Tables of offsets into pre-shifted activations: their order, and what fits them."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.formats import term_table
from edge_tr.kernels import parse_choice
from edge_tr.kernels.patches import PatchKernel
from edge_tr.kernels.planes import plane_count, plane_table
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import Revealed, reveal
from tests.unit.patches import kernels_allowed, sums


def test_planes_list_the_highest_exponent_first_on_either_side_of_the_sign():
    rng = np.random.default_rng(6)
    revealed = reveal(rng.integers(-128, 128, (4, 33)).astype(np.int8), 8, None)
    table = plane_table(revealed, TrSetting())
    for first, end in zip(table.starts, table.starts[1:]):
        positive, offsets = int(table.words[first]), table.words[first + 1 : end]
        for side in (offsets[:positive] // 33, offsets[positive:] // 33):
            assert np.all(np.diff(side.astype(int)) <= 0)


def test_as_many_planes_as_the_highest_exponent_needs():
    for weight, planes in [(0, 1), (1, 1), (-2, 2), (64, 7), (127, 8), (-128, 8)]:
        revealed = reveal(np.array([[weight]], np.int8), 8, None)
        assert plane_count(revealed, TrSetting()) == planes
        assert plane_count(revealed, TrSetting(8, None, 1)) == min(planes, 7)


def test_with_a_data_budget_a_term_128_is_two_terms_64():
    """x = 255 truncated to one term is 256, and 256 << 7 is no int16."""
    setting = TrSetting(8, None, 1)
    table = plane_table(reveal(np.array([[-128, 127]], np.int8), 8, None), setting)
    assert (table.planes, table.words.tolist()) == (7, [2, 13, 13, 12, 12, 1])
    assert sums(term_table.encode(table), [256, 256]) == [-256]


@pytest.mark.parametrize("data_terms", [None, 1])
def test_a_term_256_is_several_of_what_the_planes_hold(data_terms):
    weights = np.array([[255, -255, 256 - 64, -200]], np.int16)
    setting = TrSetting(8, None, data_terms)
    table = plane_table(reveal(weights, 8, None), setting)
    assert table.planes == (8 if data_terms is None else 7)
    x = [255, -255, 100, -128] if data_terms is None else [256, -256, 64, -128]
    assert sums(term_table.encode(table), x) == [int(weights[0].astype(int) @ x)]


def row_ending_in(depth: int, weight: int) -> np.ndarray:
    weights = np.zeros((1, depth), np.int8)
    weights[0, -1] = weight
    return weights


def tables_allowed(revealed: Revealed) -> list[PatchKernel]:
    return [kernel for kernel in kernels_allowed(revealed) if isinstance(kernel, PatchKernel)]


@pytest.mark.parametrize(
    ("depth", "weight", "fits"), [(8192, 127, True), (8193, 127, False), (9362, 64, True), (65536, 1, True)]
)
def test_the_planes_take_a_row_whose_offsets_fit_and_no_other(depth, weight, fits):
    """16-bit offsets: depth times planes may be 65536 and no more."""
    revealed = reveal(row_ending_in(depth, weight), 8, None)
    kernels = tables_allowed(revealed)
    assert [kernel.name for kernel in kernels] == ["planes"] * fits + ["term-pairs", "int8"]
    patch = [5] * (depth - 1) + [-255]
    for kernel in kernels:
        assert sums(term_table.encode(kernel.table(revealed, TrSetting())), patch) == [weight * -255]


def test_a_row_too_deep_for_the_planes_is_an_error_when_the_layer_was_named():
    revealed = reveal(row_ending_in(8193, 127), 8, None)
    others = [kernel.name for kernel in kernels_allowed(revealed)]
    assert {"lists", "term-pairs", "fours", "int8"} <= set(others)
    with pytest.raises(UsageError, match=f"planes does not take layer conv_2d_0; use {' or '.join(others)}"):
        kernels_allowed(revealed, parse_choice(["conv_2d_0=planes"]))


def test_a_row_of_65536_positive_terms_is_no_row_for_the_planes():
    revealed = reveal(np.ones((1, 65536), np.int8), 8, None)
    for kernel in tables_allowed(revealed):
        assert sums(term_table.encode(kernel.table(revealed, TrSetting())), [1] * 65536) == [65536]
