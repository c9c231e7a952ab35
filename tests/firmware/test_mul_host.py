"""MUL of all pairs of bytes equals golden, for factors on both sides of a half and so small that nothing is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_models import expected_bytes, lower_with

ALL = np.arange(-128, 128, dtype=np.int8)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.mark.parametrize(
    ("factor", "zeros"),
    [(0.4999, (0, 0)), (1 / 256, (-128, -128)), (2.0**-16, (127, 5)), (2.0**-21, (3, 127)),
     (2.0**-30, (-128, -128)), (0.75, (1, 3)), (1.0, (0, 0)), (700.0, (-3, 100))],
)  # fmt: skip
def test_all_products(factor: float, zeros: tuple[int, int], tmp_path: Path, runtime: Path) -> None:
    """Both operands are the input."""
    model = ModelWriter()
    x = model.activation((1, 256), 1.0, zeros[0])
    first, second = model.activation((1, 256, 1), 1.0, zeros[0]), model.activation((1, 1, 256), 1.0, zeros[0])
    y = model.activation((1, 256, 256), float(np.float32(1 / factor)), zeros[1])
    model.op("RESHAPE", [x, model.constant(np.array([1, 256, 1], np.int32))], [first])
    model.op("RESHAPE", [x, model.constant(np.array([1, 1, 256], np.int32))], [second])
    model.op("MUL", [first, second], [y], fused_activation_function="NONE")
    graph = parse(model.finish([x], [y]))
    program = lower_with(graph, "int8", "lossless")
    samples = np.stack([ALL, np.roll(ALL, 77)])
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, samples.tobytes()) == expected_bytes(graph, program, samples)
