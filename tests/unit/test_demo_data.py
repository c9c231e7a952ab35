"""The committed demonstration model and data are what `digits.json` says."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from edge_tr.demo import MODEL, RECORD, TEST_DATA
from edge_tr.golden.oracle import Oracle
from edge_tr.ir.tflite import parse


@pytest.fixture(scope="module")
def record():
    return json.loads(RECORD.read_text())


@pytest.fixture(scope="module")
def digits():
    with TEST_DATA.open("rb") as file, np.load(file) as data:
        return data["x"], data["y"]


@pytest.mark.parametrize("file", [MODEL, TEST_DATA], ids=lambda file: file.name)
def test_file_is_the_recorded_one(file, record):
    content = file.read_bytes()
    expected = record["files"][file.name]
    assert len(content) == expected["bytes"]
    assert hashlib.sha256(content).hexdigest() == expected["sha256"]


def test_data_are_360_int8_digits_of_all_ten_classes(digits):
    x, y = digits
    assert (x.dtype, x.shape) == (np.int8, (360, 8, 8, 1))
    assert (y.dtype, y.shape) == (np.int64, (360,))
    counts = np.bincount(y)
    assert len(counts) == 10 and counts.min() >= 34 and counts.max() <= 38
    assert x.min() == -128 and x.max() == 127


def test_model_is_a_small_int8_cnn():
    graph = parse(MODEL.read_bytes())
    assert [op.kind for op in graph.ops] == [
        "CONV_2D",
        "MAX_POOL_2D",
        "CONV_2D",
        "MAX_POOL_2D",
        "RESHAPE",
        "FULLY_CONNECTED",
        "SOFTMAX",
    ]
    ends = [graph.tensors[index] for index in (*graph.inputs, *graph.outputs)]
    assert [(tensor.dtype, tensor.shape) for tensor in ends] == [("int8", (1, 8, 8, 1)), ("int8", (1, 10))]


def test_interpreter_reaches_exactly_the_recorded_accuracy(record, digits):
    x, y = digits
    scores = Oracle(MODEL.read_bytes()).run(x).reshape(360, 10)
    accuracy = record["accuracy"]
    assert np.count_nonzero(scores.argmax(axis=1) == y) == accuracy["correct"]
    assert accuracy["samples"] == len(y)
    assert accuracy["value"] == accuracy["correct"] / accuracy["samples"] >= 0.97
