"""Networks as large as people's, small images: golden equals the interpreter on every tensor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from tests.firmware.harness_models import samples
from tests.models.large_networks import mobilenet_v2, yolo_v5n


@pytest.mark.parametrize(
    ("build", "size", "weights"), [(mobilenet_v2, 32, 3_469_760), (yolo_v5n, 32, 1_861_888)], ids=["v2", "v5n"]
)
def test_golden_equals_the_interpreter_on_every_tensor(build: Callable[..., bytes], size: int, weights: int) -> None:
    data = build(size)
    graph = parse(data)
    assert sum(op.record.weights.size for op in dots(graph)) == weights
    x = samples(graph, np.random.default_rng(0), 2)
    result = run(graph, x, rounding=reference_info().rounding, keep="all")
    for index, expected in Oracle(data).tensors(x).items():
        np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"tensor {index}")
    assert len(np.unique(result.output)) > 2
