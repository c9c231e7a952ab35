"""Import: what is accepted, what is refused, and what the messages say."""

from __future__ import annotations

import numpy as np
import pytest
import tflite

from edge_tr.errors import ModelError, UsageError
from edge_tr.ir.tflite import load, parse
from edge_tr.ir.writer import ModelWriter
from tests.models.random_ops import BUILDERS, build
from tests.operators.test_op_reshape import flat_shape

WINDOW = dict(padding="SAME", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
SHARED_MODELS = {
    "ad01_int8": 10,
    "digits_cnn_int8": 7,
    "digits_mlp_int8": 3,
    "fashion_lenet5_int8": 9,
    "hello_world_int8": 3,
    "kws_ref_model": 13,
    "micro_speech_quantized": 4,
    "mnist_dscnn_int8": 8,
    "mnist_lenet5_int8": 9,
    "mnist_lstm32_int8": 4,
    "mnist_mlp_784_512_512_10_int8": 4,
    "pretrainedResnet_quant": 16,
    "str_ww_ref_model": 11,
    "vww_96_int8": 31,
}


@pytest.mark.parametrize("name", SHARED_MODELS)
def test_shared_models_import(shared, name):
    graph = load(shared / "models" / f"{name}.tflite")
    assert len(graph.ops) == SHARED_MODELS[name]
    assert len(graph.sha256) == 64


def test_operators_without_support_are_named_with_tensor_and_version():
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1, 4), 0.5)
    model.op("LOCAL_RESPONSE_NORMALIZATION", [x], [y])
    with pytest.raises(ModelError) as error:
        parse(model.finish([x], [y]))
    lines = str(error.value).splitlines()
    assert "LOCAL_RESPONSE_NORMALIZATION (operator 0, 't1', version 1)" in lines[1]
    assert " CONV_2D," in " ".join(lines)


@pytest.mark.parametrize("kind", BUILDERS)
def test_written_models_import(kind):
    graph = parse(build(kind, np.random.default_rng(5)))
    assert {kind, "PADV2"} & {op.kind for op in graph.ops}


def conv_model(weights=(2, 3, 3, 4), scales=(0.5,), axis=0, bias=2, zero=(0,), activation="NONE", out=2):
    model = ModelWriter()
    x = model.activation((1, 5, 5, 4), 0.5)
    w = model.constant(np.ones(weights, np.int8), scales, list(zero) * len(scales), axis)
    b = model.constant(np.zeros(bias, np.int32))
    y = model.activation((1, 5, 5, out), 1.0)
    model.op("CONV_2D", [x, w, b], [y], version=3, fused_activation_function=activation, **WINDOW)
    return model.finish([x], [y])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (dict(weights=(2, 3, 3, 3)), "groups of as many input channels"),
        (dict(scales=(0.5, 0.5, 0.5), axis=1), "weight scales along dimension 1"),
        (dict(bias=3), "3 biases for 2 output channels"),
        (dict(zero=(1,)), "zero point other than 0"),
        (dict(activation="TANH"), "fused activation TANH; supported: NONE, RELU, RELU6, RELU_N1_TO_1"),
        (dict(out=3), "output of shape 1x5x5x3; supported: 1x5x5x2"),
        (dict(scales=(1e20,)), "left shift"),
    ],
)
def test_a_convolution_is_refused_with_what_was_found(change, found):
    with pytest.raises(ModelError) as error:
        parse(conv_model(**change))
    (line,) = str(error.value).splitlines()[1:]
    assert line.startswith("  CONV_2D (operator 0, 't3', version 3): found")
    assert found in line


def test_two_problems_are_two_lines():
    model = ModelWriter()
    x = model.activation((1, 4), 0.5)
    y = model.activation((1, 4), 0.5)
    z = model.activation((1, 4), 0.5)
    model.op("LOGISTIC", [x], [y], version=2)
    model.op("SOFTMAX", [y], [z], beta=1.0)
    with pytest.raises(ModelError) as error:
        parse(model.finish([x], [z]))
    lines = str(error.value).splitlines()[1:]
    assert "LOGISTIC (operator 0, 't1', version 2)" in lines[0]
    assert "SOFTMAX (operator 1, 't2', version 1): found output scale 0.5" in lines[1]


@pytest.mark.parametrize(("dtype", "scale"), [("uint8", None), ("int4", 0.5), ("float32", 0.5)])
def test_other_types_are_refused(dtype, scale):
    model = ModelWriter()
    x, y = model.activation((1, 4), scale, dtype=dtype), model.activation((1, 4), scale, dtype=dtype)
    model.op("RESHAPE", [x], [y], new_shape=[1, 4])
    with pytest.raises(ModelError, match=dtype):
        parse(model.finish([x], [y]))


def test_float_ends_are_left_to_the_host():
    model = ModelWriter()
    x = model.activation((1, 4), dtype="float32")
    q, y = model.activation((1, 4), 0.5, 3), model.activation((1, 4), 1 / 256, -128)
    z = model.activation((1, 4), dtype="float32")
    model.op("QUANTIZE", [x], [q])
    model.op("SOFTMAX", [q], [y], beta=1.0)
    model.op("DEQUANTIZE", [y], [z])
    graph = parse(model.finish([x], [z]))
    assert [(op.kind, op.index) for op in graph.ops] == [("SOFTMAX", 1)]
    assert (graph.inputs, graph.outputs) == ((q,), (y,))


def test_two_float_branches_that_meet_are_refused_once_with_the_cure():
    model = ModelWriter()
    x, y, z = (model.activation((1, 4), 0.5) for _ in range(3))
    f, g, h = (model.activation((1, 4), dtype="float32") for _ in range(3))
    model.op("TANH", [x], [y])
    model.op("DEQUANTIZE", [x], [f])
    model.op("DEQUANTIZE", [y], [g])
    model.op("ADD", [f, g], [h], fused_activation_function="NONE")
    model.op("QUANTIZE", [h], [z])
    with pytest.raises(ModelError) as error:
        parse(model.finish([x], [z]))
    (line,) = str(error.value).splitlines()[1:]
    assert "found ADD, the first ADD (operator 3, 't5', version 1)" in line
    assert "Re-quantise these operators" in line


def test_shape_arithmetic_is_folded_and_operators_keep_their_indices():
    model = ModelWriter()
    x, y = model.activation((1, 2, 3, 4), 0.5), model.activation((1, 24), 0.5)
    model.op("RESHAPE", [x, flat_shape(model, x, 24)], [y])
    graph = parse(model.finish([x], [y]))
    assert [(op.kind, op.index) for op in graph.ops] == [("RESHAPE", 3)]


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (lambda x, y: ([x, x], [y]), "one tensor for two of its inputs"),
        (lambda x, y: ([x], [2]), "output tensor 2 is never written"),
        (lambda x, y: ([y], [x]), "before anything has written it"),
        (lambda x, y: ([x], [99]), "tensor 99"),
        (lambda x, y: ([], [y]), "no input"),
        (lambda x, y: ([x], []), "no output"),
    ],
)
def test_wrong_ends_are_refused(ends, message):
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1, 4), 0.25)
    model.activation((1, 4), 0.5)
    model.op("QUANTIZE", [x], [y])
    with pytest.raises(ModelError, match=message):
        parse(model.finish(*ends(x, y)))


def test_operators_out_of_order_are_refused():
    model = ModelWriter()
    x, y, z = (model.activation((1, 4), 0.5) for _ in range(3))
    model.op("QUANTIZE", [y], [z])
    model.op("QUANTIZE", [x], [y])
    with pytest.raises(ModelError, match="before anything has written it"):
        parse(model.finish([x], [z]))


def test_a_tensor_written_twice_is_refused():
    model = ModelWriter()
    x, y = (model.activation((1, 4), 0.5) for _ in range(2))
    model.op("QUANTIZE", [x], [y])
    model.op("QUANTIZE", [x], [y])
    with pytest.raises(ModelError, match="already has a value"):
        parse(model.finish([x], [y]))


def patched(data: bytes, table, field: int, value: bytes) -> bytes:
    """`data` with a scalar field of one of its tables overwritten."""
    position = table._tab.Pos + table._tab.Offset(4 + 2 * field)
    return data[:position] + value + data[position + len(value) :]


def test_newer_operator_versions_are_refused():
    data = conv_model()
    code = tflite.Model.GetRootAs(data, 0).OperatorCodes(0)
    with pytest.raises(ModelError, match="version 99; supported: 1 to 8"):
        parse(patched(data, code, 2, b"\x63"))


def test_of_two_operator_codes_the_larger_one_counts_as_in_the_interpreter():
    data = build("AVERAGE_POOL_2D", np.random.default_rng(1))
    code = tflite.Model.GetRootAs(data, 0).OperatorCodes(0)
    assert parse(patched(data, code, 3, b"\x11")).ops[0].kind == "MAX_POOL_2D"


def test_another_schema_version_is_refused():
    data = conv_model()
    with pytest.raises(ModelError, match="schema version 4"):
        parse(patched(data, tflite.Model.GetRootAs(data, 0), 0, b"\x04"))


def test_names_cannot_carry_terminal_codes():
    data = conv_model(bias=3).replace(b"t3\0", b"\x1b[\0")
    with pytest.raises(ModelError) as error:
        parse(data)
    assert "\x1b" not in str(error.value)


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "no.tflite")


def test_parameters_of_a_convolution():
    """5x5 SAME with a 3x3 window: one pixel of padding; 0.5 * 0.5 / 1 = 2**-2 in TFLite's form."""
    graph = parse(conv_model(scales=(0.5, 0.25), activation="RELU6"))
    p = graph.ops[0].record
    assert (p.input_shape, p.output_shape, p.pad) == ((5, 5, 4), (5, 5, 2), (1, 1))
    assert p.weights.shape == (2, 36) and p.bias.tolist() == [0, 0]
    assert p.requant.multiplier.tolist() == [2**30, 2**30] and p.requant.shift.tolist() == [-1, -2]
    assert p.activation == (0, 6)


def test_operators_with_one_reason_are_counted_and_the_supported_ones_listed_once():
    model = ModelWriter()
    x = y = model.activation((1, 4), 0.5)
    for kind in ("CUSTOM", "CUSTOM", "QUANTIZE", "QUANTIZE"):
        y, before = model.activation((1, 4), 0.25), y
        model.op(kind, [before], [y], version=1 if kind == "CUSTOM" else 99)
    with pytest.raises(ModelError) as error:
        parse(model.finish([x], [y]))
    lines = str(error.value).splitlines()
    assert sum("CUSTOM" in line for line in lines) == 1 and sum("(and 1 more like it)" in line for line in lines) == 2
    assert str(error.value).count("supported operators:") == 1
    assert max(map(len, lines)) < 200
