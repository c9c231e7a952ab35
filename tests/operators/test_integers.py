"""Operators of two int32 operands against the interpreter, and in C under sanitizers: wrapping, signs, broadcast."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.operators.integers import ACTIVATED, APPLY, COMPARE
from tests.models.drawing import ACTIVATIONS
from tests.operators.drawn_pairs import shapes
from tests.operators.typed import Typed

DIVIDING = ("DIV", "FLOOR_DIV", "FLOOR_MOD")


def integers(rng: np.random.Generator, kind: str) -> bytes:
    """Of the input times a number up to 2^24 and a constant, or of the input and its square."""
    first, second = shapes(rng)
    while max(len(first), len(second)) > 4:
        first, second = shapes(rng)
    made = Typed(first)
    x = made.scaled(by=int(rng.choice([1, -3, 12345678])))
    if first == second and rng.random() < 0.5 and kind not in DIVIDING:
        b = made.op("MUL", [x, x], first, "int32", fused_activation_function="NONE")
    else:
        values = rng.integers(-(2**31), 2**31, second) if rng.random() < 0.5 else rng.integers(-9, 9, second)
        b = made.model.constant(np.where(values == 0, 1, values).astype(np.int32))
    pair = [b, x] if kind not in DIVIDING and rng.random() < 0.3 else [x, b]
    after, options = np.broadcast_shapes(first, second), {}
    if kind in ACTIVATED:
        options["fused_activation_function"] = str(rng.choice(ACTIVATIONS))
    dtype = "bool" if kind in COMPARE else "int32"
    return made.finish(made.op(kind, pair, after, dtype, **options), dtype, after)


def every_operator(rng: np.random.Generator) -> bytes:
    """One after the other, with constants on either side and of one row; and of two computed operands."""
    made = Typed((1, 3, 4, 5))
    x = at = made.scaled(by=12345678)
    for kind in rng.permutation([*APPLY, *COMPARE]):
        dtype, options = "bool" if kind in COMPARE else "int32", {"fused_activation_function": "NONE"}
        values = rng.choice([-(2**31), -70000, -3, -1, 0, 1, 5, 2**31 - 1], (4, 1) if rng.random() < 0.5 else (5,))
        pair = [at, x if rng.random() < 0.3 else made.model.constant(values.astype(np.int32))]
        swaps = rng.random() < 0.3
        at = made.op(kind, pair[::-1] if swaps else pair, made.shape, dtype, **(options if kind in ACTIVATED else {}))
        if dtype == "bool":
            at = made.cast(at, "bool", "int32", made.shape)
            at = made.op("ADD", [at, x], made.shape, "int32", **options)
    return made.finish(at, "int32", made.shape)


@pytest.mark.parametrize("kind", (*APPLY, *COMPARE))
def test_int32_operators_equal_the_reference(kind):
    for seed in range(25):
        rng = np.random.default_rng([seed, 3])
        data = integers(rng, kind)
        graph, oracle = parse(data), Oracle(data)
        x = rng.integers(-128, 128, (4, *graph.tensor(graph.inputs[0]).shape[1:])).astype(np.int8)
        found = run(graph, x, keep="all").tensors
        for index, expected in oracle.tensors(x).items():
            np.testing.assert_array_equal(found[index], expected, err_msg=f"seed {seed}, tensor {index}")
