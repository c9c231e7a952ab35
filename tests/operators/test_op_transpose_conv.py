"""Random models of TRANSPOSE_CONV: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.kernels import KERNELS
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_models import expected_bytes, lower_with, samples
from tests.models.drawing import dot_tensors, scale, zero_point


def transpose_conv(rng: np.random.Generator, given: bool = False) -> bytes:
    """Both paddings, strides above and below the window, outputs of every size that the input allows. `given`: the
    output's shape is an input."""
    n, h, w, c, c_out = (int(v) for v in rng.integers(1, (3, 6, 6, 5, 5)))
    kernel, stride = rng.integers(1, 5, 2).tolist(), rng.integers(1, 4, 2).tolist()
    same = bool(rng.random() < 0.5)
    out = [
        int(rng.integers((size - 1) * s + 1, size * s + 1)) if same else (size - 1) * s + k + int(rng.integers(s))
        for size, k, s in zip((h, w), kernel, stride)
    ]
    model, s = ModelWriter(), scale(rng)
    x, shaped = (model.activation(shape, s, -7) for shape in ((1, n * h * w * c), (n, h, w, c)))
    model.op("RESHAPE", [x, model.constant(np.array((n, h, w, c), np.int32))], [shaped])
    weights, bias, y_scale = dot_tensors(rng, model, s, (c_out, *kernel, c), 0, bool(rng.random() < 0.5))
    y = model.activation((n, *out, c_out), y_scale, zero_point(rng))
    shape = model.activation((4,), dtype="int32") if given else model.constant(np.array((n, *out, c_out), np.int32))
    inputs = [shape, weights, shaped]
    options = dict(padding="SAME" if same else "VALID", stride_h=stride[0], stride_w=stride[1])
    model.op("TRANSPOSE_CONV", inputs + ([bias] if rng.random() < 0.7 else []), [y], version=3, **options)
    return model.finish([shape, x] if given else [x], [y])


BUILDERS = {"TRANSPOSE_CONV": transpose_conv}

WITH_SUMS = tuple(kernel.name for kernel in KERNELS if kernel.sums and not kernel.dialled and kernel.name != "int16")
BUDGETS = ("lossless", "g=2,k=3", "g=4,k=5,s=3")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.mark.parametrize("kernel", WITH_SUMS)
def test_c_equals_golden_with_every_kernel_and_budget(kernel: str, tmp_path: Path, runtime: Path) -> None:
    number = WITH_SUMS.index(kernel)
    rng = np.random.default_rng([number, 3])
    graph = parse(transpose_conv(rng))
    program = lower_with(graph, kernel, BUDGETS[number % len(BUDGETS)])
    (part,) = program.products
    assert part.name.endswith(".taps") and part.dot.terms > 0
    x = samples(graph, rng, 8)
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


@pytest.mark.parametrize("seed", range(8))
def test_a_budget_gives_what_the_interpreter_does_with_its_weights(seed: int) -> None:
    rng = np.random.default_rng([seed, 4])
    data = transpose_conv(rng)
    graph = parse(data)
    program = lower_with(graph, "int8", "g=4,k=3")
    revealed, x = program.revealed, samples(graph, rng)
    given = sum(record.weights.size for record in program.found.given.values())
    assert 0 < program.products[0].dot.terms <= 3 * -(-given // 4) * 4
    golden = run(graph, x, weights=revealed, rounding=reference_info().rounding).outputs
    for index, expected in Oracle(rewrite_weights(data, revealed)).outputs(x).items():
        np.testing.assert_array_equal(golden[index], expected)


@pytest.mark.parametrize("seed", range(6))
def test_a_shape_that_is_an_input_is_the_output_tensor_s(seed: int) -> None:
    """As a part of a model has it that was cut in front of the operator: the interpreter is given that shape."""
    data = transpose_conv(np.random.default_rng([seed, 5]), given=True)
    graph, oracle = parse(data), Oracle(data)
    assert len(graph.inputs) == len(graph.file_inputs) == 1
    x = samples(graph, np.random.default_rng(seed))
    golden = run(graph, x, rounding=reference_info(oracle.runtime).rounding).output
    np.testing.assert_array_equal(golden, oracle.run(x))
