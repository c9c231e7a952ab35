"""Biases written back into the file, whose constants are whose, and proof that nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.ir.rewrite import (
    BIAS_INPUT,
    WEIGHTS_INPUT,
    rewrite_biases,
    rewrite_weights,
    sole_readers,
    with_constants_of,
)
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.random_ops import DOT_KINDS, build


def twins() -> bytes:
    """Two layers on one bias, a third without."""
    model = ModelWriter()
    tensors = [model.activation((1, 3), 0.5) for _ in range(4)]
    weights = [model.constant(np.arange(9, dtype=np.int8).reshape(3, 3) + i, [0.1]) for i in range(3)]
    bias = model.constant(np.zeros(3, np.int32), [0.05])
    for i, b in enumerate((bias, bias, -1)):
        model.op("FULLY_CONNECTED", [tensors[i], weights[i], b], [tensors[i + 1]])
    return model.finish([tensors[0]], [tensors[-1]])


@pytest.mark.parametrize("kind", DOT_KINDS)
def test_rewritten_biases_are_read_back_and_nothing_else_changes(kind):
    for seed in range(20):
        data = build(kind, np.random.default_rng(seed))
        if sole_readers(data, BIAS_INPUT):
            break
    graph = parse(data)
    old = graph.ops[0].record.bias
    new = np.arange(len(old), dtype=np.int32) * -1_000_003
    rewritten = rewrite_biases(data, {0: new})
    assert np.array_equal(parse(rewritten).ops[0].record.bias, new)
    assert rewrite_biases(rewritten, {0: old}) == data


def test_a_constant_with_two_readers_is_nobody_s_own():
    assert sole_readers(twins(), WEIGHTS_INPUT) == {0, 1, 2}
    assert sole_readers(twins(), BIAS_INPUT) == frozenset()


def test_layers_that_share_a_bias_must_agree():
    new = np.array([1, 2, 3], np.int32)
    assert all(
        np.array_equal(op.record.bias, new)
        for g in [parse(rewrite_biases(twins(), {0: new, 1: new}))]
        for op in g.ops[:2]
    )
    with pytest.raises(UsageError, match="share one bias buffer"):
        rewrite_biases(twins(), {0: new})


@pytest.mark.parametrize(
    "index, bias", [(2, np.zeros(3, np.int32)), (0, np.zeros(4, np.int32)), (0, np.zeros(3, np.int64))]
)
def test_biases_that_do_not_belong_there_are_a_bug_of_the_caller(index, bias):
    with pytest.raises(ValueError, match="bias"):
        rewrite_biases(twins(), {index: bias})


def test_other_weights_and_biases_are_accepted():
    new = np.full(3, 9, np.int32)
    other = rewrite_biases(rewrite_weights(twins(), {2: np.ones((3, 3), np.int8)}), {0: new, 1: new})
    assert with_constants_of(twins(), other) == other


@pytest.mark.parametrize("kind", DOT_KINDS)
def test_another_model_is_refused(kind):
    with pytest.raises(UsageError, match="differ in more than"):
        with_constants_of(twins(), build(kind, np.random.default_rng(0)))


def test_changed_scales_and_lengths_are_refused():
    data = twins()
    scale = np.float32(0.5).tobytes()
    changed = data.replace(scale, np.float32(0.25).tobytes(), 1)
    assert changed != data
    for other in (changed, data + b"\0", data[:-8], b""):
        with pytest.raises(UsageError, match="differ in more than"):
            with_constants_of(data, other)
