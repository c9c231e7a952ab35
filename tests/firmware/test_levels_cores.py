"""Several budgets in one image: after each switch every tensor is golden's, on this computer and on every core."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_cores import TARGETS, compile_runtime_for, link_model, run_model
from tests.firmware.harness_models import expected_bytes, lower_levels, random_network, samples
from tests.firmware.test_kernels_cores import extreme_network, rectified_network
from tests.models.random_ops import build

LEVELS = ("g=8,k=4; g=8,k=9; g=8,k=16; lossless", "g=3,k=1; g=3,k=2", "g=4,k=2,s=2; k=7,g=4,s=2; s=2")
DOT_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


def assert_host_equals_golden(graph, budgets: str, x: np.ndarray, folder, runtime) -> None:
    program = lower_levels(graph, budgets)
    assert {layer.kernel_name for layer in program.layers if layer.dot} == {"levels"}
    executable = compile_model(program, folder, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


@pytest.mark.parametrize("budgets", LEVELS)
@pytest.mark.parametrize("kind", DOT_KINDS)
def test_every_level_of_a_layer_equals_golden(kind, budgets, tmp_path, runtime):
    for seed in range(3):
        rng = np.random.default_rng([seed, LEVELS.index(budgets), DOT_KINDS.index(kind)])
        graph = parse(build(kind, rng))
        assert_host_equals_golden(graph, budgets, samples(graph, rng, 8), tmp_path, runtime)


@pytest.mark.parametrize("budgets", LEVELS)
def test_every_level_of_a_network_equals_golden(budgets, tmp_path, runtime):
    rng = np.random.default_rng(LEVELS.index(budgets))
    for graph in (parse(random_network(rng)), extreme_network(rng), rectified_network(rng, 5)):
        assert_host_equals_golden(graph, budgets, samples(graph, rng), tmp_path, runtime)


@pytest.mark.parametrize("core", TARGETS)
def test_every_level_on_every_core(core, tmp_path):
    rng = np.random.default_rng(5)
    runtime = compile_runtime_for(TARGETS[core], tmp_path)
    for graph, budgets in ((extreme_network(rng), LEVELS[0]), (rectified_network(rng), LEVELS[2])):
        program = lower_levels(graph, budgets, TARGETS[core].isa)
        x = samples(graph, rng, 3)
        assert run_model(link_model(TARGETS[core], program, runtime, tmp_path), program, x) == expected_bytes(
            graph, program, x
        )
