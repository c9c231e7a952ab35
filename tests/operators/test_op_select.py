"""Random models of SELECT and SELECT_V2: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import functools

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.operators.test_op_comparisons import below_one


def select(rng: np.random.Generator, kind: str) -> bytes:
    """Any operand a constant, but never all; SELECT_V2 broadcasts them."""
    model, given = ModelWriter(), below_one(rng)
    shape = (1, *(int(v) for v in rng.integers(1, 7, int(rng.integers(1, 4)))))
    x = model.activation(shape, *given)

    def sizes() -> tuple[int, ...]:
        if kind == "SELECT":
            return shape
        return tuple(size if rng.random() < 0.6 else 1 for size in shape)[int(rng.integers(0, len(shape))) :]

    def constant(of: tuple[int, ...]) -> int:
        return model.constant(rng.integers(-128, 128, of).astype(np.int8), [given[0]], [given[1]])

    flag = model.activation(shape, dtype="bool")
    model.op("LESS", [x, constant(shape[-1:])], [flag])
    other = model.activation(shape, *given)
    model.op("RELU6", [x], [other])
    takes_flag = rng.random() < 0.7
    rows = kind == "SELECT" and rng.random() < 0.3
    condition = flag if takes_flag else model.constant(rng.random(shape[:1] if rows else sizes()) < 0.5)
    second, third = other if rng.random() < 0.6 else constant(sizes()), x if rng.random() < 0.6 else constant(sizes())
    if not takes_flag:
        third = x
    y = model.activation(shape, *given)
    model.op(kind, [condition, second, third], [y])
    return model.finish([x], [y])


BUILDERS = {kind: functools.partial(select, kind=kind) for kind in ("SELECT", "SELECT_V2")}
