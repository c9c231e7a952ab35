"""Channels whose sums no accumulator of the array holds, but whose result is one value: computed there all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_tr.accel import lower_accel
from edge_tr.accel.sums import reach_of, settled
from edge_tr.formats import accelerator as f
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.operators import DotParams
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.tr.requant import Rounding
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import Network, samples

ENDS = (1 << 30, -(1 << 30), (1 << 31) - 1 - (1 << 16), 1 << 23)


def with_wide_channels(seed: int) -> Graph:
    """A convolution and a fully connected layer of which some channels have large biases, with weights or without."""
    rng = np.random.default_rng(seed)
    net = Network(rng, (6, 7, 3))
    net.conv(8, (3, 3), (1, 1))
    net.mean()
    net.dense(6)
    graph = parse(net.finish())
    return replace(graph, ops=tuple(replace(op, record=_wide(op.record, rng)) for op in graph.ops))


def _wide(p: object, rng: np.random.Generator) -> object:
    if not isinstance(p, DotParams):
        return p
    weights, bias = p.weights.copy(), p.bias.copy()
    for row, end in enumerate(ENDS):
        bias[row] = end
        weights[row] *= rng.integers(2, dtype=np.int8)
    return replace(p, weights=weights, bias=bias)


@pytest.mark.parametrize("seed", range(6))
def test_settled_channels_have_the_same_results(seed: int) -> None:
    graph = with_wide_channels(seed)
    for op, other in zip(graph.ops, settled(graph).ops):
        x = np.random.default_rng(seed).integers(-128, 128, (40, graph.tensor(op.inputs[0]).size), np.int8)
        x[0], x[1] = -128, 127
        (given,), (found,) = (of.record.golden([x], Rounding.DOUBLE) for of in (op, other))
        np.testing.assert_array_equal(given, found)
        if isinstance(op.record, DotParams):
            assert (reach_of(other.record)[:2] < 1 << (f.SUM_BITS.value - 1)).all()
            same = reach_of(op.record) < 1 << (f.SUM_BITS.value - 1)
            np.testing.assert_array_equal(op.record.bias[same], other.record.bias[same])


def test_settled_channels_are_the_accelerators(tmp_path) -> None:
    board, graph = SimulatedBoard(tmp_path), with_wide_channels(3)
    try:
        program = lower_accel(graph, parse_budget("lossless"))
        compare(board, graph, program, samples(graph, np.random.default_rng(2), 4))
    finally:
        board.close()
    assert program.most.host_layers == ()
