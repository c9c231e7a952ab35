"""Random models of TILE, BROADCAST_TO and FILL: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.tflite import parse
from edge_tr.operators.moves import LOOPS
from tests.models.drawing import one_move, shape
from tests.models.typed_ops import drawn_shape
from tests.operators.typed import Typed


def tile(rng: np.random.Generator) -> bytes:
    before = shape(rng, int(rng.integers(1, 6)), 4)
    times = rng.integers(1, 4, len(before)).astype(rng.choice(["int32", "int64"]))
    return one_move(rng, "TILE", before, tuple(int(d) for d in before * times), times)


def broadcast_to(rng: np.random.Generator) -> bytes:
    rank = int(rng.integers(1, 6))
    out = shape(rng, rank)
    before = tuple(1 if rng.random() < 0.5 else d for d in out)[int(rng.integers(rank)) :]
    wanted = np.array(out).astype(rng.choice(["int32", "int64"]))
    return one_move(rng, "BROADCAST_TO", before, out, wanted, version=2)


def fill(rng: np.random.Generator) -> bytes:
    """A shape with the input's one value."""
    dtype, out = str(rng.choice(["int8", "int32", "int64"])), drawn_shape(rng)
    made = Typed(())
    x = made.x if dtype == "int8" else made.scaled(dtype)
    inputs = [made.model.constant(np.array(out, np.int32)), x]
    return made.finish(made.op("FILL", inputs, out, dtype, 3), dtype, out)


BUILDERS = {"TILE": tile, "BROADCAST_TO": broadcast_to, "FILL": fill}


def test_more_loops_than_the_runtime_has_become_tables():
    before, times = (2, 3, 2, 3, 2), np.array([2, 3, 2, 2, 3], np.int32)
    data = one_move(np.random.default_rng(0), "TILE", before, tuple(int(d) for d in before * times), times)
    record = parse(data).ops[1].record
    assert len(record.counts) == LOOPS and any(at >= 0 for at in record.tabled)
    x = np.arange(72, dtype=np.int8).reshape(1, 72)
    expected = np.tile(x.reshape(before), times).ravel()
    np.testing.assert_array_equal(record.golden([x], None)[0][0], expected)
