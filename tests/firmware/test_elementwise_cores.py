"""Operators of one and of two operands on emulated cores, against golden."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.firmware.harness_cores import TARGETS, compile_runtime_for, link_model, run_model
from tests.firmware.harness_models import expected_bytes, lower_with

SHAPE = (1, 5, 7, 3)
TABLES = ("LOGISTIC", "HARD_SWISH", "RELU6")
PAIRS = ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "PRELU", "DIV", "MAXIMUM", "FLOOR_DIV")


def elementwise() -> Graph:
    """Every kernel: tables, both operands computed, a constant of other channels, rows and columns, and flags."""
    rng = np.random.default_rng(3)
    model = ModelWriter()
    x = model.activation(SHAPE, 0.05, 3)
    last = x

    def then(kind: str, inputs: list[int], scale: float = 0.05, zero: int = 3, dtype: str = "int8", **options) -> int:
        y = model.activation(SHAPE, None if dtype == "bool" else scale, zero, dtype=dtype)
        model.op(kind, inputs, [y], **options)
        return y

    def constant(shape: tuple[int, ...]) -> int:
        return model.constant(rng.integers(4, 128, shape).astype(np.int8), [0.04], [1])

    for kind in TABLES:
        scale, zero = (1 / 256, -128) if kind == "LOGISTIC" else (0.05, 3)
        last = then(kind, [last], scale, zero)
    for n, kind in enumerate(PAIRS):
        shape = ((3,), (1, 1, 7, 1), (5, 1, 3), SHAPE)[n % 4]
        options = dict(fused_activation_function="NONE") if kind in ("ADD", "SUB", "MUL", "DIV") else {}
        sides = [last, constant(shape)]
        last = then("MAXIMUM", [then(kind, sides, 0.1, -7, **options), x], 0.05, 3)
    total = then("ADD_N", [last, last, x])
    flags = [then("LESS", [total, x], dtype="bool"), then("EQUAL", [x, last], dtype="bool")]
    flag = then("LOGICAL_OR", flags, dtype="bool")
    y = then("SELECT_V2", [flag, last, constant((3,))])
    return parse(model.finish([x], [then("SUB", [y, x], 0.06, fused_activation_function="RELU")]))


@pytest.mark.parametrize("core", TARGETS)
def test_elementwise_operators(core, tmp_path):
    graph = elementwise()
    (tmp_path / "runtime").mkdir()
    program = lower_with(graph, "int8", "lossless", TARGETS[core].isa)
    elf = link_model(TARGETS[core], program, compile_runtime_for(TARGETS[core], tmp_path / "runtime"), tmp_path)
    x = np.random.default_rng(4).integers(-128, 128, (3, *SHAPE[1:])).astype(np.int8)
    x[0], x[1] = -128, 127
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)
