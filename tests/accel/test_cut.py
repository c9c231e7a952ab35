"""Data cut to s terms a value is int8 of the same zero point: tables that the ADD engine makes it by, and layers that
read it in simulation."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.accel import lower_accel
from edge_tr.accel.engines import cut_tables
from edge_tr.accel.layout import vector
from edge_tr.formats import accelerator as f
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.prepared.budget import parse
from edge_tr.target.cosim import Core, build
from edge_tr.tr.reveal import cut_data
from tests.accel.test_cosim import infer, load, output
from tests.firmware.harness_models import Network

X = np.arange(-128, 128)


@pytest.mark.parametrize("s", range(1, 7))
def test_tables_give_int8_that_stand_for_the_values(s: int) -> None:
    for zero_point in range(-128, 128):
        values = cut_data(s, zero_point)
        first, second = cut_tables(vector(64, zero_point), values)
        codes = first[X & 255] >> f.TABLE_FRACTION.value
        assert np.array_equal(codes - zero_point, values[X - zero_point + 255]) and not second.any()
        assert codes.min() >= -128 and codes.max() <= 127 and not (first & (1 << f.TABLE_FRACTION.value) - 1).any()


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize(
    ("zero_point", "budget"),
    [(-128, "g=8,k=8,s=1"), (127, "g=8,k=8,s=1"), (-124, "g=8,k=8,s=2"), (49, "g=8,k=8,s=2"), (-108, "g=8,k=8,s=3")],
)
def test_zero_points_at_which_truncated_values_would_leave_int8(windows: bool, zero_point: int, budget: str) -> None:
    shape = (16, 16, 1) if windows else (256,)
    net = Network(np.random.default_rng(2), shape)
    net.zero = zero_point
    net.x = net.input = net.model.activation((1, *shape), net.scale, zero_point)
    net.conv(4, (3, 3), (1, 1)) if windows else net.dense(70)
    graph = tflite.parse(net.finish())
    program = lower_accel(graph, parse(budget))
    assert not program.most.host_layers
    x = np.stack([X, X[::-1], np.random.default_rng(3).permutation(X)]).astype(np.int8).reshape(3, *shape)
    golden = run(graph, x, weights=program.most.revealed, data_terms=program.data_terms).output
    with Core(build()) as core:
        load(core, program)
        for sample, expected in zip(x, golden.reshape(3, -1)):
            infer(core, program, sample)
            assert np.array_equal(output(core, program), expected)
