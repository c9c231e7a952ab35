"""Random models of CONCATENATION and PACK: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.prepared.dead import remove_dead_channels
from tests.models.drawing import scale, shape, zero_point


def _pieces(rng: np.random.Generator, model: ModelWriter, shapes: list[tuple[int, ...]]) -> tuple[int, list[int]]:
    """(the model's input, tensors of these shapes): parts of the input and now and then a constant; one twice."""
    s, zero = scale(rng), zero_point(rng)
    x = model.activation((1, max(int(np.prod(shape)) for shape in shapes)), s, zero)
    pieces = []
    for number, wanted in enumerate(shapes):
        if number and rng.random() < 0.2:
            pieces.append(model.constant(rng.integers(-128, 128, wanted).astype(np.int8), [s], [zero]))
            continue
        size = int(np.prod(wanted))
        part, piece = model.activation((1, size), s, zero), model.activation(wanted, s, zero)
        bounds = [model.constant(np.array(bound, np.int32)) for bound in ([0, 0], [1, size])]
        model.op("SLICE", [x, *bounds], [part])
        model.op("RESHAPE", [part, model.constant(np.array(wanted, np.int32))], [piece])
        pieces.append(piece)
    return x, pieces


def concatenation(rng: np.random.Generator) -> bytes:
    lengths = list(shape(rng, int(rng.integers(1, 5)), 5))
    axis = int(rng.integers(len(lengths)))
    shapes = []
    for _ in range(int(rng.integers(1, 5))):
        lengths[axis] = int(rng.integers(1, 6))
        shapes.append(tuple(lengths))
    out = tuple(sum(s[axis] for s in shapes) if i == axis else d for i, d in enumerate(lengths))
    named = axis - len(lengths) if rng.random() < 0.3 else axis
    return _joined(rng, "CONCATENATION", shapes, out, axis=named, fused_activation_function="NONE")


def pack(rng: np.random.Generator) -> bytes:
    lengths, count = shape(rng, int(rng.integers(1, 4)), 5), int(rng.integers(1, 5))
    axis = int(rng.integers(len(lengths) + 1))
    out = (*lengths[:axis], count, *lengths[axis:])
    named = axis - len(out) if rng.random() < 0.3 else axis
    return _joined(rng, "PACK", [lengths] * count, out, axis=named, values_count=count)


def _joined(
    rng: np.random.Generator, kind: str, shapes: list[tuple[int, ...]], out: tuple[int, ...], **options
) -> bytes:
    model = ModelWriter()
    x, pieces = _pieces(rng, model, shapes)
    if len(pieces) > 1 and shapes[0] == shapes[-1] and rng.random() < 0.3:
        pieces[-1] = pieces[0]
    s, zero = model.quantization_of(x)
    y, z = model.activation(out, s, zero), model.activation(out, s * 1.3, zero_point(rng))
    model.op(kind, pieces, [y], version=2, **options)
    model.op("QUANTIZE", [y], [z])
    return model.finish([x], [z])


BUILDERS = {"CONCATENATION": concatenation, "PACK": pack}


def joined(scales: tuple[float, float], activation: str = "NONE") -> bytes:
    model = ModelWriter()
    a, b, y = model.activation((1, 4), scales[0]), model.activation((1, 4), scales[1]), model.activation((1, 8), 0.5)
    model.op("QUANTIZE", [a], [b])
    model.op("CONCATENATION", [a, b], [y], version=2, axis=1, fused_activation_function=activation)
    return model.finish([a], [y])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (joined((0.25, 0.5)), "input 0 in another quantisation than the output"),
        (joined((0.5, 0.25)), "input 1 in another quantisation than the output"),
        (joined((0.5, 0.5), "RELU"), "fused activation RELU"),
    ],
)
def test_what_the_reference_refuses_is_refused(data, message):
    with pytest.raises(ModelError, match=message):
        parse(data)


def test_channels_that_nobody_reads_leave_their_side_of_a_concatenation():
    """A convolution that reads channels 1 and 4 of two beside three."""
    model = ModelWriter()
    x = model.activation((1, 3, 3, 2), 0.5)
    sides = [model.activation((1, 3, 3, channels), 0.5, 3) for channels in (2, 3)]
    options = dict(padding="VALID", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
    rng = np.random.default_rng(0)
    for side, channels in zip(sides, (2, 3)):
        weights = model.constant(rng.integers(1, 9, (channels, 1, 1, 2)).astype(np.int8), [0.25])
        bias = model.constant(np.zeros(channels, np.int32), [0.125])
        model.op("CONV_2D", [x, weights, bias], [side], **options)
    joint, y = model.activation((1, 3, 3, 5), 0.5, 3), model.activation((1, 3, 3, 1), 1.0)
    model.op("CONCATENATION", sides, [joint], version=2, axis=3, fused_activation_function="NONE")
    weights = np.zeros((1, 1, 1, 5), np.int8)
    weights[..., [1, 4]] = 5
    bias = model.constant(np.zeros(1, np.int32), [0.125])
    model.op("CONV_2D", [joint, model.constant(weights, [0.25]), bias], [y], **options)
    graph = parse(model.finish([x], [y]))
    alive = remove_dead_channels(graph)
    kept = {tensor: channels.kept.tolist() for tensor, channels in alive.channels.items()}
    assert kept == {sides[0]: [1], sides[1]: [2], joint: [1, 4]}
    data = rng.integers(-128, 128, (4, 3, 3, 2)).astype(np.int8)
    np.testing.assert_array_equal(run(alive.graph, data).output, run(graph, data).output)
