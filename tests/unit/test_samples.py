"""Samples as users keep them."""

from __future__ import annotations

import numpy as np

from edge_tr import demo
from edge_tr.golden.samples import read_samples
from edge_tr.ir.tflite import parse

GRAPH = parse(demo.MODEL.read_bytes())


def test_samples_of_another_shape_with_as_many_elements_are_taken(tmp_path):
    x = np.arange(3 * 64).reshape(3, 64).astype(np.int8)
    np.savez(tmp_path / "flat.npz", x=x)
    np.savez(tmp_path / "square.npz", x=x.reshape(3, 8, 8), y=np.array([0, 9, 5]))
    flat, none = read_samples(tmp_path / "flat.npz", GRAPH)
    square, labels = read_samples(tmp_path / "square.npz", GRAPH, limit=2)
    assert flat.shape == (3, 8, 8, 1)
    assert none is None
    assert np.array_equal(flat[:2], square)
    assert labels.tolist() == [0, 9]
