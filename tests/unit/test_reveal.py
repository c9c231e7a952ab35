"""Term revealing against a slow pure-Python reference, and the rules it promises."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.tr.hese import Encoding, encode
from edge_tr.tr.reveal import cut_data, reveal, truncate_data

SHAPES = [(1, 1), (1, 8), (2, 9), (3, 7), (5, 31), (4, 27), (1, 300), (0, 5), (3, 0)]
BUDGETS = [1, 2, 3, 5, 8, 12, 31, None]


def random_weights(shape, seed):
    """Seeded; half of them among the values that lead with +2^7 and other corner cases."""
    rng = np.random.default_rng(seed)
    corners = np.array([-128, -127, -97, -96, 0, 64, 85, 95, *range(96, 128)])
    uniform = rng.integers(-128, 128, shape)
    return np.where(rng.random(shape) < 0.5, rng.choice(corners, shape), uniform).astype(np.int8)


def ranked_terms(group, encoding):
    """(sort key, element, exponent, sign) of a group's terms, most important first."""
    ranked = []
    for element, weight in enumerate(group):
        form = encode(int(weight), encoding)
        for position, (sign, exponent) in enumerate(form):
            rides = position == 1 and form[0] == (1, 7)
            ranked.append(((-7, element, 1) if rides else (-exponent, element, 0), element, exponent, sign))
    return sorted(ranked)


def reference(row, group, budget, encoding):
    """The kept terms of one row, one list a group: (element in K, exponent, sign), in packing order."""
    result = []
    for start in range(0, len(row), group):
        ranked = ranked_terms(row[start : start + group], encoding)
        kept = [(start + element, exponent, sign) for _, element, exponent, sign in ranked[:budget]]
        if kept and len(kept) < len(ranked) and kept[-1][1:] == (7, 1):
            kept[-1] = (kept[-1][0], 6, 1)
        result.append(sorted(kept, key=lambda term: (-term[1], term[0])))
    return result


def group_lists(revealed, row):
    """The same from a Revealed."""
    flat = zip(*revealed.term_arrays(), strict=True)
    result = [[] for _ in range(revealed.counts.shape[1])]
    for term_row, element, exponent, sign in flat:
        if term_row == row:
            result[element // revealed.group].append((element, exponent, sign))
    return result


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("group", [1, 2, 3, 8, 16, 256])
@pytest.mark.parametrize("shape", SHAPES)
def test_reveal_equals_the_slow_reference(shape, group, encoding):
    weights = random_weights(shape, seed=group)
    for budget in BUDGETS:
        revealed = reveal(weights, group, budget, encoding)
        assert revealed.values.dtype == np.int8 and revealed.values.shape == shape
        assert revealed.counts.shape == (shape[0], -(-shape[1] // group))
        for row, values in enumerate(weights):
            expected = reference(values, group, budget, encoding)
            assert group_lists(revealed, row) == expected
            assert revealed.counts[row].tolist() == [len(kept) for kept in expected]
            sums = np.zeros(shape[1], int)
            for element, exponent, sign in itertools.chain.from_iterable(expected):
                sums[element] += sign << exponent
            assert revealed.values[row].tolist() == sums.tolist()


@pytest.mark.parametrize("shape", SHAPES)
def test_flat_terms_are_in_packing_order_and_sum_to_the_values(shape):
    revealed = reveal(random_weights(shape, seed=1), 4, 5)
    row, element, exponent, sign = revealed.term_arrays()
    order = np.lexsort((element, -exponent, element // 4, row))
    np.testing.assert_array_equal(order, np.arange(len(row)))
    assert len(row) == revealed.counts.sum()
    sums = np.zeros(shape, int)
    np.add.at(sums, (row, element), sign.astype(int) << exponent)
    np.testing.assert_array_equal(sums, revealed.values)


@pytest.mark.parametrize("encoding", Encoding)
def test_every_pair_of_weights_stays_int8_and_within_budget(encoding):
    """All of int8 x int8 in groups of two: no wrap-around for any budget."""
    pairs = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), -1).reshape(-1, 2)
    for budget in range(1, 11):
        revealed = reveal(pairs.astype(np.int8), 2, budget, encoding)
        row, element, exponent, sign = revealed.term_arrays()
        exact = np.zeros(pairs.shape, int)
        np.add.at(exact, (row, element), sign.astype(int) << exponent)
        assert exact.min() >= -128 and exact.max() <= 127
        np.testing.assert_array_equal(exact, revealed.values)
        assert revealed.counts.max() <= budget


@pytest.mark.parametrize("encoding", Encoding)
def test_no_budget_is_lossless(encoding):
    weights = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    for group in (1, 7, 256):
        assert reveal(weights, group, None, encoding).values.tolist() == weights.tolist()
        assert reveal(weights, group, 8 * group, encoding).values.tolist() == weights.tolist()


def test_of_equal_terms_the_lower_element_is_kept():
    weights = np.array([[4, -4, 4, 5]], np.int8)
    assert reveal(weights, 4, 3).values.tolist() == [[4, -4, 4, 0]]
    assert reveal(weights, 4, 4).values.tolist() == [[4, -4, 4, 4]]
    assert reveal(weights, 4, 1).values.tolist() == [[4, 0, 0, 0]]


def test_a_tail_has_the_full_budget_and_stays_in_its_row():
    weights = np.array([[1, 1, 1, 85, 85], [64, 64, 64, 64, 64]], np.int8)
    revealed = reveal(weights, 3, 2)
    assert revealed.values.tolist() == [[1, 1, 0, 64, 64], [64, 64, 0, 64, 64]]
    assert revealed.counts.tolist() == [[2, 2], [2, 2]]
    alone = reveal(weights[:1], 3, 2)
    assert alone.values.tolist() == revealed.values[:1].tolist()


@pytest.mark.parametrize(
    ("budget", "values"),
    [
        (1, [64, 0, 0]),  # 127 = 128 - 1, cut between the two: 64
        (2, [127, 0, 0]),
        (3, [127, 64, 0]),  # 125 = 128 - 4 + 1, cut after its leader
        (4, [127, 124, 0]),
        (5, [127, 124, 64]),
        (6, [127, 125, 64]),
    ],
)
def test_the_second_term_behind_plus_128_rides_with_its_leader(budget, values):
    weights = np.array([[127, 125, 64]], np.int8)
    revealed = reveal(weights, 3, budget)
    assert revealed.values.tolist() == [values]
    assert revealed.counts.tolist() == [[budget]]


def test_minus_128_is_one_ordinary_term():
    weights = np.array([[-128, -127, 127]], np.int8)
    assert reveal(weights, 3, 1).values.tolist() == [[-128, 0, 0]]
    assert reveal(weights, 3, 2).values.tolist() == [[-128, -128, 0]]
    assert reveal(weights, 3, 4).values.tolist() == [[-128, -128, 127]]


def test_a_smaller_budget_is_a_prefix_where_no_weight_leads_with_plus_128():
    weights = np.random.default_rng(2).integers(-128, 97, (6, 29)).astype(np.int8)
    everything = reveal(weights, 8, None)
    for budget in range(1, 20):
        revealed = reveal(weights, 8, budget)
        for row in range(len(weights)):
            full = group_lists(everything, row)
            assert group_lists(revealed, row) == [kept[:budget] for kept in full]


def test_budgets_are_nested_but_for_a_halved_leader():
    weights = random_weights((6, 29), seed=3)
    budgets = [set(zip(*reveal(weights, 8, k).term_arrays(), strict=True)) for k in range(1, 12)]
    for smaller, larger in itertools.pairwise(budgets):
        for row, element, exponent, sign in smaller - larger:
            assert (exponent, sign) == (6, 1)
            assert (row, element, 7, 1) in larger
        assert smaller != larger


def test_reveal_leaves_its_input_alone():
    weights = random_weights((3, 17), seed=4)
    before = weights.copy()
    reveal(weights, 8, 3)
    np.testing.assert_array_equal(weights, before)


def test_a_transposed_view_gives_the_same_as_a_copy():
    weights = random_weights((17, 5), seed=5).T
    np.testing.assert_array_equal(reveal(weights, 8, 6).values, reveal(weights.copy(), 8, 6).values)


@pytest.mark.parametrize("group", [-1, 0, 257])
def test_a_group_out_of_range_is_a_usage_error(group):
    with pytest.raises(UsageError, match=f"g={group} is out of range; use 1 to 256"):
        reveal(np.zeros((1, 4), np.int8), group, 4)


@pytest.mark.parametrize("budget", [-3, 0])
def test_a_budget_below_one_is_a_usage_error(budget):
    with pytest.raises(UsageError, match=f"k={budget} is out of range; use at least 1"):
        reveal(np.zeros((1, 4), np.int8), 4, budget)


@pytest.mark.parametrize("weights", [np.zeros((2, 2), np.int32), np.zeros(4, np.int8)])
def test_other_arrays_are_refused(weights):
    with pytest.raises(ValueError, match=r"weights must be int8 or int16 \[rows, K\]"):
        reveal(weights, 4, 4)


@pytest.mark.parametrize("encoding", Encoding)
def test_truncated_data_is_the_sum_of_the_largest_terms(encoding):
    for limit in range(1, 9):
        lookup = truncate_data(limit, encoding)
        assert lookup.dtype == np.int16 and lookup.shape == (511,)
        for d in range(-255, 256):
            assert lookup[d + 255] == sum(term.value for term in encode(d, encoding)[:limit])


def test_truncated_data_reaches_256_and_is_exact_with_five_terms():
    assert truncate_data(1).min() == -256 and truncate_data(1).max() == 256
    np.testing.assert_array_equal(truncate_data(5), np.arange(-255, 256))
    with pytest.raises(UsageError, match="s=0 is out of range"):
        truncate_data(0)


@pytest.mark.parametrize("limit", range(1, 9))
def test_cut_data_stays_in_int8_and_is_else_truncated_data(limit):
    """All pairs of x and zero point, against a search among all sums of so many terms."""
    sums = np.array([d for d in range(-256, 257) if len(encode(d)) <= limit])
    x, outside = np.arange(-128, 128), 0
    for zero_point in range(-128, 128):
        cut, whole = (table[x - zero_point + 255] for table in (cut_data(limit, zero_point), truncate_data(limit)))
        possible = sums[(sums + zero_point >= -128) & (sums + zero_point <= 127)]
        distance = np.abs(whole[:, None] - possible)
        assert np.array_equal(cut, possible[distance.argmin(axis=1)])
        assert (np.count_nonzero(distance == distance.min(axis=1, keepdims=True), axis=1) == 1).all()
        outside += np.count_nonzero(cut != whole)
    assert outside == {1: 5_334, 3: 72}.get(limit, outside) and (limit < 5 or outside == 0)


@pytest.mark.parametrize("zero_point", [0, 1, 100, 127, 129, 156, 254, 255])
@pytest.mark.parametrize("budget", [1, 3, 8])
def test_weights_of_nine_bits_stay_what_a_uint8_file_can_hold(zero_point, budget):
    """Of values with that zero point: within the range, no more terms than allowed, and near what they were."""
    limits = (-zero_point, 255 - zero_point)
    weights = np.arange(*limits, dtype=np.int16).reshape(-1, 5)
    revealed = reveal(weights, 5, budget, limits=limits)
    assert limits[0] <= revealed.values.min() and revealed.values.max() <= limits[1]
    assert revealed.counts.max() <= budget
    np.testing.assert_array_equal(np.count_nonzero(revealed.digits, axis=(-2, -1)), revealed.counts)
    assert np.abs(revealed.values.astype(int) - weights).max() <= (256 if budget < 5 else 128)
    np.testing.assert_array_equal(reveal(weights, 5, None, limits=limits).values, weights)


def test_a_kept_term_that_leaves_the_range_becomes_the_nearest_inside():
    weights = np.array([[155, -100, 90]], np.int16)  # 160 and -128 would lie outside -100..155
    values = [
        reveal(weights[:, i : i + 1], 1, k, limits=(-100, 155)).values.item() for i in range(3) for k in (1, 2, 3)
    ]
    assert values == [128, 128 + 16, 128 + 32 - 8, -64, -128 + 32, -100, 64, 64 + 32, 64 + 32 - 8]
