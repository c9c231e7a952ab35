"""Operators on integers without a scale and on bool: golden against the interpreter, and C under sanitizers."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from tests.firmware import shared_images
from tests.firmware.harness_build import compile_runtime, run_c
from tests.firmware.harness_models import as_bytes, expected_bytes, lower_with, with_extremes
from tests.models.typed_ops import BUILDERS
from tests.operators.test_packaged_records import assert_equal_arithmetic


@pytest.mark.parametrize("kind", BUILDERS)
def test_random_models_equal_the_reference(kind):
    for seed in range(12):
        rng = np.random.default_rng([seed, 8])
        data = BUILDERS[kind](rng)
        graph, oracle = parse(data), Oracle(data)
        x = with_extremes(graph, rng, 5)
        result = run(graph, x, keep="all")
        for index, expected in oracle.tensors(x).items():
            assert result.tensors[index].dtype == expected.dtype
            np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"seed {seed}, tensor {index}")


def test_c_equals_golden(tmp_path):
    """All of them in one program."""
    cases = []
    for kind, seed in ((kind, seed) for kind in BUILDERS for seed in range(3)):
        rng = np.random.default_rng([seed, 5])
        graph = parse(BUILDERS[kind](rng))
        cases.append((kind, graph, lower_with(graph, "int8", "lossless"), with_extremes(graph, rng, 6)))
    (tmp_path / "runtime").mkdir()
    made = [shared_images.sources(program) for _, _, program, _ in cases]
    executable = shared_images.compile_host(made, compile_runtime(tmp_path / "runtime"), tmp_path)
    for number, (kind, graph, program, x) in enumerate(cases):
        got = run_c(executable, as_bytes(x, graph.inputs), arguments=[str(number)])
        assert got == expected_bytes(graph, program, x), f"{kind}, case {number}"


@pytest.mark.parametrize("kind", BUILDERS)
def test_records_survive_the_accelerators_package(kind):
    rng = np.random.default_rng([3, 1])
    graph = parse(BUILDERS[kind](rng))
    assert_equal_arithmetic(graph, with_extremes(graph, rng, 4)[graph.inputs[0]])
