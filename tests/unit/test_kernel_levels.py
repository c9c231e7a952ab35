"""Nested budgets: what a level's lists add up to, which channels all levels need, which budgets one build can hold."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.kernels import KernelChoice
from edge_tr.kernels.levels import LevelLists, Strips, differences, encode_levels, envelope
from edge_tr.kernels.lists import Lists, interpret_lists
from edge_tr.lower.program import lower
from edge_tr.prepared.budget import Budget, TrSetting, check_budgets
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.prepared.dead import remove_dead_channels, remove_what_is_always_dead
from edge_tr.tr.reveal import reveal
from tests.firmware.harness_models import random_network, samples
from tests.models.random_ops import build

BUDGETS = (1, 2, 3, 4, 6, 9, 16, None)


def reached(lists: LevelLists, level: int, levels: int, row: int, x: np.ndarray) -> np.ndarray:
    """A row's sums at a level, as tr_levels.c reads them."""
    sums = np.zeros(x.shape[1], np.int64)
    for at in range(row * levels, row * levels + level + 1):
        if lists.starts[at] != lists.starts[at + 1]:
            sums += interpret_lists(Lists(lists.starts, lists.words, 0, 0, 0), at, x)
    return sums


def revealed(weights: np.ndarray, group: int, budgets: tuple[int | None, ...]) -> list[np.ndarray]:
    return [reveal(weights, group, budget).values for budget in budgets]


def hard_rows() -> np.ndarray:
    """Every int8 value beside ties, leaders of +2^7 and their riders, and rows of nothing."""
    every = np.arange(-128, 128, dtype=np.int8).reshape(-1, 16)
    ties = np.array([[64, -64] * 8, [127, 127, -128, 97] * 4, [96, 127, 1, 0] * 4, [0] * 16, [3, -5] * 8], np.int8)
    return np.concatenate([every, np.random.default_rng(0).permuted(every, axis=1), ties])


@pytest.mark.parametrize("group", [1, 3, 8, 16])
def test_each_levels_lists_are_its_revealed_weights(group):
    """A unit vector reads a weight out of the lists; so does every element at once, at the ends of int8."""
    weights = hard_rows()
    levels = revealed(weights, group, BUDGETS)
    lists = encode_levels(levels, np.arange(16), 128)
    x = np.concatenate([np.eye(16, dtype=np.int64), np.full((16, 1), -128), np.full((16, 1), 127)], axis=1)
    for (level, values), row in itertools.product(enumerate(levels), range(len(weights))):
        found = reached(lists, level, len(levels), row, x)
        assert np.array_equal(found, values[row].astype(np.int64) @ x), (group, BUDGETS[level], row)


def test_terms_are_stored_once():
    """As many as the largest budget keeps, but for one where a leader was halved: its half, and what it lacked."""
    weights = hard_rows()
    for pair in itertools.combinations(BUDGETS, 2):
        fewer, more = (reveal(weights, 8, budget) for budget in pair)
        stored = sum(len(terms.row) for terms in differences([fewer.values, more.values]))
        halved = np.count_nonzero((fewer.values == 64) & (more.values > 96))
        assert stored <= int(more.counts.sum()) + halved


def test_every_pair_of_budgets_of_every_weight_is_exact():
    """Exhaustive: alone in its group, a weight with k terms and then with more."""
    weights = np.arange(-128, 128, dtype=np.int8)[:, None]
    for pair in itertools.combinations((*BUDGETS[:5], None), 2):
        levels = revealed(weights, 1, pair)
        lists = encode_levels(levels, np.arange(1), 256)
        for level, row in itertools.product(range(2), range(256)):
            assert reached(lists, level, 2, row, np.array([[256]]))[0] == 256 * int(levels[level][row, 0])


def test_an_empty_level_has_no_bytes():
    levels = [np.array([[64], [0]], np.int8), np.array([[64], [3]], np.int8)]
    lists = encode_levels(levels, np.arange(1), 128)
    sizes = np.diff(lists.starts)
    assert sizes[1] == sizes[2] == 0 and sizes[0] > 0 and sizes[3] > 0


def test_levels_that_jump_too_far_are_refused():
    with pytest.raises(ValueError, match="not nested"):
        differences([np.array([[-129]], np.int16), np.array([[127]], np.int16)])


def test_strips_hold_every_tap_of_every_window():
    for seed in range(20):
        graph = parse(build("DEPTHWISE_CONV_2D", np.random.default_rng(seed)))
        record = graph.ops[0].record
        strips = Strips.of(record)
        rows = -(-record.output_shape[0] // 8)
        last = ((rows - 1) * record.stride[0] * strips.width) + (record.output_shape[1] - 1) * record.stride[1]
        offsets = strips.offsets(record)
        assert (np.diff(offsets) > 0).all()
        assert last + offsets[-1] == strips.height * strips.width - 1


# --- what all levels share ------------------------------------------------------------


def test_constants_are_proven_for_the_reach_of_every_level():
    graph = parse(build("FULLY_CONNECTED", np.random.default_rng(1)))
    record = graph.ops[0].record
    units, depth = record.weights.shape
    low = replace(record, weights=np.full((units, depth), 64, np.int8))
    high = replace(record, weights=np.full((units, depth), 55, np.int8))
    far = record.bias.astype(np.int64) + 10**6
    weights, bias = envelope([low, high], [far, record.bias.astype(np.int64)], high)
    assert (weights == 64).all() and (np.abs(bias.astype(np.int64)) >= 10**6).all()


def test_a_row_without_weights_is_constant_only_if_all_levels_agree():
    graph = parse(build("FULLY_CONNECTED", np.random.default_rng(1)))
    record = graph.ops[0].record
    empty = replace(record, weights=np.zeros_like(record.weights))
    bias = record.bias.astype(np.int64)
    assert not envelope([empty, empty], [bias, bias], empty)[0].any()
    other = bias.copy()
    other[0] += 5
    weights, _ = envelope([empty, empty], [other, bias], empty)
    assert weights[0].any() and not weights[1:].any()


@pytest.mark.parametrize("seed", range(6))
def test_channels_that_some_level_needs_are_there_and_right_at_every_level(seed):
    """Tiny budgets kill many channels, others at each level; every tensor that is left must be golden's."""
    rng = np.random.default_rng(seed)
    graph = parse(random_network(rng))
    budgets = [parse_budget(text) for text in ("g=256,k=1", "g=256,k=3", "g=64,k=4") if seed % 2 or "256" in text]
    if seed % 2:
        budgets = budgets[:2]
    program = lower(graph, Budget(), KernelChoice(), below=budgets)
    x = samples(graph, rng, 4)
    shapes = set()
    for level in program.levels:
        whole = run(graph, x, weights=level.revealed, keep="all").tensors
        left = run(level.alive.graph, x, keep="all").tensors
        expected = level.alive.of(whole)
        shapes.add(tuple(left[i].shape for i in sorted(left)))
        for index, tensor in left.items():
            assert np.array_equal(tensor, expected[index].reshape(tensor.shape)), (level.budget, index)
    assert len(shapes) == 1


def test_alone_a_set_of_weights_loses_what_it_lost_before():
    graph = parse(random_network(np.random.default_rng(2)))
    weights = {op.index: reveal(op.record.weights, 256, 2).values for op in graph.ops if "CONV" in op.kind}
    ours, (theirs,) = remove_dead_channels(graph, weights), remove_what_is_always_dead(graph, [weights])
    assert [t.shape for t in ours.graph.tensors] == [t.shape for t in theirs.graph.tensors]


# --- budgets that nest ------------------------------------------------------------------


def test_budgets_nest_with_the_same_groups_and_more_terms():
    check_budgets([parse_budget(text) for text in ("g=8,k=4", "g=8,k=8", "lossless")], ["a", "b"])
    check_budgets([parse_budget("g=4,k=2,s=3"), parse_budget("s=3")], ["a"])
    first = Budget(TrSetting(8, 4), {"a": TrSetting(16, 2)})
    check_budgets([first, Budget(TrSetting(8, 4), {"a": TrSetting(16, 3)}), Budget()], ["a", "b"])


@pytest.mark.parametrize(
    "texts",
    [("g=8,k=8", "g=8,k=4"), ("g=8,k=4", "g=16,k=8"), ("lossless", "g=8,k=4"), ("g=8,k=4,s=2", "g=8,k=8"),
     ("g=8,k=4,s=2", "g=8,k=8,s=3"), ("k=4", "k=8", "k=6")],
)  # fmt: skip
def test_others_are_refused_with_the_layer_and_what_to_do(texts):
    with pytest.raises(UsageError, match=r"not nested: layer a has .*from the fewest terms on"):
        check_budgets([parse_budget(text) for text in texts], ["a"])


def test_the_same_budget_twice_is_refused():
    with pytest.raises(UsageError, match="two budgets are the same: g=8,k=4"):
        check_budgets([parse_budget("k=4"), parse_budget("g=8,k=4")], ["a"])


def test_more_budgets_than_the_link_can_name_are_refused():
    with pytest.raises(UsageError, match="300 budgets: one build holds 255 at most"):
        check_budgets([parse_budget(f"k={k}") for k in range(1, 301)], ["a"])
