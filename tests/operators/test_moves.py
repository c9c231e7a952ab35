"""What a move says of its channels, against the elements themselves."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from edge_tr.operators import MoveParams
from edge_tr.record import Range
from edge_tr.tr.requant import Rounding
from tests.models.random_ops import build

KINDS = ("TRANSPOSE", "PAD", "MIRROR_PAD", "TILE", "GATHER_ND", "STRIDED_SLICE", "SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND")


@pytest.mark.parametrize("kind", KINDS)
def test_ranges_are_the_least_and_the_largest_that_come_to_a_channel(kind):
    for seed in range(40):
        rng = np.random.default_rng([seed, 3])
        graph = parse(build(kind, rng))
        op = next(op for op in graph.ops if op.kind.startswith(kind))
        if not isinstance(op.record, MoveParams):
            continue
        source, target = op.inputs[0], op.outputs[0]
        ends = np.sort(rng.integers(-128, 128, (2, graph.channels(source))), axis=0)
        [found] = op.record.ranges([Range(*ends)], [graph.channels(target)])
        shape = graph.tensor(source).shape
        moved = [op.record.golden([np.broadcast_to(end, shape).astype(np.int8)], Rounding.DOUBLE)[0] for end in ends]
        filling = [] if op.record.filling is None else [op.record.filling]  # which may come anywhere
        for end, of, extreme in zip((found.low, found.high), moved, (np.min, np.max)):
            rows = of.reshape(-1, graph.channels(target))
            expected = [extreme([*column, *filling]) for column in rows.T]
            np.testing.assert_array_equal(np.broadcast_to(end, len(expected)), expected)
