"""Tensors larger than activation memory: strips of rows through DDR, every layer golden's, cycles as predicted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import lower_accel
from edge_tr.accel.groups import groups_of, window_rows
from edge_tr.accel.strips import is_copy, tiled
from edge_tr.graph import PART, Graph
from edge_tr.ir.tflite import parse
from edge_tr.operators import AddParams
from edge_tr.prepared.budget import parse as parse_budget
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import samples
from tests.models import random_shapes
from tests.models.large_networks import MobileNet


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


def network(height: int, width: int, seed: int = 3) -> Graph:
    """Inverted residuals, two with an addition, of which one has no tables."""
    net = MobileNet(np.random.default_rng(seed), (height, width, 3))
    net.conv(8, (3, 3), (2, 2), "RELU6")
    for expansion, channels, stride in ((1, 8, 1), (3, 12, 2), (3, 12, 1), (3, 16, 2)):
        net.bottleneck(expansion, channels, stride)
    net.mean()
    net.dense(4)
    return parse(net.finish())


CASES = [
    (64, 64, 200, "lossless"), (64, 64, 110, "g=8,k=6"), (50, 38, 150, "lossless"), (33, 61, 90, "g=8,k=6,s=4"),
    (64, 32, 120, "lossless"),
]  # fmt: skip


@pytest.mark.parametrize(("height", "width", "words", "budget"), CASES)
def test_strips_equal_golden(board: SimulatedBoard, height: int, width: int, words: int, budget: str) -> None:
    graph = network(height, width)
    program = lower_accel(graph, parse_budget(budget), words=words)
    most = program.most
    assert max(len(layer.parts) for layer in most.layers) > 1
    assert program.used["activation words"][0] <= words
    for layer in most.layers:
        tensor, seen = most.alive.graph.tensor(layer.tensor), 0
        there = np.zeros(tensor.size, bool)
        for part in layer.parts:
            there[part.first : part.first + len(part.index)] |= part.index >= 0
            seen += len(part.index)
        assert there.all() and seen >= tensor.size
    compare(board, graph, program, samples(graph, np.random.default_rng(2), 2))


def test_a_convolution_that_is_only_averaged_is_never_there_whole(board: SimulatedBoard) -> None:
    net = MobileNet(np.random.default_rng(3), (16, 12, 3))
    net.conv(8, (3, 3), (2, 2), "RELU6")
    net.conv(300, (1, 1), (1, 1), "RELU6")
    net.mean()
    net.dense(4)
    graph = parse(net.finish())
    program = lower_accel(graph, parse_budget("g=8,k=8"), words=150)
    assert [len(layer.parts) for layer in program.most.layers] == [1, 3, 3, 1]
    compare(board, graph, program, samples(graph, np.random.default_rng(2), 2))


def test_budgets_share_the_strips(board: SimulatedBoard) -> None:
    graph = network(64, 64)
    program = lower_accel(graph, parse_budget("g=8,k=8"), [parse_budget("g=8,k=4")], words=200)
    assert len({tuple(layer.name for layer in level.layers) for level in program.levels}) == 1
    compare(board, graph, program, samples(graph, np.random.default_rng(4), 2))


@pytest.mark.parametrize("depth", [80, 110, 200, 700])
def test_every_row_that_is_read_is_there(depth: int) -> None:
    """Whatever the depth: rows of each strip's inputs cover what its windows read inside the image, and the rows of
    all strips of a layer the whole of it."""
    graph = network(48, 40)
    of = tiled(graph, groups_of(graph, (), depth))
    whole = {op.index: op for op in graph.ops}
    written: dict[int, set[int]] = {}
    for op in of.graph.ops:
        if op.index not in of.strips or is_copy(op):
            continue
        origin = whole[op.index % PART]
        rows = of.rows.get(op.index) or of.pieces[op.outputs[0]].rows
        written.setdefault(origin.index, set()).update(range(*rows))
        first, end = window_rows(origin, rows)
        for t in of.graph.activations(op):
            given = of.pieces[t].rows
            assert given[0] <= first and end <= given[1]
            assert not isinstance(op.record, AddParams) or given == rows
    for index, rows in written.items():
        assert rows == set(range(graph.tensor(whole[index].outputs[0]).shape[1]))
    assert depth == 700 or written


@pytest.mark.parametrize("seed", range(6))
def test_random_shapes_in_little_memory_equal_golden(board: SimulatedBoard, seed: int) -> None:
    rng = np.random.default_rng(40000 + seed)
    graph = parse(random_shapes.build(rng))
    program = lower_accel(graph, parse_budget(["lossless", "g=8,k=6"][seed % 2]), words=int(rng.integers(20, 80)))
    compare(board, graph, program, samples(graph, rng, 2))


def test_rows_that_nothing_reads_are_computed_too(board: SimulatedBoard) -> None:
    net = MobileNet(np.random.default_rng(4), (40, 20, 2))
    net.conv(6, (3, 3), (1, 1), "RELU6")
    net.conv(5, (1, 1), (3, 2))
    graph = parse(net.finish())
    program = lower_accel(graph, parse_budget("lossless"), words=50)
    assert max(len(layer.parts) for layer in program.most.layers) > 1
    compare(board, graph, program, samples(graph, np.random.default_rng(2), 2))
