"""Random models of BATCH_MATMUL: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import numpy as np

from edge_tr.golden.oracle import Oracle, Runtime
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import scale, zero_point


def batch_matmul(rng: np.random.Generator) -> bytes:
    """Parts of the input, rescaled, or a constant on one side; batches of either side broadcast; all transpositions.
    With the left side transposed the right one has all batches: tflite-runtime 2.14 computes only as many."""
    m, k, n = (int(v) for v in rng.integers(1, 7, 3))
    batch = tuple(int(v) for v in rng.integers(1, 4, int(rng.integers(0, 3))))
    turned = rng.random(2) < 0.5
    left, right = (k, m) if turned[0] else (m, k), (n, k) if turned[1] else (k, n)
    shapes = [_batched(rng, batch, left), (*batch, *right) if turned[0] else _batched(rng, batch, right)]
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    out = (*(max(pair) for pair in zip(padded[0][:-2], padded[1][:-2])), m, n)
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x = model.activation((1, max(int(np.prod(shape)) for shape in shapes)), s, zero)
    held = int(rng.integers(2)) if rng.random() < 0.3 else -1
    scales = [float(np.float32(s)), float(np.float32(scale(rng)))]
    sides = [_side(rng, model, x, shape, scales[i], i == held) for i, shape in enumerate(shapes)]
    y = model.activation(out, scales[0] * scales[1] * float(np.sqrt(k) * 80 * rng.uniform(0.3, 3)), zero_point(rng))
    model.op("BATCH_MATMUL", sides, [y], version=2, adj_x=bool(turned[0]), adj_y=bool(turned[1]))
    return model.finish([x], [y])


def _batched(rng: np.random.Generator, batch: tuple[int, ...], matrix: tuple[int, int]) -> tuple[int, ...]:
    """Some of the batches, from the last on, each now and then 1."""
    own = batch[int(rng.integers(len(batch) + 1)) :] if rng.random() < 0.3 else batch
    return (*(1 if rng.random() < 0.2 else length for length in own), *matrix)


def _side(rng: np.random.Generator, model: ModelWriter, x: int, shape: tuple[int, ...], s: float, held: bool) -> int:
    size, other = int(np.prod(shape)), zero_point(rng)
    if held:
        return model.constant(rng.integers(-128, 128, shape).astype(np.int8), [s], [other])
    part, scaled = model.activation((1, size), *model.quantization_of(x)), model.activation((1, size), s, other)
    bounds = [model.constant(np.array(bound, np.int32)) for bound in ([0, 0], [1, size])]
    side = model.activation(shape, s, other)
    model.op("SLICE", [x, *bounds], [part])
    model.op("QUANTIZE", [part], [scaled])
    model.op("RESHAPE", [scaled, model.constant(np.array(shape, np.int32))], [side])
    return side


BUILDERS = {"BATCH_MATMUL": batch_matmul}


def test_a_transposed_left_side_of_more_batches_than_the_right_one_equals_litert():
    """Of which tflite-runtime 2.14 computes only the first batch."""
    model = ModelWriter()
    x, left = model.activation((1, 48), 0.05, 3), model.activation((2, 6, 4), 0.05, 3)
    part, right = model.activation((1, 24), 0.05, 3), model.activation((4, 6), 0.05, 3)
    bounds = [model.constant(np.array(bound, np.int32)) for bound in ([0, 0], [1, 24])]
    model.op("RESHAPE", [x, model.constant(np.array([2, 6, 4], np.int32))], [left])
    model.op("SLICE", [x, *bounds], [part])
    model.op("RESHAPE", [part, model.constant(np.array([4, 6], np.int32))], [right])
    y = model.activation((2, 4, 4), 1.0)
    model.op("BATCH_MATMUL", [left, right], [y], version=2, adj_x=True, adj_y=True)
    data = model.finish([x], [y])
    samples = np.random.default_rng(0).integers(-128, 128, (5, 48)).astype(np.int8)
    litert = Runtime("ai-edge-litert", version("ai-edge-litert"), import_module("ai_edge_litert.interpreter"))
    np.testing.assert_array_equal(run(parse(data), samples).output, Oracle(data, litert).run(samples))
