"""Float operators at a model's outputs are the host's; the int8 tensors before them are the device's outputs."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.report.summary import describe, inspect_text


def two_branches_that_meet() -> bytes:
    """DEQUANTIZE of two tensors, ADD, SOFTMAX and ARG_MAX in floats; and one output that stays int8."""
    model = ModelWriter()
    x, y, z = (model.activation((1, 10), 0.05, zero) for zero in (3, -7, 5))
    model.op("QUANTIZE", [x], [y])
    model.op("QUANTIZE", [y], [z])
    floats = [model.activation((1, 10), dtype="float32") for _ in range(4)]
    place = model.activation((1,), dtype="int64")
    model.op("DEQUANTIZE", [y], [floats[0]])
    model.op("DEQUANTIZE", [z], [floats[1]])
    model.op("ADD", floats[:2], [floats[2]], fused_activation_function="NONE")
    model.op("SOFTMAX", [floats[2]], [floats[3]], beta=1.0)
    model.op("ARG_MAX", [floats[3], model.constant(np.array(1, np.int32))], [place], output_type="int64")
    return model.finish([x], [place, floats[3], z])


def test_what_is_float_behind_the_outputs_is_left_to_the_host():
    data = two_branches_that_meet()
    graph = parse(data)
    assert [op.kind for op in graph.ops] == ["QUANTIZE", "QUANTIZE"]
    assert graph.outputs == (1, 2)
    x = np.random.default_rng(0).integers(-128, 128, (5, 10)).astype(np.int8)
    for index, expected in Oracle(data).outputs(x).items():
        np.testing.assert_array_equal(run(graph, x).outputs[index], expected)
    assert "note: left to the host, in float32 behind the device's outputs: ADD, SOFTMAX, ARG_MAX" in inspect_text(
        describe(graph)
    )


def test_a_long_part_that_meets_itself_at_every_step_is_followed_once():
    """2^3000 ways lead from the output to the tensor that it is made of."""
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1, 4), 0.5)
    value = model.activation((1, 4), dtype="float32")
    model.op("TANH", [x], [y])
    model.op("DEQUANTIZE", [y], [value])
    for _ in range(3000):
        doubled = model.activation((1, 4), dtype="float32")
        model.op("ADD", [value, value], [doubled], fused_activation_function="NONE")
        value = doubled
    graph = parse(model.finish([x], [value]))
    assert [op.kind for op in graph.ops] == ["TANH"] and graph.outputs == (y,)


def test_a_network_behind_a_dequantize_is_not_left_to_the_host():
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1, 4), 0.5)
    f, g = model.activation((1, 4), dtype="float32"), model.activation((1, 2), dtype="float32")
    model.op("TANH", [x], [y])
    model.op("DEQUANTIZE", [y], [f])
    model.op("FULLY_CONNECTED", [f, model.constant(np.ones((2, 4), np.float32)), -1], [g])
    with pytest.raises(ModelError, match="Re-quantise these operators"):
        parse(model.finish([x], [g]))
