"""Kernels over patches: their tables against the revealed weights, word by word; their C objects and scratch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT
from edge_tr.kernels import KERNELS
from edge_tr.kernels.int8 import int8_table
from edge_tr.kernels.int16 import Int16Kernel
from edge_tr.kernels.patches import PatchKernel
from edge_tr.kernels.planes import plane_table
from edge_tr.kernels.term_pairs import term_table as terms_table
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import reveal
from tests.unit.patches import SEEDED, layers, patch_of, sums

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
TABLE_KERNELS = [kernel for kernel in KERNELS if isinstance(kernel, PatchKernel)]


@pytest.mark.parametrize("table_of", [terms_table, plane_table, int8_table])
@SEEDED
@given(layer=layers(), seed=st.integers(0, 1 << 30))
def test_every_layout_computes_the_revealed_weights_times_the_data(table_of, layer, seed):
    weights, setting = layer
    revealed = reveal(weights, setting.group, setting.terms)
    patch = patch_of(np.random.default_rng(seed), weights.shape[1], setting)
    expected = revealed.values.astype(np.int64) @ np.array(patch)
    assert sums(term_table.encode(table_of(revealed, setting)), patch) == expected.tolist()


@pytest.mark.parametrize("kernel", TABLE_KERNELS, ids=lambda kernel: kernel.name)
def test_every_group_size_and_tail_computes_the_same(kernel):
    rng = np.random.default_rng(5)
    for group in range(1, 257, 5):
        depth = int(rng.integers(1, 3 * group))
        weights = rng.integers(-128, 128, (2, depth)).astype(np.int8)
        setting = TrSetting(group, int(rng.integers(1, 3 * group + 1)), 2)
        revealed = reveal(weights, group, setting.terms)
        patch = patch_of(rng, depth, setting)
        expected = (revealed.values.astype(np.int64) @ np.array(patch)).tolist()
        assert sums(term_table.encode(kernel.table(revealed, setting)), patch) == expected


def test_the_header_says_how_the_weights_were_revealed():
    weights = np.array([[1, 2, 3], [0, 0, 0]], np.int8)
    setting = TrSetting(2, 3, 1)
    layouts = (LAYOUT.PLANES, LAYOUT.TERMS, LAYOUT.INT8, LAYOUT.INT16)
    for kernel, layout in zip(TABLE_KERNELS, layouts, strict=True):
        table = term_table.decode(term_table.encode(kernel.table(reveal(weights, 2, 3), setting)))
        assert (table.layout, table.group, table.rows, table.depth) == (layout, 2, 2, 3)
        assert (table.budget, table.data_budget) == (3, 1)
        lossless = kernel.table(reveal(weights, 8, None), TrSetting())
        assert (lossless.budget, lossless.data_budget) == (0, 0)


def test_rows_and_groups_without_terms_are_empty_in_every_layout():
    weights = np.zeros((3, 5), np.int8)
    weights[1, 4] = -1
    for kernel in TABLE_KERNELS:
        table = kernel.table(reveal(weights, 2, 4), TrSetting(2, 4))
        assert sums(term_table.encode(table), [1, 2, 3, 4, 100]) == [0, -100, 0]
    empty = plane_table(reveal(np.zeros((2, 3), np.int8), 2, 4), TrSetting(2, 4))
    assert (empty.planes, empty.words.tolist(), empty.starts.tolist()) == (1, [0, 0], [0, 1, 2])


def test_every_table_kernel_is_an_object_that_the_firmware_declares():
    header = (FIRMWARE / "include" / "tr_kernels.h").read_text()
    for kernel in TABLE_KERNELS:
        assert f"extern const struct tr_dot {kernel.symbol};" in header
        assert (FIRMWARE / "src" / f"{kernel.symbol}.c").is_file()
    assert len({kernel.name for kernel in KERNELS}) == len(KERNELS)
    assert len({kernel.symbol for kernel in TABLE_KERNELS}) == header.count("extern const struct tr_dot")


@pytest.mark.parametrize("depth", [1, 2, 3, 64, 8191])
def test_scratch_holds_the_patch_and_what_is_derived_from_it(depth):
    """Patch: int16 each. planes: a patch per plane. term-pairs: a word-aligned uint32 each behind the patch."""
    sizes = {kernel.name: kernel.scratch_bytes(depth, 8) for kernel in TABLE_KERNELS}
    term_pairs = -(-2 * depth // 4) * 4 + 4 * depth
    assert sizes == {"planes": 16 * depth, "term-pairs": term_pairs, "int8": 2 * depth, "int16": 2 * depth}


@pytest.mark.parametrize("group", [1, 8, 255, 256])
def test_the_tables_of_nine_bit_weights_compute_the_same(group):
    """Of int16, and of the kernels of terms that hold a term of 2^8; at the ends."""
    rng = np.random.default_rng([9, group])
    weights = rng.choice([-255, -192, -128, 0, 1, 171, 255], (3, 2 * group + 1)).astype(np.int16)
    revealed = reveal(weights, group, None)
    assert revealed.values.dtype == np.int16
    patch = patch_of(rng, weights.shape[1], TrSetting())
    expected = (weights.astype(np.int64) @ np.array(patch)).tolist()
    kernels = [kernel for kernel in TABLE_KERNELS if kernel.nine_bits]
    assert Int16Kernel in map(type, kernels)
    for kernel in kernels:
        assert sums(term_table.encode(kernel.table(revealed, TrSetting(group, None))), patch) == expected
