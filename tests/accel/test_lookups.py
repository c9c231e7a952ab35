"""Functions of one value on the ADD engine: every layer golden's, also in strips; products of a tensor and what follows
from it are one table, and the factor that nothing else reads is gone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import lower_accel
from edge_tr.accel.lookups import with_lookups
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.prepared.budget import parse as parse_budget
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import samples
from tests.models.large_networks import Detector

FUNCTIONS = {
    "LOGISTIC": ((1 / 256, -128), {}),
    "TANH": ((1 / 128, 0), {}),
    "HARD_SWISH": ((0.04, -110), {}),
    "LEAKY_RELU": ((0.03, -20), {"alpha": 0.1}),
    "QUANTIZE": ((0.07, 5), {}),
}
"""By kind: quantisation of the result, options."""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


def functions(height: int, width: int) -> Graph:
    """Each function of a convolution's result, a product with a constant, an addition to what came before, a SiLU."""
    net = Detector(np.random.default_rng(7), (height, width, 3))
    net.conv(6, (3, 3), (2, 2))
    for number, (kind, of) in enumerate(FUNCTIONS.items()):
        quantization, options = of
        net._move(kind, [net.x], net.shape, *quantization, **options)
        net.conv(5 + number, (3, 3), (1, 1))
    three = net.model.constant(np.array([90], np.int8), [0.01], [-10])
    net._move("MUL", [net.x, three], net.shape, 0.03, -4)
    before = net.x
    net.silu(net.shape[2], 3)
    net.add(before, (0.07, -30))
    net.mean()
    net.dense(4)
    net._move("LOGISTIC", [net.x], net.shape, 1 / 256, -128)
    return parse(net.finish())


@pytest.mark.parametrize(("words", "budget"), [(1024, "lossless"), (100, "lossless"), (90, "g=8,k=6")])
def test_functions_of_one_value_equal_golden(board: SimulatedBoard, words: int, budget: str) -> None:
    graph = functions(44, 36)
    program = lower_accel(graph, parse_budget(budget), words=words)
    assert program.most.host_layers == ()
    names = {layer.name for layer in program.most.layers}
    assert {op.kind for op in graph.ops} - {name.rsplit("_", 1)[0].upper() for name in names} == set()
    logistics = [name for name in names if name.startswith("logistic")]
    assert len(logistics) == 2  # SiLU's is gone
    assert words == 1024 or max(len(layer.parts) for layer in program.most.layers) > 1
    compare(board, graph, program, samples(graph, np.random.default_rng(2), 3))


def test_a_factor_that_others_read_stays(board: SimulatedBoard) -> None:
    net = Detector(np.random.default_rng(8), (8, 8, 3))
    net.conv(4, (3, 3), (1, 1))
    before = net.x
    net._move("LOGISTIC", [before], net.shape, 1 / 256, -128)
    gate = net.x
    net._move("MUL", [before, gate], net.shape, 0.05, -100)
    graph = parse(net.model.finish([net.input], [net.x, gate]))
    program = lower_accel(graph, parse_budget("lossless"))
    assert [layer.name for layer in program.most.layers] == ["conv_2d_0", "logistic_1", "mul_2"]
    compare(board, graph, program, samples(graph, np.random.default_rng(2), 3))


def test_what_the_processor_computes_stays_as_the_file_has_it() -> None:
    net = Detector(np.random.default_rng(9), (16, 16, 3))
    net.conv(16, (3, 3), (1, 1))
    net.silu(16)
    graph = parse(net.finish())
    (product,) = (op for op in graph.ops if op.kind == "MUL")
    left = with_lookups(graph, {product.index})
    assert [(op.kind, op.inputs) for op in left.ops] == [(op.kind, op.inputs) for op in graph.ops]
    (factor,) = (op.inputs[0] for op in graph.ops if op.kind == "LOGISTIC")
    assert [op.inputs for op in with_lookups(graph, ()).ops if op.kind in ("MUL", "LOGISTIC")] == [(factor,)]


def test_a_product_with_a_constant_for_each_channel_is_no_function_of_one_value() -> None:
    net = Detector(np.random.default_rng(10), (5, 4, 3))
    net._move("LOGISTIC", [net.x], net.shape, 1 / 256, -128)
    for factors in (np.array([90, -3, 7], np.int8), np.full((1, 5, 4, 3), 9, np.int8)):
        net._move("MUL", [net.model.constant(factors, [0.01], [-10]), net.x], net.shape, 0.03, -4)
    graph = parse(net.finish())
    assert [op.inputs for op in with_lookups(graph, ()).ops] == [op.inputs for op in graph.ops]
