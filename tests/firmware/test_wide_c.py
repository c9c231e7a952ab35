"""Operators on int16 activations in C: under sanitizers, and a network on emulated cores."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_cores import TARGETS, compile_runtime_for, link_model, run_model
from tests.firmware.harness_models import expected_bytes, lower_with, samples
from tests.models.wide import BUILDERS, FINE, Wide, with_int8_ends


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", BUILDERS)
def test_layers_equal_golden(kind, seed, tmp_path, runtime):
    rng = np.random.default_rng([seed, 5])
    graph = parse(with_int8_ends(kind, rng))
    program, x = lower_with(graph, "int8", "lossless"), samples(graph, rng, 12)
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


class Int8Ends(Wide):
    int8_ends = True


def network(rng: np.random.Generator) -> Graph:
    """A convolution, a function, a sum, a pool and a fully connected layer with a softmax behind it."""
    net = Int8Ends(rng, (1, 6, 5, 3), 2.0**-12)
    options = dict(padding="SAME", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
    weights = net.model.constant(rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8), [0.003])
    bias = net.model.constant(rng.integers(-(2**20), 2**20, 4), [0.003 * net.scale])
    image = net.add("CONV_2D", [net.x, weights, bias], (1, 6, 5, 4), net.scale, version=4, **options)
    gate = net.add("LOGISTIC", [image], (1, 6, 5, 4), FINE)
    gated = net.add("MUL", [image, gate], (1, 6, 5, 4), net.scale)
    total = net.add("ADD", [gated, image], (1, 6, 5, 4), net.scale * 1.7)
    window = dict(padding="VALID", stride_h=2, stride_w=2, filter_height=2, filter_width=2)
    pooled = net.add("AVERAGE_POOL_2D", [total], (1, 3, 2, 4), net.scale * 1.7, version=3, **window)
    weights = net.model.constant(rng.integers(-128, 128, (5, 24)).astype(np.int8), [0.01])
    dense = net.add("FULLY_CONNECTED", [pooled, weights], (1, 5), net.scale * 8, version=4)
    return parse(net.finish(net.add("SOFTMAX", [dense], (1, 5), FINE, beta=1.0), (1, 5), FINE))


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32ec"])
def test_a_network_on_every_core(core, tmp_path):
    rng, target = np.random.default_rng(7), TARGETS[core]
    graph = network(rng)
    program, x = lower_with(graph, "int8", "lossless", target.isa), samples(graph, rng, 3)
    (tmp_path / "runtime").mkdir()
    elf = link_model(target, program, compile_runtime_for(target, tmp_path / "runtime"), tmp_path)
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)
