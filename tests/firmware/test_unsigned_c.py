"""uint8 models in C: weights of nine bits with every kernel that holds them, and operators of their own arithmetic."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_cores import TARGETS, compile_runtime_for, link_model, run_model
from tests.firmware.harness_models import (
    BUDGETS,
    NINE_BITS,
    Network,
    expected_bytes,
    lower_levels,
    lower_with,
    random_network,
    samples,
)
from tests.models.random_ops import build
from tests.models.unsigned import as_uint8
from tests.operators.test_unsigned import concatenated

OTHERS = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_NORMALIZATION", "TRANSPOSE_CONV", "RESIZE_BILINEAR")
WAYS = [(kernel, budget) for kernel in NINE_BITS if kernel != "levels" for budget in BUDGETS]
LEVELS = "g=8,k=4; g=8,k=12; lossless"


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    """Library of each core, compiled when it is first asked for."""

    @functools.cache
    def of(core: str):
        return compile_runtime_for(TARGETS[core], tmp_path_factory.mktemp(core))

    return of


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


def assert_c_equals_golden(graph: Graph, program, x: np.ndarray, folder, runtime) -> None:
    executable = compile_model(program, folder, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_networks_equal_golden_with_every_kernel_and_budget(way, tmp_path, runtime):
    rng = np.random.default_rng([WAYS.index(way), 4])
    graph = parse(as_uint8(random_network(rng), rng))
    assert_c_equals_golden(graph, lower_with(graph, *way), samples(graph, rng), tmp_path, runtime)


@pytest.mark.parametrize("seed", range(3))
def test_networks_of_several_budgets_equal_golden(seed, tmp_path, runtime):
    rng = np.random.default_rng([seed, 11])
    graph = parse(as_uint8(random_network(rng), rng))
    assert_c_equals_golden(graph, lower_levels(graph, LEVELS), samples(graph, rng), tmp_path, runtime)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", OTHERS)
def test_layers_of_their_own_arithmetic_equal_golden(kind, seed, tmp_path, runtime):
    rng = np.random.default_rng([seed, OTHERS.index(kind)])
    graph = parse(as_uint8(build(kind, rng), rng))
    assert_c_equals_golden(graph, lower_with(graph, "pairs", "lossless"), samples(graph, rng), tmp_path, runtime)


def test_concatenations_that_rescale_equal_golden(tmp_path, runtime):
    rng = np.random.default_rng(3)
    graph = parse(concatenated(rng))
    assert_c_equals_golden(graph, lower_with(graph, "pairs", "lossless"), samples(graph, rng), tmp_path, runtime)


def mobilenet(rng: np.random.Generator) -> Graph:
    """As MobileNet v1, small: convolutions, depthwise and pointwise ones, an average over all, a softmax."""
    net = Network(rng, (12, 12, 3))
    net.conv(8, (3, 3), (2, 2), "RELU6")
    for channels, stride in ((12, 1), (16, 2), (16, 1)):
        net.depthwise(1, (3, 3), (1, 1), (stride, stride), "RELU6")
        net.conv(channels, (1, 1), (1, 1), "RELU6")
    h, w, c = net.shape
    options = dict(padding="VALID", stride_h=h, stride_w=w, filter_height=h, filter_width=w)
    net._move("AVERAGE_POOL_2D", [net.x], (1, 1, c), net.scale, net.zero, **options)
    net.conv(11, (1, 1), (1, 1))
    net.flatten()
    net.softmax()
    return parse(as_uint8(net.finish(), rng))


@pytest.mark.parametrize("kernel", [*NINE_BITS, "any"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32ec"])
def test_a_mobilenet_on_every_core(core, kernel, tmp_path, runtimes):
    rng = np.random.default_rng(5)
    graph, target = mobilenet(rng), TARGETS[core]
    if kernel == "levels":
        program = lower_levels(graph, LEVELS, target.isa)
    else:
        program = lower_with(graph, "int8" if kernel == "any" else kernel, "lossless", target.isa)
    elf, x = link_model(target, program, runtimes(core), tmp_path), samples(graph, rng, 3)
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32ec"])
def test_what_the_reference_resizes_in_floats_on_every_core(core, tmp_path, runtimes):
    rng, target = np.random.default_rng(2), TARGETS[core]
    graph = parse(as_uint8(build("RESIZE_BILINEAR", rng), rng))
    program = lower_with(graph, "pairs", "lossless", target.isa)
    elf, x = link_model(target, program, runtimes(core), tmp_path), samples(graph, rng, 3)
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)
