"""LSTM and SVDF on emulated cores, step by step against golden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.golden.ends import sample_shape
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import load, parse
from edge_tr.lower.program import Program, data_terms
from edge_tr.target.count_trace import Machine
from tests.firmware.harness_cores import TARGETS, compile_runtime_for, link_model
from tests.firmware.harness_models import lower_levels
from tests.operators.test_op_svdf import svdf
from tests.operators.test_op_unidirectional_sequence_lstm import lstm

STEPS = 3
SHARED = ("trained_lstm_int8", "dtln_noise_suppression")
CORES = ("cortex-m0", "cortex-m4", "rv32ec")
DRAWN = {"all options": (lstm, 19), "no options": (lstm, 4), "svdf": (svdf, 1)}
"""Seeds of the first: coupled gates, peepholes, layer normalisation and a projection."""


@pytest.fixture(scope="module", params=CORES)
def core(request, tmp_path_factory):
    """(core, its runtime)."""
    return request.param, compile_runtime_for(TARGETS[request.param], tmp_path_factory.mktemp("runtime"))


def steps(graph: Graph, seed: int, count: int = STEPS) -> np.ndarray:
    """int8 [1, count, ...]: one sequence; its first two steps are the ends of int8."""
    x = np.random.default_rng(seed).integers(-128, 128, (1, count, *sample_shape(graph.tensor(graph.inputs[0]))))
    x[0, 0], x[0, 1] = 127, -128
    return x.astype(np.int8)


def assert_core_equals_golden(core: tuple[str, Path], graph: Graph, budgets: str, x: np.ndarray, folder: Path) -> None:
    """Every layer's tensor in every step, at every level."""
    name, runtime = core
    program: Program = lower_levels(graph, budgets, TARGETS[name].isa)
    machine = Machine(link_model(TARGETS[name], program, runtime, folder))
    for number, level in enumerate(program.levels):
        result = run(graph, x, weights=level.revealed, data_terms=data_terms(program), keep="all")
        expected = level.alive.of(result.tensors)
        machine.call("tr_model_set_level", number)
        machine.call("tr_model_reset")
        for step, sample in enumerate(x[0]):
            machine.write(machine.call("tr_model_input"), sample.tobytes())
            for position, layer in enumerate(program.layers):
                machine.call("tr_model_run_layer", position)
                size = machine.call("tr_model_layer_bytes", position)
                found = machine.read(machine.call("tr_model_layer_output", position), size)
                assert found == expected[layer.output][0, step].tobytes(), f"level {number}, step {step}, {layer.name}"


@pytest.mark.parametrize("drawn", DRAWN)
def test_random_models(drawn, core, tmp_path):
    builder, seed = DRAWN[drawn]
    graph = parse(builder(np.random.default_rng([seed, 2])))
    assert_core_equals_golden(core, graph, "lossless", steps(graph, seed), tmp_path)


def test_an_int8_state_at_several_levels(core, tmp_path):
    graph = parse(svdf(np.random.default_rng(6), "int8"))
    assert_core_equals_golden(core, graph, "g=8,k=5,s=3; g=8,k=9,s=3", steps(graph, 6), tmp_path)


@pytest.mark.parametrize("name", SHARED)
def test_shared_models(name, shared, core, tmp_path):
    graph = load(shared / "models" / f"{name}.tflite")
    assert_core_equals_golden(core, graph, "lossless", steps(graph, 1, 2), tmp_path)
