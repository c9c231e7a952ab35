"""Pixels that move and channels beside each other, on the accelerator: every layer golden's, in strips too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import lower_accel
from edge_tr.accel.moves import PixelParams, with_moves
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.tr.requant import Rounding
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import samples
from tests.models.large_networks import Detector


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


class Moving(Detector):
    """A network whose layers move pixels."""

    def pad_by(self, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        h, w, c = self.shape
        amounts = self.model.constant(np.array([(0, 0), rows, columns, (0, 0)], np.int32))
        self._move("PAD", [self.x, amounts], (h + sum(rows), w + sum(columns), c), self.scale, self.zero)

    def slice_of(self, first: tuple[int, int], shape: tuple[int, int]) -> None:
        begin = self.model.constant(np.array([0, *first, 0], np.int32))
        size = self.model.constant(np.array([1, *shape, self.shape[2]], np.int32))
        self._move("SLICE", [self.x, begin, size], (*shape, self.shape[2]), self.scale, self.zero)


def moving(height: int, width: int) -> Graph:
    """A feature map doubled beside one that was not halved, between a border and a cut."""
    net = Moving(np.random.default_rng(5), (height, width, 3))
    net.silu(5, 3)
    net.pad_by((1, 2), (2, 1))
    net.slice_of((1, 1), (height + 1, width + 2))
    net.slice_of((0, 1), (height, width))
    kept = net.x
    net.silu(8, 3, 2)
    before = net.x
    net.silu(8, 3)
    net.add(before, Detector.COMMON)
    net.doubled()
    net.joined([net.x, kept, net.x], 21)
    net.silu(6)
    net.conv(4, (3, 3), (2, 2))
    return parse(net.finish())


@pytest.mark.parametrize(("words", "budget"), [(1024, "lossless"), (150, "lossless"), (150, "g=8,k=6")])
def test_moved_pixels_and_joined_channels_equal_golden(board: SimulatedBoard, words: int, budget: str) -> None:
    graph = moving(26, 20)
    program = lower_accel(graph, parse_budget(budget), words=words)
    assert {layer.name for layer in program.most.host_layers} <= {"add_12"}
    assert words == 1024 or max(len(layer.parts) for layer in program.most.layers) > 1
    compare(board, graph, program, samples(graph, np.random.default_rng(2), 3))


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_a_move_are_those_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height = 2 * int(rng.integers(4, 9))
    for op in with_moves(moving(height, 8)).ops:
        if not isinstance(op.record, PixelParams):
            continue
        p = op.record
        x = rng.integers(-128, 128, p.input_shape, np.int8)
        flat = x.reshape(-1, x.shape[2])
        whole = np.where(p.sources[:, :, None] < 0, p.filling, flat[p.sources])
        first = int(rng.integers(p.output_shape[0]))
        span = first, int(rng.integers(first, p.output_shape[0])) + 1
        read = p.rows(span)
        part, rows = p.of_rows(read, span), x[slice(*read)].reshape(-1, x.shape[2])
        np.testing.assert_array_equal(
            np.where(part.sources[:, :, None] < 0, p.filling, rows[part.sources]), whole[slice(*span)]
        )
        original = next(of for of in moving(height, 8).ops if of.index == op.index)
        np.testing.assert_array_equal(original.record.golden([x[None]], Rounding.DOUBLE)[0].reshape(whole.shape), whole)
