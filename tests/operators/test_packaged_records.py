"""Every operator's record survives the accelerator's package: facts as JSON, arrays beside them."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pytest

from edge_tr.codegen.overlay import packed
from edge_tr.golden.ends import sample_shape
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.record import Record
from edge_tr.tr.requant import Rounding
from tests.models.random_ops import BUILDERS, build


def repacked(record: Record) -> Record:
    """Through JSON and back, as the package's program.py reads it."""
    arrays: dict[str, np.ndarray] = {}
    facts = packed(record, "host0", arrays)
    assert all(name.startswith("host0.") for name in arrays)
    return unpacked(json.loads(json.dumps(facts, sort_keys=True)), arrays)


def unpacked(value: object, arrays: dict[str, np.ndarray]) -> object:
    if isinstance(value, list):
        return tuple(unpacked(part, arrays) for part in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    assert value["module"] == "record" or value["module"].startswith("operators."), value["module"]
    fields = {name: unpacked(part, arrays) for name, part in value["fields"].items()}
    return getattr(import_module(f"edge_tr.{value['module']}"), value["class"])(**fields)


def assert_equal_arithmetic(graph: Graph, x: np.ndarray) -> None:
    states = {i: np.broadcast_to(value, (len(x), *value.shape)) for i, value in graph.states.items()}
    tensors = {**run(graph, x, keep="all").tensors, graph.inputs[0]: x, **states}
    for op in graph.ops:
        inputs = [tensors[i] for i in graph.activations(op)]
        for index, found in zip(op.outputs, repacked(op.record).golden(inputs, Rounding.DOUBLE)):
            np.testing.assert_array_equal(found.reshape(tensors[index].shape), tensors[index], err_msg=op.kind)


@pytest.mark.parametrize("kind", BUILDERS)
def test_records_that_were_packed_compute_the_same(kind):
    for seed in range(3):
        rng = np.random.default_rng([seed, 17])
        graph = parse(build(kind, rng))
        shape = sample_shape(graph.tensor(graph.inputs[0]))
        assert_equal_arithmetic(graph, rng.integers(-128, 128, (3, *shape)).astype(np.int8))
