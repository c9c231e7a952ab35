"""The closed form of what a layer waits for against the simulation of the same stream, and when weights are copied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_tr import boards
from edge_tr.boards import Reads
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.kernels.waiting import INSTANT, Behind, Traffic, copying, stalls, table_stalls
from edge_tr.target.waits import IS_BLOCK, Waits
from tests.firmware.harness_models import Network, lower_with

FLASH, RAM = 0x800_0000, 0x2000_0000
NOTHING = Traffic(passes=1, table=0, load_bytes=4, channels=0, tiles=0, outputs=0, jumps=0)


def reads_of(board: str) -> Reads:
    return boards.load(board).reads


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "stm32f4-discovery"])
@pytest.mark.parametrize("size", [512, 4096])
def test_a_table_that_no_cache_holds_waits_in_each_pass(board: str, size: int) -> None:
    """Read word by word by code in RAM."""
    reads, passes = reads_of(board), 7
    waits = Waits(reads, FLASH, 1 << 20)
    words = np.arange(FLASH, FLASH + size, 4, dtype=np.uint64)
    steps = [[(2, 2, 1)] * len(words)]
    for _ in range(passes):
        waits.play(np.concatenate([[np.uint64(IS_BLOCK)], words]), [RAM], steps)
    traffic = replace(NOTHING, passes=passes, table=size)
    assert table_stalls(Behind(reads), traffic) == pytest.approx(waits.take().data, rel=0.02)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-g0b1re", "stm32f4-discovery"])
@pytest.mark.parametrize("each", [2, 4])
def test_straight_line_code_waits_for_what_flash_does_not_give(board: str, each: int) -> None:
    reads, count, times = reads_of(board), 4000, 3
    waits = Waits(reads, FLASH, 1 << 20)
    for _ in range(times):
        waits.play(np.array([IS_BLOCK], np.uint64), [FLASH], [[(each, 1, 0)] * count])
    code = replace(NOTHING, code=times * count * each, code_cycles=times * count)
    plain = stalls(Behind(reads), NOTHING)
    assert stalls(Behind(reads), code) - plain == pytest.approx(waits.take().code, rel=0.01, abs=20)


def test_nothing_waits_without_memory_or_wait_states() -> None:
    busy = Traffic(passes=9, table=999, load_bytes=4, channels=99, tiles=9, outputs=99, jumps=99, code=999)
    reads = reads_of("nucleo-l4r5zi")
    assert stalls(INSTANT, busy) == stalls(Behind(replace(reads, wait_states=0)), busy) == 0
    assert stalls(Behind(reads), busy) > stalls(Behind(reads, hot=True), busy) > 0


def convolution() -> Graph:
    """3x3, 64 output positions."""
    net = Network(np.random.default_rng(5), (8, 8, 16))
    net.conv(32, (3, 3), (1, 1), "RELU")
    return parse(net.finish())


def test_a_table_is_copied_where_that_is_faster_and_there_is_room() -> None:
    graph, reads = convolution(), reads_of("nucleo-l4r5zi")
    staged, plain, narrow = (
        lower_with(graph, "fours", "lossless", "armv7e-m", behind)
        for behind in (Behind(reads, 1 << 16), Behind(reads, 0), Behind(reads, 1000))
    )
    (layer,), (other,) = staged.layers, plain.layers
    assert layer.staged_bytes == len(layer.dot.table) and other.staged_bytes == narrow.layers[0].staged_bytes == 0
    assert layer.dot.estimate.cycles < other.dot.estimate.cycles
    (region,) = (region for region in staged.regions if region.kind == "staged weights")
    assert region.bytes == layer.staged_bytes
    assert staged.memory.size >= plain.memory.size + layer.staged_bytes
    assert "staged" not in {region.kind for region in plain.regions}
    saved = other.dot.estimate.cycles - layer.dot.estimate.cycles
    traffic = replace(
        NOTHING, passes=layer.op.record.output_shape[0] * layer.op.record.output_shape[1] / 2, table=layer.staged_bytes
    )
    assert saved == pytest.approx(
        table_stalls(Behind(reads), traffic) - copying(Behind(reads), traffic.table, "armv7e-m"), abs=2
    )


def test_a_table_that_is_read_once_is_never_copied() -> None:
    graph = convolution()
    one = Behind(Reads(clock_hz=1, wait_states=5, width=8, manual=""), 1 << 16)
    assert lower_with(graph, "fours", "lossless", "armv7e-m", INSTANT).layers[0].staged_bytes == 0
    assert copying(one, 4096, "armv7e-m") > table_stalls(one, replace(NOTHING, table=4096, load_bytes=8))
