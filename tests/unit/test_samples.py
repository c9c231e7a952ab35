"""Samples as users keep them."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr import demo
from edge_tr.errors import UsageError
from edge_tr.golden.samples import read_labelled, read_samples, seeded_samples
from edge_tr.ir.tflite import parse
from tests.models.with_ends import shared_ends, stream, uint8_ends

GRAPH = parse(demo.MODEL.read_bytes())


def test_samples_of_another_shape_with_as_many_elements_are_taken(tmp_path):
    x = np.arange(3 * 64).reshape(3, 64).astype(np.int8)
    np.savez(tmp_path / "flat.npz", x=x)
    np.savez(tmp_path / "square.npz", x=x.reshape(3, 8, 8), y=np.array([0, 9, 5]))
    flat, none = read_samples(tmp_path / "flat.npz", GRAPH)
    square, labels = read_samples(tmp_path / "square.npz", GRAPH, limit=2)
    assert flat.first.shape == (3, 8, 8, 1)
    assert none is None
    assert np.array_equal(flat.first[:2], square.first)
    assert labels.tolist() == [0, 9]


def stored(path, **arrays):
    np.savez(path / "x.npz", **arrays)
    return path / "x.npz"


def test_several_inputs_are_found_by_name_or_by_number(tmp_path):
    graph = parse(shared_ends())
    a, b = np.full((5, 3, 4), 7, np.int8), np.full((5, 12), 0.14, np.float64)
    for names in (("t0", "t1"), ("x0", "x1"), ("t0", "x1")):
        x, y = read_samples(stored(tmp_path, **dict(zip(names, (a, b))), y=np.arange(5) % 3), graph, limit=4)
        assert [values.shape for values in x.values.values()] == [(4, 3, 4), (4, 3, 4)]
        assert x.values[0].min() == 7 and set(x.values[2].ravel().tolist()) == {-7} and y.tolist() == [0, 1, 2, 0]
    assert x.data(0) == bytes([7] * 12) + bytes([256 - 7] * 12)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (dict(x0=np.zeros((5, 12), np.int8)), "has no array t1 or x1; it has x0"),
        (dict(x=np.zeros((5, 12), np.int8)), "has no array t0 or x0; no array t1 or x1; it has x"),
        (dict(x0=np.zeros((5, 12), np.int8), x1=np.zeros((4, 12), np.float32)), "x0 has 5 samples, x1 has 4 samples"),
        (dict(x0=np.zeros((5, 11), np.int8), x1=np.zeros((5, 12), np.float32)), r"input t0 is \[samples, 3, 4\], got"),
        (dict(x0=np.zeros((5, 12), np.uint8), x1=np.zeros((5, 12), np.float32)), "input t0 is int8, or float32 to be"),
        (dict(x0=np.int8(3), x1=np.zeros((5, 12), np.float32)), "x0 must be .samples, ...., got a single number"),
    ],
)
def test_what_is_wrong_with_arrays_of_several_inputs_is_named(tmp_path, arrays, message):
    with pytest.raises(UsageError, match=message):
        read_samples(stored(tmp_path, **arrays), parse(shared_ends()))


def test_sequences_keep_their_steps_and_labels_are_of_steps_or_of_sequences(tmp_path):
    graph = parse(stream())
    x = np.zeros((4, 6, 5), np.int8)
    for y in (np.zeros(4, int), np.zeros((4, 6), int)):
        found, labels = read_samples(stored(tmp_path, x=x, y=y), graph, limit=3)
        assert found.leading == (3, 6) and found.first.shape == (3, 6, 1, 5) and labels.shape == y[:3].shape
    with pytest.raises(UsageError, match=r"y must be 4 integer labels or \[4, 6\] of them, got int64 \[4, 5\]"):
        read_samples(stored(tmp_path, x=x, y=np.zeros((4, 5), int)), graph)
    assert read_samples(stored(tmp_path, x=x[:, 0]), graph)[0].leading == (4,)


def test_images_of_a_model_with_uint8_ends_are_taken_as_they_are(tmp_path):
    graph = parse(uint8_ends())
    image = np.arange(256, dtype=np.uint8).reshape(1, 256)
    taken, _ = read_samples(stored(tmp_path, x=image), graph)
    assert taken.first.ravel().tolist() == list(range(-128, 128))
    inner, _ = read_samples(stored(tmp_path, x=taken.first), graph)
    np.testing.assert_array_equal(inner.first, taken.first)
    with pytest.raises(UsageError, match="input is int8 or uint8, or float32 to be quantised, got int16"):
        read_samples(stored(tmp_path, x=image.astype(np.int16)), graph)


def test_a_metric_gets_every_array_that_is_no_input(tmp_path):
    path = stored(tmp_path, x=np.zeros((5, 64), np.int8), boxes=np.arange(10).reshape(5, 2), weights=np.arange(3))
    x, labels = read_labelled(path, GRAPH, limit=2)
    assert len(x) == 2 and labels["boxes"].tolist() == [[0, 1], [2, 3]] and labels["weights"].tolist() == [0, 1, 2]


def test_noise_is_of_each_input_s_own_type_and_as_long_as_sequences_must_be():
    assert seeded_samples(GRAPH).first.shape == (10, 8, 8, 1) and seeded_samples(parse(stream())).leading == (2, 5)
    first, second = seeded_samples(parse(shared_ends()), 3).values.values()
    assert first.dtype == np.int8 and first.shape == (3, 3, 4) and not np.array_equal(first, second)
