"""Float operators at a model's inputs are the host's; what they are quantised to are the device's inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr import compiler
from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle, _interpreter
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.rewrite import with_outputs
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.report.summary import describe, inspect_text

NONE = dict(fused_activation_function="NONE")
IMAGE = (1, 4, 5, 3)
X, Y = 8, 9
"""What the images of `normalised` are quantised to."""


def normalised() -> bytes:
    """An image of bytes, made floats and normalised, and what it differs by from another that the network reads too;
    a vector that is quantised as it is."""
    model = ModelWriter()
    raw, other = model.activation(IMAGE, dtype="uint8"), model.activation(IMAGE, 0.02, 7)
    vector = model.activation((1, 3), dtype="float32")
    real, scaled, centred, dequantised, difference = (model.activation(IMAGE, dtype="float32") for _ in range(5))
    x, y, v = model.activation(IMAGE, 0.05, -3), model.activation(IMAGE, 0.07, 4), model.activation((1, 3), 0.06, 1)
    total, sums = model.activation(IMAGE, 0.08), model.activation(IMAGE, 0.09, -2)
    mean, result = model.activation((1, 3), 0.05, 2), model.activation((1, 3), 0.09)
    model.op("CAST", [raw], [real])
    model.op("MUL", [real, model.constant(np.array([1 / 255], np.float32))], [scaled], **NONE)
    model.op("SUB", [scaled, model.constant(np.array([0.4, 0.5, 0.3], np.float32))], [centred], **NONE)
    model.op("DEQUANTIZE", [other], [dequantised], version=2)
    model.op("SUB", [centred, dequantised], [difference], **NONE)
    model.op("QUANTIZE", [vector], [v])
    model.op("QUANTIZE", [centred], [x])
    model.op("QUANTIZE", [difference], [y])
    model.op("ADD", [x, y], [total], version=2, **NONE)
    model.op("ADD", [total, other], [sums], version=2, **NONE)
    model.op("MEAN", [sums, model.constant(np.array([1, 2], np.int32))], [mean], version=2, keep_dims=False)
    model.op("ADD", [mean, v], [result], version=2, **NONE)
    return model.finish([raw, other, vector], [result])


def drawn(graph: Graph, count: int) -> dict[int, np.ndarray]:
    """Of the device's inputs."""
    rng = np.random.default_rng(0)
    shapes = {i: graph.tensor(i).shape[1:] for i in graph.inputs}
    return {i: rng.integers(-128, 128, (count, *shape)).astype(np.int8) for i, shape in shapes.items()}


def test_the_device_takes_what_the_images_are_quantised_to():
    graph = parse(normalised())
    assert [op.kind for op in graph.ops] == ["ADD", "ADD", "MEAN", "ADD"]
    assert [op.kind for op in graph.before] == ["CAST", "MUL", "SUB", "DEQUANTIZE", "SUB", "QUANTIZE", "QUANTIZE"]
    assert [t.dtype for t in graph.file_inputs] == ["int8", "float32", "int8", "int8"]
    assert graph.inputs[2:] == (X, Y)
    assert "note: left to the host, in float32 before the device's inputs: CAST, MUL, SUB" in inspect_text(
        describe(graph)
    )


def test_golden_equals_the_interpreter_from_the_device_s_inputs_on():
    data = normalised()
    graph = parse(data)
    x = drawn(graph, 6)
    golden, oracle = run(graph, x, keep="all"), Oracle(data)
    np.testing.assert_array_equal(golden.output, oracle.run(x))
    for index, expected in oracle.tensors(x).items():
        np.testing.assert_array_equal(golden.tensors[index], expected)


def test_with_the_host_s_part_it_is_the_model_as_given():
    """The whole file in the interpreter, from bytes and floats: what its QUANTIZE operators give is the device's
    input, and then its output is golden's."""
    data = normalised()
    graph, rng = parse(data), np.random.default_rng(1)
    runtime = Oracle(data).runtime
    whole = _interpreter(runtime, with_outputs(data, [*graph.outputs, *graph.inputs]))
    for _ in range(4):
        given = [rng.integers(0, 256, IMAGE).astype(np.uint8), rng.integers(-128, 128, IMAGE).astype(np.int8)]
        given.append(rng.normal(0, 2, (1, 3)).astype(np.float32))
        for detail, values in zip(whole.get_input_details(), given, strict=True):
            whole.set_tensor(detail["index"], values)
        whole.invoke()
        x = {index: whole.get_tensor(index) for index in graph.inputs}
        golden = run(graph, x, rounding=reference_info(runtime).rounding).output
        np.testing.assert_array_equal(golden, whole.get_tensor(graph.outputs[0]))


def test_it_builds_and_is_checked_on_the_host(tmp_path: Path):
    (tmp_path / "model.tflite").write_bytes(normalised())
    manifest = compiler.build(tmp_path / "model.tflite", "host", tmp_path / "build")
    assert any("before the device's inputs" in note for note in manifest.notes)
    compiler.flash(tmp_path / "build")
    report = compiler.check(tmp_path / "build", layers=True)
    assert report.bit_exact and report.reference_identical == report.samples


def _squashed() -> tuple[ModelWriter, int, int]:
    """A float input and its TANH."""
    model = ModelWriter()
    x, real = (model.activation((1, 4), dtype="float32") for _ in range(2))
    model.op("TANH", [x], [real])
    return model, x, real


def test_a_uint8_model_s_input_is_taken_as_its_bytes():
    model, x, real = _squashed()
    q, y = (model.activation((1, 4), 0.01, zero, dtype="uint8") for zero in (100, 3))
    model.op("QUANTIZE", [real], [q])
    model.op("ADD", [q, q], [y], version=2, **NONE)
    data = model.finish([x], [y])
    graph = parse(data)
    bytes_in = np.random.default_rng(2).integers(0, 256, (9, 4)).astype(np.uint8)
    assert [t.dtype for t in graph.file_inputs] == ["uint8"]
    np.testing.assert_array_equal(run(graph, bytes_in).output, Oracle(data).run(bytes_in))


def test_a_float_that_the_network_reads_beside_what_it_computes_stays():
    model, x, real = _squashed()
    q, y, result = (model.activation((1, 4), scale) for scale in (0.01, 0.02, 0.03))
    back, both = (model.activation((1, 4), dtype="float32") for _ in range(2))
    model.op("QUANTIZE", [real], [q])
    model.op("ADD", [q, q], [y], version=2, **NONE)
    model.op("DEQUANTIZE", [y], [back], version=2)
    model.op("ADD", [back, real], [both], **NONE)
    model.op("QUANTIZE", [both], [result])
    model.op("ADD", [result, result], [last := model.activation((1, 4), 0.05)], version=2, **NONE)
    with pytest.raises(ModelError, match="float32 arithmetic"):
        parse(model.finish([x], [last]))


def test_a_network_before_the_quantize_is_not_left_to_the_host():
    model = ModelWriter()
    x, real = (model.activation((1, 4), dtype="float32") for _ in range(2))
    q, y = model.activation((1, 4), 0.01), model.activation((1, 4), 0.02)
    model.op("FULLY_CONNECTED", [x, model.constant(np.eye(4, dtype=np.float32)), -1], [real], **NONE)
    model.op("QUANTIZE", [real], [q])
    model.op("ADD", [q, q], [y], version=2, **NONE)
    with pytest.raises(ModelError, match="Re-quantise these operators"):
        parse(model.finish([x], [y]))
