"""The oracle shim: which runtime, which rounding, and what happens without one."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ToolMissingError
from edge_tr.golden import oracle
from edge_tr.golden.oracle import Oracle, find_runtime
from edge_tr.golden.probe import PROBED_KINDS, ReferenceInfo, probe_model
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.tr.requant import Rounding


def test_the_reference_says_what_it_is(reference):
    assert reference.runtime in oracle.RUNTIMES
    assert reference.resolver == "BUILTIN_REF"
    assert set(reference.rounding) == set(PROBED_KINDS)
    if reference.runtime == "tflite-runtime":
        assert reference.rounding_text == "double"
    else:
        assert reference.rounding_text == "double, FULLY_CONNECTED float"


def test_rounding_that_differs_is_named():
    rounding = dict.fromkeys(PROBED_KINDS, Rounding.DOUBLE) | {"FULLY_CONNECTED": Rounding.SINGLE}
    info = ReferenceInfo("r", "1", "BUILTIN_REF", rounding)
    assert info.rounding_text == "double, FULLY_CONNECTED single"


@pytest.mark.parametrize("kind", PROBED_KINDS)
def test_every_probe_tells_double_from_single_rounding(kind):
    graph = parse(probe_model(kind))
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)
    outputs = [run(graph, x, rounding=mode).output for mode in (Rounding.DOUBLE, Rounding.SINGLE)]
    assert not np.array_equal(*outputs)


def test_the_oracle_can_be_asked_again():
    data = probe_model("CONV_2D")
    x = np.random.default_rng(0).integers(-128, 128, (4, 16, 16, 1)).astype(np.int8)
    asked = Oracle(data)
    np.testing.assert_array_equal(asked.run(x)[::-1], asked.run(x[::-1]))
    assert set(asked.tensors(x)) == {1}


def test_without_an_interpreter_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(oracle, "RUNTIMES", {"tflite-runtime": "no_such_a", "ai-edge-litert": "no_such_b"})
    with pytest.raises(ToolMissingError, match="pip install ai-edge-litert"):
        find_runtime()


def test_numpy_2_rules_tflite_runtime_out(monkeypatch):
    monkeypatch.setattr(oracle, "RUNTIMES", {"tflite-runtime": "json"})
    monkeypatch.setattr(np, "__version__", "2.0.0")
    with pytest.raises(ToolMissingError, match=r"tflite-runtime needs numpy below 2, here is 2\.0\.0"):
        find_runtime()
