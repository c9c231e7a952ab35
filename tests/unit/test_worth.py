"""What dropping terms is worth: nothing where the fastest kernel multiplies, and more where terms cost more."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr import boards
from edge_tr.accel.lowering import lower_accel
from edge_tr.errors import UsageError
from edge_tr.ir.tflite import parse
from edge_tr.kernels.waiting import Behind
from edge_tr.prepared.budget import Budget, TrSetting
from edge_tr.tuning.cost import dot_layers
from edge_tr.tuning.machine import Accelerator, Processor
from edge_tr.tuning.worth import worth
from tests.firmware.harness_models import Network


@pytest.fixture(scope="module")
def graph():
    net = Network(np.random.default_rng(2), (12, 12, 8))
    net.conv(16, (3, 3), (1, 1), "RELU")
    net.depthwise(1, (3, 3), (1, 1), activation="RELU")
    net.conv(24, (1, 1), (1, 1), "RELU")
    net.flatten()
    net.dense(5)
    return parse(net.finish())


def test_where_terms_are_code_every_term_of_a_convolution_is_worth_something(graph) -> None:
    layers = dot_layers(graph)
    of = worth(graph, layers, Processor("armv6-m"))
    assert set(of) == {layer.name for layer in layers}
    assert all(of[layer.name] > 0 for layer in layers if layer.name.startswith("conv"))


def test_what_multiplies_at_any_number_of_terms_is_worth_nothing(graph) -> None:
    """On the L4R5 straight-line code waits for flash, so convolutions are multiplied."""
    board = boards.load("nucleo-l4r5zi")
    with pytest.raises(UsageError, match=r"no layer .* faster .* build it lossless"):
        worth(graph, dot_layers(graph)[:1], Processor("armv7e-m", Behind.of(board)))


def test_worth_is_in_units_of_the_mean_over_terms_used(graph) -> None:
    (one,) = worth(graph, dot_layers(graph)[:1], Processor("armv6-m")).values()
    assert one == 1.0


def test_on_the_accelerator_layers_that_the_host_computes_are_worth_nothing() -> None:
    """Its cycles are those of the schedule of the whole model."""
    net = Network(np.random.default_rng(3), (12, 12, 8))
    net.conv(16, (3, 3), (1, 1), "RELU")
    net.conv(24, (1, 1), (1, 1), "RELU")
    graph = parse(net.finish())
    machine, layers = Accelerator("full"), dot_layers(graph)
    program = lower_accel(graph, Budget())
    assert machine.estimate(graph) == (program.most.cycles, program.load.nbytes)
    whole = machine.cycles(graph, layers, None)
    assert whole == {layer.name: layer.cycles for layer in program.most.layers if layer.name in whole}
    of = worth(graph, layers, machine)
    assert of["conv_2d_0"] > 0
    away = lower_accel(graph, Budget(TrSetting(8, 4))).most.layers
    assert sum(of.cycles for of in away) < sum(whole.values())
