"""What the accelerator has no engine or no room for is the processor's, in turns, and every layer stays golden's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import AccelProgram, lower_accel
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.prepared.budget import parse as parse_budget
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import Network, samples
from tests.models import random_models
from tests.models.padded import padded
from tests.models.random_models import RandomModel


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


class Model(RandomModel):
    """A model of a given input shape."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        Network.__init__(self, np.random.default_rng(seed), shape)

    def reshape(self, *shape: int) -> None:
        self._reshape(shape)

    def add(self, other: int, scale: float) -> None:
        """x + an earlier tensor of the same shape."""
        self._move("ADD", [self.x, other], self.shape, scale, self._zero(), fused_activation_function="NONE")


def built(model: Model, budget: str = "lossless") -> tuple[Graph, AccelProgram]:
    graph = parse(model.finish())
    return graph, lower_accel(graph, parse_budget(budget))


def split(program: AccelProgram) -> list[tuple[list[str], list[str]]]:
    """Of each turn, kinds of layers on the processor and on the accelerator."""
    ops = {op.index: op.kind for op in program.most.alive.graph.ops}
    return [
        ([ops[layer.op] for layer in turn.host],
         [ops[layer.op] for layer in turn.segment.layers] if turn.segment else [])
        for turn in program.most.turns
    ]  # fmt: skip


def check(board: SimulatedBoard, graph: Graph, program: AccelProgram) -> None:
    compare(board, graph, program, samples(graph, np.random.default_rng(5), 3))
    layers = [layer.name for turn in program.most.turns for layer in turn.layers]
    assert len(layers) == len(set(layers))


def test_what_comes_before_the_first_layer_and_after_the_last_is_pipelined(board: SimulatedBoard) -> None:
    model = Model((60,))
    model.reshape(5, 4, 3)
    model.conv(7, (3, 3), (1, 1))
    model.flatten()
    model.dense(6)
    model.softmax()
    graph, program = built(model)
    assert split(program) == [(["RESHAPE"], ["CONV_2D", "FULLY_CONNECTED"]), (["SOFTMAX"], [])]
    check(board, graph, program)


@pytest.mark.parametrize("budget", ["lossless", "g=8,k=6,s=4"])
def test_a_layer_in_the_middle_is_the_processors(board: SimulatedBoard, budget: str) -> None:
    model = Model((9, 7, 3))
    model.conv(6, (3, 2), (1, 1), "RELU")
    model.pad()
    model.skip()
    model.softmax()
    model.conv(5, (1, 1), (2, 2))
    graph, program = built(model, budget)
    assert [host for host, _ in split(program)] == [[], ["PAD"], ["SOFTMAX"]]
    check(board, graph, program)
    assert program.levels[0].cycles > sum(layer.cycles for layer in program.most.layers)


def test_the_processor_takes_two_tensors_of_one_run(board: SimulatedBoard) -> None:
    model = Model((6, 6, 4))
    model.conv(5, (3, 3), (1, 1))
    first = model.x
    model.conv(5, (3, 1), (1, 1))
    model.add(first, model.scale / 30)  # beyond what an addition's tables hold
    model.conv(3, (1, 1), (1, 1))
    graph, program = built(model)
    assert split(program) == [([], ["CONV_2D", "CONV_2D"]), (["ADD"], ["CONV_2D"])]
    segment = program.most.segments[0]
    assert [read.tensor for read in segment.reads] == [layer.tensor for layer in segment.layers[:2]]
    assert "table" in program.most.host_layers[0].reason
    check(board, graph, program)


def test_a_new_shape_with_the_same_channels_costs_nothing(board: SimulatedBoard) -> None:
    model = Model((6, 5, 4))
    model.conv(6, (3, 3), (1, 1))
    model.reshape(1, 30, 6)
    model.conv(4, (1, 5), (1, 2))
    model.skip()
    model.reshape(3, 5, 4)
    model.pool("MAX_POOL_2D", 2)
    graph, program = built(model)
    assert split(program) == [([], ["CONV_2D", "CONV_2D", "CONV_2D", "ADD", "MAX_POOL_2D"])]
    check(board, graph, program)


def test_a_new_shape_with_other_channels_goes_through_the_processor(board: SimulatedBoard) -> None:
    model = Model((4, 6, 4))
    model.conv(6, (3, 3), (1, 1))
    model.reshape(6, 4, 6)
    model.conv(4, (3, 3), (1, 1))
    model.reshape(8, 4, 3)
    model.conv(4, (3, 3), (2, 2))
    graph, program = built(model)
    assert split(program) == [([], ["CONV_2D", "CONV_2D"]), (["RESHAPE"], ["CONV_2D"])]
    check(board, graph, program)


def test_tensors_too_large_for_the_memory_are_computed_in_strips(board: SimulatedBoard) -> None:
    model = Model((42, 42, 1))
    model.conv(38, (1, 1), (1, 1))  # 1,064 words of 64
    model.pool("MAX_POOL_2D", 3)
    model.conv(3, (3, 3), (1, 1))
    graph, program = built(model)
    assert not program.most.host_layers and program.used["activation words"][0] <= 1024
    assert len(program.most.layers[0].parts) > 1
    check(board, graph, program)


@pytest.mark.parametrize("depthwise", [False, True])
def test_more_channels_than_partial_sums_are_kept_of_are_computed_in_parts(
    board: SimulatedBoard, depthwise: bool
) -> None:
    model = Model((3, 3, 280 if depthwise else 20))
    if depthwise:
        model.depthwise(1, (5, 5), (1, 1))
    else:
        model.conv(260, (3, 3), (1, 1))
    graph, program = built(model)
    assert not program.most.host_layers and program.used["commands"][0] > 4
    check(board, graph, program)


def test_an_average_over_part_of_the_image_is_not_taken_for_all_of_it(board: SimulatedBoard) -> None:
    """9 x 1 is the larger pair beside 8 x 9, and yet no window over all of that image."""
    model = Model((8, 9, 3))
    options = dict(padding="SAME", stride_h=9, stride_w=9, filter_height=9, filter_width=1)
    model._move("AVERAGE_POOL_2D", [model.x], (1, 1, 3), model.scale, model.zero, **options)
    model.flatten()
    model.dense(4)
    graph, program = built(model)
    assert [layer.name for layer in program.most.host_layers][:1] == ["average_pool_2d_0"]
    check(board, graph, program)


def test_a_sample_that_is_also_added_lies_as_the_addition_needs_it(board: SimulatedBoard) -> None:
    model = Model((8, 8, 3))
    sample = model.x
    model.conv(3, (3, 3), (1, 1))
    model.add(sample, 2 * model.scale)
    model.conv(4, (3, 3), (2, 2))
    graph, program = built(model)
    assert not program.most.host_layers
    check(board, graph, program)


def test_a_model_without_a_layer_for_the_accelerator_is_the_processors(board: SimulatedBoard) -> None:
    model = Model((12,))
    model.softmax()
    model.softmax()
    graph, program = built(model)
    assert split(program) == [(["SOFTMAX", "SOFTMAX"], [])]
    assert all("no engine" in layer.reason for layer in program.most.host_layers)
    check(board, graph, program)


@pytest.mark.parametrize("seed", range(2))
def test_windows_do_what_pads_did_here_too(board: SimulatedBoard, seed: int) -> None:
    net = padded(np.random.default_rng([seed, 15]))
    graph = parse(net.finish())
    program = lower_accel(graph, parse_budget("lossless"))
    kinds = {op.index: op.kind for op in graph.ops}
    assert [kinds[layer.op] for layer in program.most.host_layers].count("PAD") <= net.stays
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"} <= {kinds[layer.op] for layer in program.most.layers}
    compare(board, graph, program, samples(graph, net.rng, 2))


def test_a_model_of_which_nothing_fits_is_the_processors(board: SimulatedBoard) -> None:
    model = Model((2, 33000, 1))  # not even a row
    model.conv(1, (1, 1), (1, 1))
    graph, program = built(model)
    (layer,) = program.most.host_layers
    assert "its tensors need 2,064 words of 64 values, there are 1,024" in layer.reason
    check(board, graph, program)


@pytest.mark.parametrize("seed", range(6))
def test_random_models_equal_golden_layer_by_layer(board: SimulatedBoard, seed: int) -> None:
    rng = np.random.default_rng([seed, 77])
    graph = parse(random_models.build(rng, 5))
    budget = ("lossless", "g=8,k=7", "g=4,k=5,s=3")[seed % 3]
    check(board, graph, lower_accel(graph, parse_budget(budget)))
