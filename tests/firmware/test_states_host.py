"""Operators that are made of dot products and keep states: their C under sanitizers against golden, over many steps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_tr.golden.ends import sample_shape
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.lower.program import Program, data_terms
from tests.firmware.harness_build import HERE, SANITIZER_ENVIRONMENT, compile_model, compile_runtime
from tests.firmware.harness_models import BUDGETS, KERNELS, lower_levels, lower_with
from tests.models.random_ops import STATEFUL, build
from tests.operators.test_op_svdf import svdf

SEQUENCES, STEPS = 2, 5


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


def sequences(graph: Graph, rng: np.random.Generator) -> np.ndarray:
    """int8 [SEQUENCES, STEPS, ...] inputs; both ends of int8 in the first one."""
    shape = sample_shape(graph.tensor(graph.inputs[0]))
    x = rng.integers(-128, 128, (SEQUENCES, STEPS, *shape), np.int8)
    x[0, 0], x[0, 1] = -128, 127
    return x


def assert_c_equals_golden(graph: Graph, program: Program, x: np.ndarray, folder: Path, runtime: Path) -> None:
    """Every layer's tensor in every step, at every level."""
    executable = compile_model(program, folder, runtime, [HERE / "harness_steps.c"])
    for number, level in enumerate(program.levels):
        result = run(graph, x, weights=level.revealed, data_terms=data_terms(program), keep="all")
        alive = level.alive.of(result.tensors)
        layers = [alive[layer.output].reshape(SEQUENCES * STEPS, -1) for layer in program.layers]
        words = [str(executable), str(number), str(STEPS)]
        done = subprocess.run(words, input=x.tobytes(), capture_output=True, env=SANITIZER_ENVIRONMENT, timeout=120)
        assert done.returncode == 0 and not done.stderr, done.stderr.decode()[:2000]
        assert done.stdout == np.concatenate(layers, axis=1).tobytes(), f"level {number}"


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", STATEFUL)
def test_parts_equal_golden_with_every_kernel(kind, kernel, tmp_path, runtime):
    """Each kernel with one of the budgets; where it does not take a part, that has another one."""
    number = KERNELS.index(kernel)
    rng = np.random.default_rng([number, STATEFUL.index(kind), 23])
    graph = parse(build(kind, rng))
    program = lower_with(graph, kernel, BUDGETS[(number + STATEFUL.index(kind)) % len(BUDGETS)])
    assert_c_equals_golden(graph, program, sequences(graph, rng), tmp_path, runtime)


@pytest.mark.parametrize("budgets", ["g=8,k=4; g=8,k=9; lossless", "g=4,k=2,s=2; g=4,k=5,s=2"])
@pytest.mark.parametrize("kind", STATEFUL)
def test_parts_equal_golden_at_every_level(kind, budgets, tmp_path, runtime):
    rng = np.random.default_rng([len(budgets), STATEFUL.index(kind), 29])
    graph = parse(build(kind, rng))
    assert_c_equals_golden(graph, lower_levels(graph, budgets), sequences(graph, rng), tmp_path, runtime)


@pytest.mark.parametrize("seed", range(2))
def test_int8_states_equal_golden(seed, tmp_path, runtime):
    rng = np.random.default_rng([seed, 31])
    graph = parse(svdf(rng, "int8"))
    assert_c_equals_golden(graph, lower_with(graph, "fours", "lossless"), sequences(graph, rng), tmp_path, runtime)
