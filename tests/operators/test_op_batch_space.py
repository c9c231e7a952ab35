"""Random models of SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: `tests.models.random_ops` puts all builders through it."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import one_move


def _drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """(block, what is added or cut at each edge, shape of the tensor of batches, shape of the image)."""
    axes = int(rng.integers(1, 3))
    block = rng.integers(1, 4, axes).astype(np.int32)
    n, c = (int(v) for v in rng.integers(1, 4, 2))
    whole = rng.integers(1, 5, axes) * block
    edges = np.zeros((axes, 2), np.int32)
    for axis in range(axes):
        edges[axis, 0] = rng.integers(0, min(4, whole[axis]))
        edges[axis, 1] = rng.integers(0, min(4, whole[axis] - edges[axis, 0]))
    image = (n, *(int(v) for v in whole - edges.sum(axis=1)), c)
    batches = (n * int(np.prod(block)), *(int(v) for v in whole // block), c)
    return block, edges, batches, image


def space_to_batch(rng: np.random.Generator) -> bytes:
    block, edges, batches, image = _drawn(rng)
    return one_move(rng, "SPACE_TO_BATCH_ND", image, batches, block, edges, version=2)


def batch_to_space(rng: np.random.Generator) -> bytes:
    block, edges, batches, image = _drawn(rng)
    return one_move(rng, "BATCH_TO_SPACE_ND", batches, image, block, edges, version=2)


BUILDERS = {"SPACE_TO_BATCH_ND": space_to_batch, "BATCH_TO_SPACE_ND": batch_to_space}
