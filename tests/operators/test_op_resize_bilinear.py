"""Random models of RESIZE_BILINEAR: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.ir.tflite import parse
from tests.models.drawing import one_move


def resize(rng: np.random.Generator) -> bytes:
    """Up and down, every pair of options that there is; integer ratios one half of the time."""
    n, h, w, c = (int(v) for v in rng.integers(1, (3, 9, 9, 5)))
    size = np.array([h, w]) * rng.integers(1, 4) if rng.random() < 0.5 else rng.integers(1, 20, 2)
    aligned, centred = ((False, False), (True, False), (False, True))[int(rng.integers(3))]
    options = dict(align_corners=aligned, half_pixel_centers=centred)
    out = (n, int(size[0]), int(size[1]), c)
    return one_move(rng, "RESIZE_BILINEAR", (n, h, w, c), out, size.astype(np.int32), version=3, **options)


BUILDERS = {"RESIZE_BILINEAR": resize}


def test_a_size_at_which_the_reference_reads_outside_is_refused():
    data = one_move(
        np.random.default_rng(0), "RESIZE_BILINEAR", (1, 1, 1, 1), (1, 70, 1, 1), np.array([70, 1], np.int32),
        align_corners=False, half_pixel_centers=False,
    )  # fmt: skip
    with pytest.raises(ModelError, match="1 pixels resized to 70"):
        parse(data)
