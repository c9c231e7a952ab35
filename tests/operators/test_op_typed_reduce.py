"""Random models of REDUCE_ANY and REDUCE_ALL: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.ir.tflite import parse
from tests.models.typed_ops import reduction_of
from tests.models.wide import Wide

BUILDERS = {kind: reduction_of(kind, ("bool",)) for kind in ("REDUCE_ANY", "REDUCE_ALL")}


def test_a_sum_of_int16_is_refused():
    """TFLite and TFLite Micro differ."""
    net = Wide(np.random.default_rng(0), (1, 4))
    y = net.add("SUM", [net.x, net.model.constant(np.array([1], np.int32))], (1,), net.scale, keep_dims=False)
    with pytest.raises(ModelError, match="found input of type int16; supported: int8"):
        parse(net.finish(y, (1,), net.scale))
