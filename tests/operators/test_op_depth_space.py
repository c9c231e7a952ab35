"""Random models of DEPTH_TO_SPACE and SPACE_TO_DEPTH: `tests.models.random_ops` puts all builders through it."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import one_move


def _drawn(rng: np.random.Generator) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """(block, shape of the deep tensor, shape of the wide one)."""
    n, h, w, c = (int(v) for v in rng.integers(1, 5, 4))
    block = int(rng.integers(1, 5))
    return block, (n, h, w, c * block * block), (n, h * block, w * block, c)


def depth_to_space(rng: np.random.Generator) -> bytes:
    block, deep, wide = _drawn(rng)
    return one_move(rng, "DEPTH_TO_SPACE", deep, wide, block_size=block)


def space_to_depth(rng: np.random.Generator) -> bytes:
    block, deep, wide = _drawn(rng)
    return one_move(rng, "SPACE_TO_DEPTH", wide, deep, version=2, block_size=block)


BUILDERS = {"DEPTH_TO_SPACE": depth_to_space, "SPACE_TO_DEPTH": space_to_depth}
