"""Random models of EMBEDDING_LOOKUP: `tests.models.random_ops` puts all builders through what must agree. And GATHER
with computed indices against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from tests.operators.typed import QUANTIZED, Typed, shape


def places(made: Typed, rng: np.random.Generator, length: int, dtype: str = "int32") -> int:
    """int32 or int64 of the input's shape, below `length`: the reference stops at others."""
    x = made.scaled()
    x = made.op("FLOOR_MOD", [x, made.model.constant(np.array(length, np.int32))], made.shape, "int32")
    return x if dtype == "int32" else made.cast(x, "int32", dtype, made.shape)


def embedding(rng: np.random.Generator) -> bytes:
    made = Typed((1, int(rng.integers(1, 9))))
    length, inner = int(rng.integers(1, 60)), [int(v) for v in rng.integers(1, 6, int(rng.integers(1, 3)))]
    count = made.model.constant(np.array(made.shape[1:], np.int32))
    ids = made.op("RESHAPE", [places(made, rng, length), count], made.shape[1:], "int32")
    table = rng.integers(-128, 128, (length, *inner)).astype(np.int8)
    constant = made.model.constant(table, [QUANTIZED[0]], [QUANTIZED[1]])
    after = (*made.shape[1:], *inner)
    return made.finish(made.op("EMBEDDING_LOOKUP", [ids, constant], after, "int8", version=3), "int8", after)


BUILDERS = {"EMBEDDING_LOOKUP": embedding}


def gather(rng: np.random.Generator) -> bytes:
    """From a constant or from the input itself, int8 or int32, along any axis."""
    made, dtype = Typed(shape(rng)), str(rng.choice(["int8", "int32"]))
    if rng.random() < 0.5:
        values = rng.integers(-128, 128, [int(v) for v in rng.integers(1, 6, int(rng.integers(1, 4)))]).astype(dtype)
        given = {"scale": [QUANTIZED[0]], "zero_point": [QUANTIZED[1]]} if dtype == "int8" else {}
        x, before = made.model.constant(values, **given), values.shape
    else:
        x, before = (made.x if dtype == "int8" else made.scaled()), made.shape
    axis = int(rng.integers(len(before)))
    indices = places(made, rng, before[axis], str(rng.choice(["int32", "int64"])))
    after = (*before[:axis], *made.shape, *before[axis + 1 :])
    return made.finish(made.op("GATHER", [x, indices], after, dtype, version=3, axis=axis, batch_dims=0), dtype, after)


@pytest.mark.parametrize("seed", range(40))
def test_gather_with_computed_indices_equals_the_reference(seed):
    rng = np.random.default_rng(seed)
    data = gather(rng)
    graph = parse(data)
    x = rng.integers(-128, 128, (4, *graph.tensor(graph.inputs[0]).shape[1:])).astype(np.int8)
    np.testing.assert_array_equal(run(graph, x).output, Oracle(data).run(x))
