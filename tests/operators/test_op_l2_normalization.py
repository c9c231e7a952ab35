"""Random models of L2_NORMALIZATION: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter
from edge_tr.tr.fixed_point import inverse_square_root
from tests.models.drawing import scale, zero_point


def l2_normalization(rng: np.random.Generator) -> bytes:
    """Rows of a few and of many elements, whose sums of squares have all magnitudes."""
    depth, rows = int(rng.choice([1, 2, 3, 8, 100, 2000])), int(rng.integers(1, 4))
    model = ModelWriter()
    x = model.activation((1, rows, depth), scale(rng), zero_point(rng))
    y = model.activation((1, rows, depth), 1 / 128, 0)
    model.op("L2_NORMALIZATION", [x], [y], version=2, fused_activation_function="NONE")
    return model.finish([x], [y])


BUILDERS = {"L2_NORMALIZATION": l2_normalization}


def test_the_inverse_root_is_near_the_real_one():
    x = np.unique((2 ** np.linspace(1, 31, 5000)).astype(np.int64) - 1)
    multiplier, shift = inverse_square_root(x)
    np.testing.assert_allclose(multiplier * 2.0 ** (shift - 31.0), 1 / np.sqrt(np.maximum(x, 1)), rtol=2e-4)
