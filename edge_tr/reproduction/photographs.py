"""Natural images for models whose own data has no clear licence: crops of four photographs.

scikit-image ships them: "astronaut" (NASA) and "rocket" (SpaceX) are in the public domain, "coffee" (Rachel Michetti)
and "chelsea" (Stefan van der Walt) are CC0. Two are for calibration, the other two for testing.
"""

from __future__ import annotations

import numpy as np

from edge_tr.errors import ToolMissingError

CALIBRATION = ("astronaut", "coffee")
TEST = ("chelsea", "rocket")


def crops(names: tuple[str, ...], count: int, size: int, seed: int) -> np.ndarray:
    """int8 [count, size, size, 3], pixel - 128: squares of random place and scale, averaged down, half mirrored.

    ToolMissingError without scikit-image.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise ToolMissingError(f"photographs need a package: pip install scikit-image ({error})") from error
    rng = np.random.default_rng(seed)
    photographs = [getattr(data, name)()[..., :3] for name in names]
    return np.stack([_crop(photographs[i % len(photographs)], size, rng) for i in range(count)])


def _crop(photograph: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    height, width, _ = photograph.shape
    factor = int(rng.integers(1, min(height, width) // size + 1))  # pixels that become one, on a side
    top, left = rng.integers(0, (height - factor * size + 1, width - factor * size + 1))
    square = photograph[top : top + factor * size, left : left + factor * size]
    small = square.reshape(size, factor, size, factor, 3).mean(axis=(1, 3))
    small = small[:, ::-1] if rng.integers(2) else small
    return (np.rint(small) - 128).astype(np.int8)
