"""Weight tables against the revealed weights: taken apart word by word, in plain slow Python."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_tr.errors import UsageError
from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT
from edge_tr.lower.kernels import KERNELS, KernelChoice, TableKernel, allowed, parse_choice
from edge_tr.lower.tables import can_be_joint, dual_fours_table, fours_table, int8_table, plane_count, plane_table
from edge_tr.lower.tables import term_table as terms_table
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.hese import encode
from edge_tr.tr.reveal import Revealed, reveal, truncate_data

SEEDED = settings(derandomize=True, deadline=None, database=None, max_examples=150)
INT8 = st.integers(-128, 127)
TABLE_KERNELS = [kernel for kernel in KERNELS if isinstance(kernel, TableKernel)]
NO_CONVOLUTION = None  # parameters of a layer that generated code does not take


@st.composite
def layers(draw) -> tuple[np.ndarray, TrSetting]:
    """Rows of weights of any density, extremes among them, and how they are revealed."""
    rows, depth = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    element = draw(st.sampled_from([INT8, st.sampled_from([-128, 127, 0]), st.sampled_from([0, 0, 0, 0, 5, -90])]))
    weights = draw(st.lists(st.lists(element, min_size=depth, max_size=depth), min_size=rows, max_size=rows))
    group = draw(st.sampled_from([1, 2, 3, 7, 8, 16, 40, 41, 255, 256]))
    setting = TrSetting(group, draw(st.none() | st.integers(1, 20)), draw(st.none() | st.integers(1, 3)))
    return np.array(weights, np.int8), setting


def patch_of(rng: np.random.Generator, depth: int, setting: TrSetting) -> list[int]:
    """x - zero_point of random data, extremes often, cut to s terms as the firmware's table cuts it."""
    patch = np.where(rng.random(depth) < 0.5, rng.integers(-255, 256, depth), rng.choice([-255, -171, 0, 255], depth))
    if setting.data_terms is not None:
        patch = truncate_data(setting.data_terms)[patch + 255]
    return [int(value) for value in patch]


# --- the arithmetic of each layout, from bytes ---------------------------------------------------


def payload(data: bytes, header: dict) -> tuple[list[int], bytes]:
    """(row starts, bytes of the words)."""
    body, count = data[32:], header["rows"] + 1
    starts = [int.from_bytes(body[4 * i : 4 * i + 4], "little") for i in range(count)]
    return starts, body[4 * count :]


def halfwords(raw: bytes, first: int, end: int) -> list[int]:
    return [int.from_bytes(raw[2 * i : 2 * i + 2], "little") for i in range(first, end)]


def sum_of_terms(words: list[int], patch: list[int], header: dict) -> int:
    """The literal term-pair loop: every weight term with every term of its activation."""
    total, base = 0, 0
    for word in words:
        index, exponent, sign, last = word & 0xFF, word >> 8 & 0xF, word >> 12 & 1, word >> 13 & 1
        assert word >> 14 == 0
        if exponent != 15:
            for data_sign, data_exponent in encode(patch[base + index]):
                total += (-1) ** sign * data_sign * 2 ** (exponent + data_exponent)
        base += header["group"] * last
    groups = -(-header["depth"] // header["group"])
    assert base == groups * header["group"]
    return total


def sum_of_planes(words: list[int], patch: list[int], header: dict) -> int:
    """Loads of pre-shifted activations, each of which must be an int16."""
    planes = [x << exponent for exponent in range(header["planes"]) for x in patch]
    assert all(-(1 << 15) <= x < 1 << 15 for x in planes)
    positive, offsets = words[0], words[1:]
    assert positive <= len(offsets)
    return sum(planes[o] for o in offsets[:positive]) - sum(planes[o] for o in offsets[positive:])


def sums(data: bytes, patch: list[int]) -> list[int]:
    """One dot product per row of a packed table."""
    header = term_table.TABLE_HEADER.unpack(data)
    starts, raw = payload(data, header)
    if header["layout"] == LAYOUT.INT8:
        rows = [[b - (b & 128) * 2 for b in raw[a:z]] for a, z in itertools.pairwise(starts)]
        return [sum(w * x for w, x in zip(row, patch, strict=True)) for row in rows]
    sum_of = {LAYOUT.TERMS: sum_of_terms, LAYOUT.PLANES: sum_of_planes}[header["layout"]]
    return [sum_of(halfwords(raw, a, z), patch, header) for a, z in itertools.pairwise(starts)]


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
    for kernel, layout in zip(TABLE_KERNELS, (LAYOUT.PLANES, LAYOUT.TERMS, LAYOUT.INT8)):
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


# --- order of terms ----------------------------------------------------------------------------


def groups_of(table: term_table.Table) -> list[list[tuple[int, int, int]]]:
    """(exponent, index, sign) of every term, group by group."""
    groups, group = [], []
    fields = term_table.TERM_WORD.unpack_words(table.words)
    for exponent, index, sign, last in zip(*(fields[n].tolist() for n in ("exponent", "index", "sign", "last"))):
        group += [(exponent, index, sign)] if exponent != 15 else []
        if last:
            groups.append(group)
            group = []
    assert group == []
    return groups


@SEEDED
@given(layer=layers(), budgets=st.tuples(st.integers(1, 20), st.integers(1, 20)))
def test_terms_lie_largest_first_and_a_smaller_budget_is_a_prefix(layer, budgets):
    """Without a term +2^7, which a budget may cut to +2^6 (see `tr.reveal`)."""
    weights, setting = np.minimum(layer[0], 96), layer[1]
    small, large = (groups_of(terms_table(reveal(weights, setting.group, k), setting)) for k in sorted(budgets))
    for few, many in zip(small, large, strict=True):
        assert many[: len(few)] == few
        assert many == sorted(many, key=lambda term: (-term[0], term[1]))


@SEEDED
@given(layer=layers(), budget=st.integers(1, 12))
def test_beside_a_halved_power_of_two_a_smaller_budget_keeps_only_kept_terms(layer, budget):
    weights, setting = layer
    small = groups_of(terms_table(reveal(weights, setting.group, budget), setting))
    large = groups_of(terms_table(reveal(weights, setting.group, budget + 1), setting))
    for few, many in zip(small, large, strict=True):
        extra = set(few) - set(many)
        assert len(few) <= budget and len(extra) <= 1
        assert all((exponent, sign) == (6, 0) and (7, index, 0) in many for exponent, index, sign in extra)


def test_planes_list_the_highest_exponent_first_on_either_side_of_the_sign():
    rng = np.random.default_rng(6)
    revealed = reveal(rng.integers(-128, 128, (4, 33)).astype(np.int8), 8, None)
    table = plane_table(revealed, TrSetting())
    for first, end in zip(table.starts, table.starts[1:]):
        positive, offsets = int(table.words[first]), table.words[first + 1 : end]
        for side in (offsets[:positive] // 33, offsets[positive:] // 33):
            assert np.all(np.diff(side.astype(int)) <= 0)


# --- limits of the planes ----------------------------------------------------------------------------


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


def row_ending_in(depth: int, weight: int) -> np.ndarray:
    weights = np.zeros((1, depth), np.int8)
    weights[0, -1] = weight
    return weights


def tables_allowed(revealed: Revealed) -> list[TableKernel]:
    kernels = allowed(KernelChoice(), "conv_2d_0", NO_CONVOLUTION, revealed, TrSetting())
    return [kernel for kernel in kernels if isinstance(kernel, TableKernel)]


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
    with pytest.raises(
        UsageError, match="planes does not take layer conv_2d_0; use lists or term-pairs or fours or int8"
    ):
        allowed(parse_choice(["conv_2d_0=planes"]), "conv_2d_0", NO_CONVOLUTION, revealed, TrSetting())


def test_a_row_of_65536_positive_terms_is_no_row_for_the_planes():
    revealed = reveal(np.ones((1, 65536), np.int8), 8, None)
    for kernel in tables_allowed(revealed):
        assert sums(term_table.encode(kernel.table(revealed, TrSetting())), [1] * 65536) == [65536]


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
