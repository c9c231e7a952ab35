"""Golden equals BUILTIN_REF on every tensor of the shared models, and on rewritten weights."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.ends import sample_shape
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from edge_tr.tr.reveal import reveal

MODELS = (
    "ad01_int8",
    "digits_cnn_int8",
    "digits_mlp_int8",
    "fashion_lenet5_int8",
    "hello_world_int8",
    "kws_ref_model",
    "micro_speech_quantized",
    "mnist_dscnn_int8",
    "mnist_lenet5_int8",
    "mnist_mlp_784_512_512_10_int8",
    "pretrainedResnet_quant",
    "str_ww_ref_model",
    "vww_96_int8",
    "dtln_noise_suppression",
    "keyword_scrambled_8bit",
    "mnist_lstm32_int8",
    "trained_lstm_int8",
)


def samples(graph, count: int) -> np.ndarray:
    """Seeded inputs, the two extremes among them; with states the steps of one sequence."""
    tensor = graph.tensor(graph.inputs[0])
    limits = np.iinfo(tensor.dtype)
    x = np.random.default_rng(20).integers(limits.min, limits.max + 1, (count, *sample_shape(tensor)))
    x[0], x[1] = limits.min, limits.max
    return x.astype(tensor.dtype)[None] if graph.states else x.astype(tensor.dtype)


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_equals_the_reference(name, shared, reference):
    data = (shared / "models" / f"{name}.tflite").read_bytes()
    graph = parse(data)
    x = samples(graph, 20)
    expected = Oracle(data).tensors(x)
    result = run(graph, x, rounding=reference.rounding, keep="all")
    assert sorted(expected) == sorted(result.tensors.keys() - graph.states.keys())
    for index, tensor in expected.items():
        np.testing.assert_array_equal(result.tensors[index], tensor, err_msg=graph.tensor(index).name)


@pytest.mark.parametrize("name", MODELS)
def test_rewritten_weights_equal_the_reference(name, shared, reference):
    """Weights with their low bits cleared, as revealing does, through file and through golden."""
    data = (shared / "models" / f"{name}.tflite").read_bytes()
    graph = parse(data)
    weights = {op.index: op.record.weights & np.int8(-8) for op in dots(graph)}
    x = samples(graph, 5)
    got = run(graph, x, weights=weights, rounding=reference.rounding).output
    np.testing.assert_array_equal(got, Oracle(rewrite_weights(data, weights)).run(x))
    if name not in ("hello_world_int8", "keyword_scrambled_8bit"):
        assert not np.array_equal(got, run(graph, x, rounding=reference.rounding).output)


def test_keyword_spotting_accuracy(shared, reference):
    """90.53 % on 750 samples; sizes of chunks do not matter."""
    data = np.load(shared / "data" / "kws_test_750.npz")
    graph = parse((shared / "models" / "kws_ref_model.tflite").read_bytes())
    output = run(graph, data["x"], rounding=reference.rounding).output
    assert (output.argmax(axis=1) == data["y"]).sum() == 679
    np.testing.assert_array_equal(output[700:703], run(graph, data["x"][700:703], rounding=reference.rounding).output)


@pytest.mark.parametrize("terms", [4, 8, 12, 16])
@pytest.mark.parametrize("name", MODELS)
def test_every_budget_equals_the_interpreter_on_the_rewritten_file(name, terms, shared, reference):
    """g=8,k: golden with the revealed weights against an interpreter that knows nothing of terms."""
    data = (shared / "models" / f"{name}.tflite").read_bytes()
    graph = parse(data)
    weights = {op.index: reveal(op.record.weights, 8, terms).values for op in dots(graph)}
    x = samples(graph, 5)
    result = run(graph, x, weights=weights, rounding=reference.rounding, keep="all")
    for index, tensor in Oracle(rewrite_weights(data, weights)).tensors(x).items():
        np.testing.assert_array_equal(result.tensors[index], tensor, err_msg=graph.tensor(index).name)
