"""A detector's heads as boxes, and how good they are: decoding, non-maximum suppression, mAP at IoU 0.5.

Decoding is YOLOv5's: for anchor a (pixels) in cell (cx, cy) of stride s, with t the sigmoid of the head's fields,
centre = (2 t_xy - 0.5 + c) s, size = (2 t_wh)^2 a, score of a class = t_object t_class.

mAP is COCO's at one threshold, which pycocotools computes: detections by falling score, each takes the unclaimed true
box of its class with the largest IoU of at least 0.5; precision is made monotonic and averaged at 101 recalls.

`edge-tr check DIR --data X.npz --metric edge_tr.reproduction.boxes:map_50`
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.errors import ToolMissingError

CLASSES = 10
FIELDS = 5 + CLASSES
SIZES = np.array([[[12, 14], [14, 22], [24, 12]], [[22, 22], [18, 32], [32, 18]], [[32, 32], [26, 44], [44, 40]]])
"""Width and height in pixels of the anchors of each head."""
ANCHORS = SIZES.shape[1]
STRIDES = (8, 16, 32)
LEAST_SCORE, MOST_ALIKE, MOST_BOXES = 0.005, 0.6, 100
"""Scores below are dropped, so is the lower of two boxes of a class with a larger IoU, and what comes after these."""
MATCH = 0.5


@dataclass(frozen=True)
class Found:
    """boxes float64 [m, 4] (left, top, right, bottom), scores [m] falling, classes int64 [m]."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def decoded(heads: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(boxes [n, m, 4], scores [n, m, CLASSES]) of the three heads, real [n, h, w, ANCHORS * FIELDS], finest first."""
    boxes, scores = [], []
    for head, stride, anchors in zip(heads, STRIDES, SIZES):
        samples, height, width, _ = head.shape
        fields = 1 / (1 + np.exp(-head.astype(np.float64).reshape(samples, height, width, ANCHORS, FIELDS)))
        cells = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)[:, :, None]
        centre, half = (2 * fields[..., :2] - 0.5 + cells) * stride, 2 * fields[..., 2:4] ** 2 * anchors
        boxes.append(np.concatenate([centre - half, centre + half], axis=-1).reshape(samples, -1, 4))
        scores.append((fields[..., 4:5] * fields[..., 5:]).reshape(samples, -1, CLASSES))
    return np.concatenate(boxes, axis=1), np.concatenate(scores, axis=1)


def detections(heads: Sequence[np.ndarray]) -> list[Found]:
    """What is found on each sample, after non-maximum suppression within each class."""
    return [suppressed(boxes, scores) for boxes, scores in zip(*decoded(heads))]


def suppressed(boxes: np.ndarray, scores: np.ndarray) -> Found:
    """Of boxes [m, 4] with scores [m, CLASSES]: by falling score, without what is like a better one of its class."""
    rows, classes = np.nonzero(scores > LEAST_SCORE)
    values = scores[rows, classes]
    order = np.argsort(-values, kind="stable")
    rows, classes, values = rows[order], classes[order], values[order]
    alike = (iou(boxes[rows], boxes[rows]) > MOST_ALIKE) & (classes[:, None] == classes)
    kept, left = [], np.ones(len(rows), bool)
    for i in range(len(rows)):
        if left[i] and len(kept) < MOST_BOXES:
            kept.append(i)
            left &= ~alike[i]
    return Found(boxes[rows[kept]], values[kept], classes[kept])


def iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [n, 4] with boxes [m, 4]: [n, m]."""
    low, high = np.maximum(one[:, None, :2], other[:, :2]), np.minimum(one[:, None, 2:], other[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    return both / (areas[0][:, None] + areas[1] - both)


def mean_average_precision(found: Sequence[Found], boxes: Sequence[np.ndarray], classes: Sequence[np.ndarray]) -> float:
    """COCO's at IoU 0.5, over the classes that have a true box; `boxes` and `classes` of each sample as in `scenes`.

    ToolMissingError without pycocotools.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ToolMissingError(f"mAP needs a package: pip install pycocotools ({error})") from error
    with contextlib.redirect_stdout(io.StringIO()):  # it reports what it does
        truth, guesses = COCO(), COCO()
        truth.dataset = _dataset([(b, c, {"iscrowd": 0}) for b, c in zip(boxes, classes)])
        guesses.dataset = _dataset([(f.boxes, f.classes, {"score": f.scores}) for f in found])
        for each in (truth, guesses):
            each.createIndex()
        evaluation = COCOeval(truth, guesses, "bbox")
        evaluation.params.iouThrs = np.array([MATCH])
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, :, 0, -1]  # recalls, classes; all sizes, the most detections
    return float(precision[precision > -1].mean())


def _dataset(samples: Sequence[tuple[np.ndarray, np.ndarray, Mapping[str, object]]]) -> dict[str, object]:
    """COCO's description of boxes [m, 4] and classes [m] a sample; further fields hold one value, or one a box."""
    annotations = []
    for image, (boxes, classes, fields) in enumerate(samples):
        for i, (box, of) in enumerate(zip(np.asarray(boxes, np.float64).reshape(-1, 4), classes)):
            left, top, right, bottom = box
            own = {name: value[i] if isinstance(value, np.ndarray) else value for name, value in fields.items()}
            place = {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
            own |= {"id": len(annotations) + 1, "image_id": image, "category_id": int(of)}
            annotations.append(place | own)
    categories = [{"id": c} for c in range(CLASSES)]
    return {"images": [{"id": i} for i in range(len(samples))], "categories": categories, "annotations": annotations}


def map_50(outputs: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]) -> float:
    """A metric for `check --metric`: outputs are the heads by name; labels `boxes` [n, most, 4] and `kinds`
    [n, most], -1 where a sample has no more."""
    heads = sorted(outputs.values(), key=lambda head: -head.shape[1])
    there = labels["kinds"] >= 0
    boxes, classes = ([values[keep] for values, keep in zip(labels[name], there)] for name in ("boxes", "kinds"))
    return mean_average_precision(detections(heads), boxes, classes)
