"""Every operator that is a table, on all 256 values, over many scales and zero points, against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from tests.operators import drawn, test_op_float_functions, test_op_hard_swish, test_op_rectifiers, test_op_rsqrt

BUILDERS = {}  # each operator's own are in its own file
_MODULES = (test_op_float_functions, test_op_hard_swish, test_op_rectifiers, test_op_rsqrt)
TABLES = {kind: builder for module in _MODULES for kind, builder in module.BUILDERS.items()}
ALL = np.arange(-128, 128).astype(np.int8)[None]


@pytest.mark.parametrize("kind", TABLES)
def test_all_values_of_a_table_equal_the_reference(kind, monkeypatch):
    monkeypatch.setattr(drawn, "shape", lambda rng: (1, 256))
    for seed in range(150):
        data = TABLES[kind](np.random.default_rng([seed, 7]))
        oracle = Oracle(data)
        found = run(parse(data), ALL, rounding=reference_info(oracle.runtime).rounding).output
        np.testing.assert_array_equal(found, oracle.run(ALL), err_msg=f"seed {seed}")
