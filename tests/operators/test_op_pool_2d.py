"""Random models of both pools: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, window, zero_point


def _pool(kind: str) -> Callable[[np.random.Generator], bytes]:
    def build_pool(rng: np.random.Generator) -> bytes:
        h, w, c = (int(v) for v in rng.integers(1, (12, 12, 9)))
        options, kernel, out = window(rng, h, w, dilated=False)
        model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
        x, y = model.activation((1, h, w, c), s, zero), model.activation((1, *out, c), s, zero)
        model.op(kind, [x], [y], version=2, filter_height=kernel[0], filter_width=kernel[1], **options)
        return model.finish([x], [y])

    return build_pool


BUILDERS = {"AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"), "MAX_POOL_2D": _pool("MAX_POOL_2D")}
