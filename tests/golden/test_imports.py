"""What converters write around and between int8 layers, against BUILTIN_REF: shapes, uint8 ends, odd axes."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter


def equal(data: bytes, shape: tuple[int, ...], rounding) -> None:
    """Golden and the interpreter on every tensor of random samples."""
    x = np.random.default_rng(4).integers(-128, 128, (5, *shape), np.int8)
    x[0], x[1] = -128, 127
    result = run(parse(data), x, rounding=rounding, keep="all")
    for index, expected in Oracle(data).tensors(x).items():
        np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"tensor {index}")
    np.testing.assert_array_equal(result.output, Oracle(data).run(x))


@pytest.mark.parametrize(("axis", "expanded"), [(1, (1, 1, 9, 4)), (-3, (1, 1, 9, 4)), (3, (1, 9, 4, 1))])
def test_expanded_and_squeezed_dimensions(axis, expanded, reference):
    """As a one-dimensional convolution is converted."""
    model = ModelWriter()
    x = model.activation((1, 9, 4), 0.5, 3)
    image, pooled = (model.activation(expanded, 0.5, 3) for _ in range(2))
    back = model.activation((1, 9, 4), 0.5, 3)
    y = model.activation((1, 9, 4), 0.7, -3)
    model.op("EXPAND_DIMS", [x, model.constant(np.array(axis, np.int32))], [image])
    options = dict(padding="SAME", stride_h=1, stride_w=1, filter_height=1, filter_width=3)
    model.op("MAX_POOL_2D", [image], [pooled], **options)
    model.op("SQUEEZE", [pooled], [back], squeeze_dims=[axis % 4])
    model.op("QUANTIZE", [back], [y], version=2)
    data = model.finish([x], [y])
    assert [op.kind for op in parse(data).ops] == ["RESHAPE", "MAX_POOL_2D", "RESHAPE", "QUANTIZE"]
    equal(data, (9, 4), reference.rounding)


def test_a_shape_that_is_not_the_operators_is_refused():
    model = ModelWriter()
    x, y = model.activation((1, 4, 2), 0.5), model.activation((1, 2, 4, 1), 0.5)
    model.op("EXPAND_DIMS", [x, model.constant(np.array(1, np.int32))], [y])
    with pytest.raises(ModelError, match="EXPAND_DIMS"):
        parse(model.finish([x], [y]))


def uint8_model(shift: int, scale: float) -> bytes:
    model = ModelWriter()
    outside = model.activation((1, 30), 0.05, 5 + shift, dtype="uint8")
    x, y = model.activation((1, 30), 0.05, 5), model.activation((1, 30), 0.11, -9)
    result = model.activation((1, 30), scale, -9 + 128, dtype="uint8")
    model.op("QUANTIZE", [outside], [x])
    model.op("QUANTIZE", [x], [y], version=2)
    model.op("QUANTIZE", [y], [result])
    return model.finish([outside], [result])


def test_uint8_ends_are_the_hosts(reference):
    data = uint8_model(128, 0.11)
    assert len(parse(data).ops) == 1
    equal(data, (30,), reference.rounding)


@pytest.mark.parametrize(("shift", "scale"), [(127, 0.11), (128, 0.12)])
def test_uint8_ends_that_are_other_values_are_layers(shift, scale, reference):
    data = uint8_model(shift, scale)
    assert len(parse(data).ops) == 2
    equal(data, (30,), reference.rounding)


def test_a_bias_whose_scales_lie_along_a_dimension_of_the_weights(reference):
    """As person_detect.tflite of TFLite Micro has it; the interpreter alone refuses that."""
    rng = np.random.default_rng(8)
    model = ModelWriter()
    x, y = model.activation((1, 5, 5, 3), 0.5, 3), model.activation((1, 5, 5, 3), 2.0, 1)
    scales = rng.uniform(0.01, 0.02, 3).astype(np.float32)
    w = model.constant(rng.integers(-128, 128, (1, 3, 3, 3)).astype(np.int8), scales, axis=3)
    b = model.constant(rng.integers(-900, 900, 3).astype(np.int32), np.float32(0.5) * scales, axis=3)
    options = dict(padding="SAME", stride_h=1, stride_w=1, depth_multiplier=1, fused_activation_function="NONE")
    options |= dict(dilation_h_factor=1, dilation_w_factor=1)
    model.op("DEPTHWISE_CONV_2D", [x, w, b], [y], version=3, **options)
    equal(model.finish([x], [y]), (5, 5, 3), reference.rounding)
