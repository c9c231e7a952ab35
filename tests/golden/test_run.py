"""Running graphs: inputs, truncated data, other weights, other roundings."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.golden import run as module
from edge_tr.golden.ends import samples_of
from edge_tr.golden.probe import probe_model
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier


def dense(zero_point: int = -128) -> bytes:
    model = ModelWriter()
    rng = np.random.default_rng(1)
    x, y = model.activation((1, 20), 0.05, zero_point), model.activation((1, 6), 0.9, 3)
    w = model.constant(rng.integers(-128, 128, (6, 20)).astype(np.int8), [0.02])
    b = model.constant(rng.integers(-900, 900, 6).astype(np.int32), [np.float32(0.05) * np.float32(0.02)])
    model.op("FULLY_CONNECTED", [x, w, b], [y])
    return model.finish([x], [y])


def inputs(n: int = 9) -> np.ndarray:
    return np.random.default_rng(2).integers(-128, 128, (n, 20)).astype(np.int8)


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_data_terms_truncate_what_the_dot_product_sees(zero_point):
    graph, x = parse(dense(zero_point)), inputs()
    p = graph.ops[0].record
    kept = (x.astype(int) - zero_point) // 16 * 16
    acc = (kept @ p.weights.T.astype(int) + p.bias).astype(np.int32)
    expected = multiply_by_quantized_multiplier(acc, p.requant.multiplier, p.requant.shift) + p.output_zero_point
    expected = np.clip(expected, -128, 127)
    as_function = run(graph, x, data_terms={0: lambda centred: centred // 16 * 16}).output
    as_table = run(graph, x, data_terms={0: np.arange(-255, 256, dtype=np.int16) // 16 * 16}).output
    np.testing.assert_array_equal(as_function, expected)
    np.testing.assert_array_equal(as_table, expected)


def test_chunks_do_not_change_the_result(monkeypatch):
    graph, x = parse(dense()), inputs(50)
    whole = run(graph, x).output
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    np.testing.assert_array_equal(run(graph, x).output, whole)


def test_no_samples_give_no_outputs():
    assert run(parse(dense()), inputs(0)).output.shape == (0, 6)


def test_rounding_can_be_chosen_by_operator():
    graph = parse(probe_model("FULLY_CONNECTED"))
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)
    double, single, real = (run(graph, x, rounding=mode).output.ravel().tolist() for mode in Rounding)
    one, minus_two = 129, 126
    assert [out[one] for out in (double, single, real)] == [1, 0, 0]
    assert [out[minus_two] for out in (double, single, real)] == [-1, 0, -1]
    assert run(graph, x, rounding={"FULLY_CONNECTED": Rounding.SINGLE}).output.ravel().tolist() == single
    assert run(graph, x, rounding={"CONV_2D": Rounding.SINGLE}).output.ravel().tolist() == double


def test_weights_and_terms_of_unknown_operators_are_refused():
    graph = parse(dense())
    with pytest.raises(ValueError, match=r"\[7\]"):
        run(graph, inputs(), weights={7: np.zeros((6, 20), np.int8)})
    with pytest.raises(ValueError, match="int8"):
        run(graph, inputs(), weights={0: np.zeros((6, 21), np.int8)})
    with pytest.raises(ValueError, match="511"):
        run(graph, inputs(), data_terms={0: np.zeros(256, np.int16)})


def test_float_input_is_quantised_half_away_from_zero_and_saturates():
    graph = parse(dense(zero_point=0))
    x = np.zeros((1, 20), np.float32)
    x[0, :6] = np.array([0.5, -0.5, 1.5, 1e9, -1e9, 3.4e38], np.float32) * np.float32(0.05)
    assert samples_of(graph, x).values[0][0, :6].tolist() == [1, -1, 2, 127, -128, 127]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 21), np.int8), r"\[samples, 20\], got \[3, 21\]"),
        (np.zeros(20, np.int8), r"\[samples, 20\], got \[20\]"),
        (np.zeros((3, 20), np.uint8), "got uint8"),
        (np.zeros((3, 20), np.float64), "got float64"),
        (np.full((3, 20), np.nan, np.float32), "NaN"),
        (np.int8(3), r"got \[\]"),
    ],
)
def test_wrong_input_is_a_usage_error(x, message):
    with pytest.raises(UsageError, match=message):
        run(parse(dense()), x)
