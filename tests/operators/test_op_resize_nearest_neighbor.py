"""Random models of RESIZE_NEAREST_NEIGHBOR: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from tests.models.drawing import one_move


def resize(rng: np.random.Generator) -> bytes:
    """Up and down, every pair of options; integer ratios one half of the time."""
    n, h, w, c = (int(v) for v in rng.integers(1, (3, 9, 9, 5)))
    size = np.array([h, w]) * rng.integers(1, 4) if rng.random() < 0.5 else rng.integers(1, 20, 2)
    options = dict(align_corners=bool(rng.random() < 0.5), half_pixel_centers=bool(rng.random() < 0.5))
    out = (n, int(size[0]), int(size[1]), c)
    return one_move(rng, "RESIZE_NEAREST_NEIGHBOR", (n, h, w, c), out, size.astype(np.int32), version=2, **options)


BUILDERS = {"RESIZE_NEAREST_NEIGHBOR": resize}
