"""Several budgets in one program: switched between inferences, each bit-exact, nothing loaded again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import AccelProgram, lower_accel
from edge_tr.formats.accelerator import REGISTER
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.prepared.budget import parse as parse_budget
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import Network, samples
from tests.models import random_models

BUDGETS = ("g=8,k=3", "g=8,k=8", "lossless")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


def lowered(data: bytes, budgets: tuple[str, ...] = BUDGETS) -> tuple[Graph, AccelProgram]:
    graph, (*below, budget) = parse(data), map(parse_budget, budgets)
    return graph, lower_accel(graph, budget, below)


@pytest.mark.parametrize("seed", (3, 12, 19))
def test_every_level_of_a_random_model_equals_golden(board: SimulatedBoard, seed: int) -> None:
    graph, program = lowered(random_models.build(np.random.default_rng([26, seed])))
    assert [str(level.budget) for level in program.levels] == list(BUDGETS)
    compare(board, graph, program, samples(graph, np.random.default_rng(seed), 3))


def test_levels_are_switched_in_any_order_and_nothing_is_loaded(board: SimulatedBoard) -> None:
    model = Network(np.random.default_rng(3), (9, 7, 3))
    model.pad()
    model.conv(6, (3, 3), (1, 1), "RELU")
    model.pad()
    model.conv(5, (3, 3), (1, 1))
    model.flatten()
    model.dense(4)
    graph, program = lowered(model.finish())
    x = samples(graph, np.random.default_rng(0), 2)
    golden = [run(graph, x, weights=level.revealed).output.reshape(2, -1) for level in program.levels]
    assert not np.array_equal(golden[0], golden[2])
    accelerator = board.load(program)
    assert accelerator.level == 2  # the most terms
    sent = []
    transfer = accelerator.dma.sendchannel.transfer
    accelerator.dma.sendchannel.transfer = lambda buffer: (sent.append(buffer.nbytes), transfer(buffer))
    for level in (2, 0, 1, 0, 2, 1):
        accelerator.level = level
        assert np.array_equal(accelerator.predict(x).reshape(2, -1), golden[level])
        assert accelerator.cycles == pytest.approx(program.levels[level].cycles, rel=0.02)
    assert max(sent) < program.load.nbytes
    assert accelerator.ip.read(REGISTER.PROGRAM) == program.program_crc


@pytest.mark.parametrize("level", [-1, 3])
def test_a_level_that_is_not_there_is_refused_and_changes_nothing(board: SimulatedBoard, level: int) -> None:
    model = Network(np.random.default_rng(3), (9, 7, 3))
    model.conv(6, (3, 3), (1, 1), "RELU")
    accelerator = board.load(lowered(model.finish())[1])
    accelerator.level = 1
    with pytest.raises(
        board.module("errors").UsageError,
        match=rf"no level {level}: this program has 0 \(g=8,k=3\), 1 .*, 2 \(lossless\)",
    ):
        accelerator.level = level
    assert accelerator.level == 1


def test_what_one_level_cannot_compute_is_the_processors_at_all(board: SimulatedBoard) -> None:
    """Weights of 127 may sum up to more than 24 bits; one power of two in eight of them does not."""
    model = Network(np.random.default_rng(1), (5, 5, 40))
    model.conv(4, (3, 3), (1, 1))
    model.conv(3, (1, 1), (1, 1))
    graph, program = lowered(rewrite_weights(model.finish(), {0: np.full((4, 360), 127, np.int8)}), ("k=1", "lossless"))
    for level in program.levels:
        assert [layer.name for layer in level.host_layers] == ["conv_2d_0"]
    assert "more than 24 bits" in program.levels[0].host_layers[0].reason
    compare(board, graph, program, samples(graph, np.random.default_rng(0), 2))
