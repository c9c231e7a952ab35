"""An addition's tables come while another command reads the weight memory: the prediction follows them word by word."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import lower_accel
from edge_tr.accel.cycles import TABLE_WORD, TABLE_WORDS, Coming, Gaps
from edge_tr.ir.tflite import parse
from edge_tr.prepared.budget import parse as parse_budget
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import Network, samples


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


@pytest.mark.parametrize(("shape", "channels", "stride"), [((6, 6, 300), 12, 2), ((4, 4, 400), 8, 1)])
def test_a_layer_that_waits_for_its_windows_lets_tables_by(
    board: SimulatedBoard, shape: tuple[int, int, int], channels: int, stride: int
) -> None:
    """The second layer's data are truncated by tables, which come beside the first one; few words, many channels."""
    net = Network(np.random.default_rng(4), shape)
    net.conv(channels, (1, 1), (stride, stride))
    net.depthwise(1, (3, 3), (1, 1))
    graph = parse(net.finish())
    program = lower_accel(graph, parse_budget("g=8,k=2,s=4"))
    assert not program.most.host_layers
    compare(board, graph, program, samples(graph, np.random.default_rng(1), 2))


def asked_for() -> Coming:
    coming = Coming()
    coming.start()
    return coming


def test_where_nothing_else_is_read_tables_come_one_word_after_the_other() -> None:
    whole = asked_for().take()
    assert whole == TABLE_WORDS * TABLE_WORD - 5
    for cycles in range(whole + 20):
        coming = asked_for()
        assert coming.go_by(cycles) == 0 and coming.take() == max(0, whole - cycles)


def test_a_command_that_never_lets_go_holds_them_up() -> None:
    coming = asked_for()
    assert coming.go_by(1000, Gaps((), False)) == 0 and coming.take() == (TABLE_WORDS - 1) * TABLE_WORD


def test_reads_delay_term_words_unless_these_wait_anyway() -> None:
    spans = ((0, 50), (100, 150), (150, 160))
    yielding, other = asked_for(), asked_for()
    assert other.go_by(160, Gaps(spans, False)) == 0
    late = yielding.go_by(160, Gaps(spans, True))
    assert 0 < late <= 6  # what the first span lost was made good in the pause
    assert yielding.words <= other.words
