"""Boxes of a detector: decoding against its inverse, suppression against its definition, mAP on worked examples."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from edge_tr.errors import ToolMissingError
from edge_tr.reproduction import boxes
from edge_tr.reproduction.boxes import ANCHORS, CLASSES, FIELDS, SIZES, STRIDES, Found
from edge_tr.reproduction.fashion import VARIABLE, fashion
from edge_tr.reproduction.scenes import OVERLAP, SIDE, scenes

TRUE = [np.array([[0, 0, 20, 10], [40, 40, 60, 80]], np.float32)]
OF = [np.array([3, 3])]


def found(*rows: tuple[float, ...]) -> list[Found]:
    """One sample's detections: left, top, right, bottom, score, class."""
    values = np.array(rows).reshape(-1, 6)
    return [Found(values[:, :4], values[:, 4], values[:, 5].astype(np.int64))]


@pytest.mark.parametrize(
    ("guesses", "expected"),
    [
        ([(0, 0, 20, 10, 0.9, 3), (40, 40, 60, 80, 0.8, 3)], 1.0),
        ([(0, 0, 20, 10, 0.9, 3)], 51 / 101),  # recall 0.5: 51 of the 101 recalls
        ([(0, 0, 20, 10, 0.9, 4), (40, 40, 60, 80, 0.8, 3)], 51 / 101),  # another class
        ([(70, 0, 90, 9, 0.9, 3), (0, 0, 20, 10, 0.8, 3), (40, 40, 60, 80, 0.7, 3)], 2 / 3),  # a false one first
        ([(0, 0, 20, 10, 0.9, 3), (0, 0, 20, 10, 0.8, 3), (40, 40, 60, 80, 0.7, 3)], (51 + 50 * 2 / 3) / 101),  # twice
        ([(0, 0, 20, 5.1, 0.9, 3)], 51 / 101),
        ([(0, 0, 20, 4.9, 0.9, 3)], 0.0),  # IoU below a half
    ],
)
def test_map_of_worked_examples(guesses, expected):
    assert boxes.mean_average_precision(found(*guesses), TRUE, OF) == pytest.approx(expected)


def test_boxes_come_back_from_the_heads_that_stand_for_them():
    """For every stride and anchor: the head of a known box, by the inverse of the sigmoid, and its name as a metric."""
    for level, stride in enumerate(STRIDES):
        for anchor in range(ANCHORS):
            heads = [np.full((1, SIDE // s, SIDE // s, ANCHORS * FIELDS), -9.0) for s in STRIDES]
            width, height = SIZES[level, anchor] * 1.3
            x, y = 1.7, 0.6  # in cells
            t = np.array([(x - 1 + 0.5) / 2, (y - 0 + 0.5) / 2, np.sqrt(1.3) / 2, np.sqrt(1.3) / 2])
            mine = heads[level][0, 0, 1].reshape(ANCHORS, FIELDS)[anchor]
            mine[:4], mine[4], mine[5 + 6] = np.log(t / (1 - t)), 4.0, 3.0
            (one,) = boxes.detections(heads)
            x, y = x * stride, y * stride
            expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
            np.testing.assert_allclose(one.boxes[0], expected)
            assert one.classes[0] == 6 and one.scores[0] == pytest.approx(1 / (1 + np.exp(-4)) / (1 + np.exp(-3)))
            labels = {"boxes": np.array([[expected, [0] * 4]]), "kinds": np.array([[6, -1]])}
            named = dict(zip("bca", heads))
            assert boxes.map_50(named, labels) == pytest.approx(1.0)


def test_suppression_is_greedy():
    """No two kept boxes of a class are too much alike, and each dropped one is like a better one that is kept."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (80, 2))
    candidates = np.concatenate([corners, corners + rng.uniform(5, 30, (80, 2))], axis=1)
    candidates[40:] = candidates[:40] + rng.uniform(-2, 2, (40, 4))
    scores = rng.uniform(0, 1, (80, CLASSES)) * (rng.random((80, CLASSES)) < 0.3)
    kept = boxes.suppressed(candidates, scores)
    assert (np.diff(kept.scores) <= 0).all() and 40 < len(kept.scores) < (scores > 0).sum()
    for c in range(CLASSES):
        mine = kept.boxes[kept.classes == c], kept.scores[kept.classes == c]
        alike = boxes.iou(mine[0], mine[0])
        assert (alike[~np.eye(len(alike), dtype=bool)] <= boxes.MOST_ALIKE).all()
        if len(kept.scores) == boxes.MOST_BOXES:
            continue
        for box, score in zip(candidates, scores[:, c]):
            better = mine[1] >= score
            assert score <= boxes.LEAST_SCORE or (boxes.iou(box[None], mine[0][better]) > boxes.MOST_ALIKE).any()


def test_scenes_have_their_objects_where_they_say():
    """Bright squares: every box holds nothing but its square, and boxes hardly overlap."""
    picture = np.zeros((1, 28, 28), np.uint8)
    picture[0, 4:24, 6:20] = 255
    made = scenes((picture, np.array([7], np.uint8)), 30, 5)
    again = scenes((picture, np.array([7], np.uint8)), 30, 5)
    assert made.images.shape == (30, SIDE, SIDE) and np.array_equal(made.images, again.images)
    assert {len(b) for b in made.boxes} >= {2, 3, 4}
    for image, found_boxes, classes in zip(made.images, made.boxes, made.classes):
        assert (classes == 7).all() and len(classes) == len(found_boxes)
        shared = boxes.iou(found_boxes, found_boxes)[~np.eye(len(found_boxes), dtype=bool)]
        assert (shared <= OVERLAP).all()
        outside = np.ones((SIDE, SIDE), bool)
        for left, top, right, bottom in found_boxes.astype(int):
            assert image[top:bottom, left:right].mean() > 130
            outside[top:bottom, left:right] = False
        assert image[outside].mean() < 60


def test_fashion_mnist_is_read_as_debian_packs_it(tmp_path, monkeypatch):
    pictures, labels = np.arange(2 * 784, dtype=np.uint32).astype(np.uint8), np.array([3, 9], np.uint8)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\0" * 16 + pictures.tobytes()))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0" * 8 + labels.tobytes()))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    x, y = fashion("train")
    assert np.array_equal(x, pictures.reshape(2, 28, 28)) and y.tolist() == [3, 9]
    with pytest.raises(ToolMissingError, match="apt-get install dataset-fashion-mnist"):
        fashion("t10k")
