"""Weights written back into the file."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.random_ops import DOT_KINDS, build


@pytest.mark.parametrize("kind", DOT_KINDS)
def test_rewritten_weights_are_read_back_and_nothing_else_changes(kind):
    rng = np.random.default_rng(4)
    data = build(kind, rng)
    graph = parse(data)
    old = graph.ops[0].record.weights
    new = rng.integers(-128, 128, old.shape).astype(np.int8)
    rewritten = rewrite_weights(data, {0: new})
    assert len(rewritten) == len(data)
    assert np.array_equal(parse(rewritten).ops[0].record.weights, new)
    assert rewrite_weights(rewritten, {0: old}) == data


def twins() -> bytes:
    """Two layers on one weight tensor."""
    model = ModelWriter()
    x, y, z = (model.activation((1, 3), 0.5) for _ in range(3))
    w = model.constant(np.arange(9, dtype=np.int8).reshape(3, 3), [0.1])
    model.op("FULLY_CONNECTED", [x, w, -1], [y])
    model.op("FULLY_CONNECTED", [y, w, -1], [z])
    return model.finish([x], [z])


def test_layers_that_share_a_buffer_may_get_the_same_weights():
    new = np.full((3, 3), 7, np.int8)
    graph = parse(rewrite_weights(twins(), {0: new, 1: new}))
    assert all(np.array_equal(op.record.weights, new) for op in graph.ops)


@pytest.mark.parametrize("second", [None, 8])
def test_layers_that_share_a_buffer_must_not_get_different_weights(second):
    weights = {0: np.full((3, 3), 7, np.int8)}
    if second is not None:
        weights[1] = np.full((3, 3), second, np.int8)
    with pytest.raises(UsageError, match="share one weight buffer"):
        rewrite_weights(twins(), weights)


def test_weights_of_another_shape_or_type_are_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="int8"):
        rewrite_weights(twins(), {0: np.zeros((3, 4), np.int8)})
    with pytest.raises(ValueError, match="int8"):
        rewrite_weights(twins(), {0: np.zeros((3, 3), np.int16)})
