"""Random models of GATHER and GATHER_ND: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.ir.tflite import parse
from tests.models.drawing import one_move, shape


def gather(rng: np.random.Generator) -> bytes:
    lengths = shape(rng, int(rng.integers(1, 5)))
    axis = int(rng.integers(len(lengths)))
    batched = int(rng.integers(axis + 1)) if rng.random() < 0.4 else 0
    own = shape(rng, int(rng.integers(0, 3)), 4)
    indices = rng.integers(0, lengths[axis], (*lengths[:batched], *own)).astype(rng.choice(["int32", "int64"]))
    out = (*lengths[:axis], *own, *lengths[axis + 1 :])
    named = axis - len(lengths) if rng.random() < 0.3 else axis
    return one_move(rng, "GATHER", lengths, out, indices, version=2, axis=named, batch_dims=batched)


def gather_nd(rng: np.random.Generator) -> bytes:
    lengths = shape(rng, int(rng.integers(1, 5)))
    depth, own = int(rng.integers(1, len(lengths) + 1)), shape(rng, int(rng.integers(1, 3)), 4)
    indices = np.stack([rng.integers(0, length, own) for length in lengths[:depth]], axis=-1)
    indices = indices.astype(rng.choice(["int32", "int64"]))
    return one_move(rng, "GATHER_ND", lengths, (*own, *lengths[depth:]), indices, version=2)


BUILDERS = {"GATHER": gather, "GATHER_ND": gather_nd}


@pytest.mark.parametrize("index", [-1, 5])
def test_indices_outside_are_refused(index):
    data = one_move(
        np.random.default_rng(0), "GATHER", (5,), (1,), np.array([index], np.int32), version=2, axis=0, batch_dims=0
    )
    with pytest.raises(ModelError, match=f"indices {index} to {index}; supported: 0 to 4"):
        parse(data)
