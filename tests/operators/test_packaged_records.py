"""Every operator's record survives the accelerator's package: facts as JSON, arrays beside them."""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from typing import get_args, get_type_hints

import numpy as np
import pytest

from edge_tr.codegen.overlay import _fields
from edge_tr.golden.ends import sample_shape
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.record import Record
from edge_tr.tr.requant import Rounding
from tests.models.random_ops import BUILDERS, build


def unpacked(record: Record) -> Record:
    """As the package's program.py reads it."""

    def made(kind: type, values: dict[str, object]) -> object:
        found, hints = {name: value for name, value in values.items() if "." not in name}, get_type_hints(kind)
        for field in {name.partition(".")[0] for name in values if "." in name}:
            nested = {n.partition(".")[2]: v for n, v in values.items() if n.startswith(f"{field}.")}
            inside = next(hint for hint in (hints[field], *get_args(hints[field])) if is_dataclass(hint))
            found[field] = made(inside, nested)
        return kind(**found)

    values = _fields(record)
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    facts = json.loads(json.dumps({name: v for name, v in values.items() if name not in arrays}, sort_keys=True))
    whole = {name: tuple(v) if isinstance(v, list) else v for name, v in facts.items()} | arrays
    return made(type(record), whole)


def assert_equal_arithmetic(graph: Graph, x: np.ndarray) -> None:
    states = {i: np.broadcast_to(value, (len(x), *value.shape)) for i, value in graph.states.items()}
    tensors = {**run(graph, x, keep="all").tensors, graph.inputs[0]: x, **states}
    for op in graph.ops:
        inputs = [tensors[i] for i in graph.activations(op)]
        for index, found in zip(op.outputs, unpacked(op.record).golden(inputs, Rounding.DOUBLE)):
            np.testing.assert_array_equal(found.reshape(tensors[index].shape), tensors[index], err_msg=op.kind)


@pytest.mark.parametrize("kind", BUILDERS)
def test_records_that_were_packed_compute_the_same(kind):
    for seed in range(3):
        rng = np.random.default_rng([seed, 17])
        graph = parse(build(kind, rng))
        shape = sample_shape(graph.tensor(graph.inputs[0]))
        assert_equal_arithmetic(graph, rng.integers(-128, 128, (3, *shape)).astype(np.int8))
