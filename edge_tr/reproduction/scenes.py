"""Scenes for a detector: objects of Fashion-MNIST, of several sizes, on a grey background with noise. Seeded.

A box is [left, top, right, bottom] in pixels: the smallest that holds the object's pixels above VISIBLE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.reproduction.fashion import SIZE

SIDE = 96
"""Pixels of a scene's side."""
OBJECTS = (2, 6)
"""Tried a scene: at least, at most. Those that find no place are left out."""
SIZES = (16, 48)
"""Pixels of an object's image, 28 in the data set."""
OVERLAP = 0.1
"""Of the smaller box, that two objects may share."""
VISIBLE = 24


@dataclass(frozen=True)
class Scenes:
    """images uint8 [n, SIDE, SIDE]; of each its boxes float32 [m, 4] and classes int64 [m]."""

    images: np.ndarray
    boxes: Sequence[np.ndarray]
    classes: Sequence[np.ndarray]


def scenes(objects: tuple[np.ndarray, np.ndarray], count: int, seed: int | Sequence[int]) -> Scenes:
    """`count` scenes of `objects`, images uint8 [n, 28, 28] and their labels."""
    rng = np.random.default_rng(seed)
    made = [_scene(*objects, rng) for _ in range(count)]
    return Scenes(np.stack([image for image, _, _ in made]), [b for _, b, _ in made], [c for _, _, c in made])


def _scene(pictures: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    image, boxes, classes = _background(rng), [], []
    for _ in range(rng.integers(OBJECTS[0], OBJECTS[1] + 1)):
        chosen = rng.integers(len(pictures))
        picture = _resized(pictures[chosen], int(np.exp(rng.uniform(*np.log(SIZES)))))
        size = len(picture)
        top, left = rng.integers(0, SIDE - size + 1, 2)
        box = _visible(picture) + np.array([left, top, left, top], np.float32)
        if any(_shared(box, other) > OVERLAP for other in boxes):
            continue
        place = image[top : top + size, left : left + size]
        np.maximum(place, picture * rng.uniform(0.7, 1.0), out=place)
        boxes.append(box)
        classes.append(labels[chosen])
    noisy = image + rng.normal(0, 6, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), np.array(boxes, np.float32), np.array(classes, np.int64)


def _background(rng: np.random.Generator) -> np.ndarray:
    """float64 [SIDE, SIDE]: a dark slope from corner to corner."""
    corners = rng.uniform(0, 50, (2, 2))
    along = np.linspace(0, 1, SIDE)
    weights = np.stack([1 - along, along])
    return weights.T @ corners @ weights


def _resized(picture: np.ndarray, size: int) -> np.ndarray:
    """float64 [size, size]: linear interpolation, over wider triangles where it shrinks."""
    scale = SIZE / size
    centres = (np.arange(size) + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(SIZE) - centres[:, None]) / max(scale, 1))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ picture @ weights.T


def _visible(picture: np.ndarray) -> np.ndarray:
    """The box of what is visible; of the whole picture where nothing is."""
    seen = picture > VISIBLE
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.array([0, 0, len(picture), len(picture)], np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    """The part of the smaller box that lies in both."""
    width, height = np.maximum(0, np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]))
    return float(width * height / min(np.prod(box[2:] - box[:2]) for box in (one, other)))
