"""Random models of CONV_2D: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import itertools

import numpy as np

from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.prepared.dead import remove_dead_channels
from edge_tr.tr.reveal import reveal
from tests.models.drawing import dot_tensors, scale, window, zero_point


def conv(rng: np.random.Generator) -> bytes:
    h, w, c_in, c_out = (int(v) for v in rng.integers(1, (10, 10, 9, 9)))
    groups = int(rng.integers(2, 5)) if rng.random() < 0.3 else 1
    options, kernel, out = window(rng, h, w, dilated=True)
    model, x_scale = ModelWriter(), scale(rng)
    x = model.activation((1, h, w, groups * c_in), x_scale, zero_point(rng))
    shape = (groups * c_out, *kernel, c_in)
    weights, bias, y_scale = dot_tensors(rng, model, x_scale, shape, 0, rng.random() < 0.6)
    y = model.activation((1, *out, groups * c_out), y_scale, zero_point(rng))
    model.op("CONV_2D", [x, weights, bias], [y], version=6 if groups > 1 else 3, **options)
    return model.finish([x], [y])


BUILDERS = {"CONV_2D": conv}


def grouped(rng: np.random.Generator) -> bytes:
    """Three groups of two channels to four."""
    model = ModelWriter()
    x = model.activation((1, 5, 5, 6), 0.05, -3)
    weights, bias, y_scale = dot_tensors(rng, model, 0.05, (12, 3, 3, 2), 0, True)
    y = model.activation((1, 5, 5, 12), y_scale, 4)
    options = dict(padding="SAME", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
    model.op("CONV_2D", [x, weights, bias], [y], version=6, **options)
    return model.finish([x], [y])


def test_revealed_weights_of_groups_go_back_into_the_file(reference):
    rng = np.random.default_rng(3)
    data = grouped(rng)
    graph = parse(data)
    x = rng.integers(-128, 128, (8, 5, 5, 6)).astype(np.int8)
    revealed = {0: reveal(graph.ops[0].record.weights, 8, 6).values}
    result = run(graph, x, weights=revealed, rounding=reference.rounding).output
    np.testing.assert_array_equal(result, Oracle(rewrite_weights(data, revealed)).run(x))
    assert (result != run(graph, x, rounding=reference.rounding).output).any()


def test_channels_that_nobody_reads_leave_a_convolution_in_groups():
    rng = np.random.default_rng(4)
    model = ModelWriter()
    tensors = [model.activation((1, 4, 4, channels), 0.05, -3) for channels in (3, 6, 9, 2)]
    options = dict(padding="VALID", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
    for (source, target), shape in zip(itertools.pairwise(tensors), [(6, 1, 1, 3), (9, 1, 1, 2), (2, 1, 1, 9)]):
        weights = rng.integers(-128, 128, shape).astype(np.int8)
        if shape[0] == 2:
            weights[..., [0, 4]] = 0
        if shape[0] == 9:
            weights[:3, ..., 1] = 0
        pair = (
            model.constant(weights, [0.01]),
            model.constant(rng.integers(-99, 99, shape[0]).astype(np.int32), [0.0005]),
        )
        model.op("CONV_2D", [source, *pair], [target], version=6, **options)
    graph = parse(model.finish(tensors[:1], tensors[-1:]))
    alive = remove_dead_channels(graph)
    assert {tensor: channels.removed for tensor, channels in alive.channels.items()} == {1: 1, 2: 2}
    x = rng.integers(-128, 128, (8, 4, 4, 3)).astype(np.int8)
    np.testing.assert_array_equal(run(alive.graph, x).output, run(graph, x).output)
