"""Several images in one inference: every window against the interpreter, as inputs and inside."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from edge_tr.tr.reveal import reveal
from tests.models.batched import KINDS, batched


@pytest.mark.parametrize("kind", KINDS)
def test_batches_equal_the_reference(kind):
    for seed in range(30):
        rng = np.random.default_rng([seed, 8])
        data = batched(rng, (kind,))
        graph = parse(data)
        x = rng.integers(-128, 128, (3, *graph.tensor(graph.inputs[0]).shape)).astype(np.int8)
        np.testing.assert_array_equal(run(graph, x).output, Oracle(data).run(x), err_msg=f"seed {seed}")


def test_revealed_weights_of_all_images_are_the_same_in_the_file():
    rng = np.random.default_rng(5)
    data = batched(rng)
    graph = parse(data)
    weights = {op.index: reveal(op.record.weights, 8, 6).values for op in dots(graph)}
    assert len(weights) > 2
    x = rng.integers(-128, 128, (3, *graph.tensor(graph.inputs[0]).shape)).astype(np.int8)
    expected = Oracle(rewrite_weights(data, weights)).tensors(x)
    found = run(graph, x, weights=weights, keep="all").tensors
    for index, values in expected.items():
        np.testing.assert_array_equal(found[index], values)
