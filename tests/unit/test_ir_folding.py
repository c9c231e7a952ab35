"""Arithmetic of shapes: what is folded is what the interpreter computes; dimensions that a file leaves open."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.run import run
from edge_tr.ir.folding import fold_shapes
from edge_tr.ir.free import free_notes
from edge_tr.ir.tflite import parse, read
from edge_tr.ir.writer import ModelWriter
from edge_tr.report.summary import describe, inspect_text

Vector = tuple[int, np.ndarray]  # tensor, value
SLICED = dict(begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0)
POINTWISE = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "MAXIMUM": np.maximum, "MINIMUM": np.minimum}


class Chain(ModelWriter):
    """Grows integers from shapes, with what they are."""

    def integers(self, values: object, dtype: str = "int32") -> int:
        return self.constant(np.array(values, dtype))

    def made(self, kind: str, inputs: list[int], value: np.ndarray, **options: object) -> Vector:
        value = np.asarray(value)
        result = self.activation(value.shape, dtype=value.dtype.name)
        self.op(kind, inputs, [result], version=2 if kind in ("ADD", "SUB", "MUL") else 1, **options)
        return result, value


def grown(rng: np.random.Generator) -> tuple[Chain, int, list[Vector]]:
    """A chain of every operator that is folded, and the graph's input."""
    chain = Chain()
    shape = tuple(int(n) for n in rng.integers(1, 9, 4))
    x = chain.activation(shape, 0.5)
    size = chain.made("SHAPE", [x], np.array(shape, np.int32), out_type="int32")
    first, last = (int(n) for n in sorted(rng.choice(5, 2, replace=False)))
    part = chain.made(
        "STRIDED_SLICE", [size[0], *(chain.integers([n]) for n in (first, last, 1))], size[1][first:last], **SLICED
    )
    at_end = [size[0], *(chain.integers([n]) for n in (-1, 0, 1))]
    one = chain.made("STRIDED_SLICE", at_end, size[1][-1], **SLICED | dict(shrink_axis_mask=1))
    found = [size, part, one]
    kind = str(rng.choice(list(POINTWISE)))
    fused = {} if kind in ("MAXIMUM", "MINIMUM") else dict(fused_activation_function="NONE")
    scaled = chain.made(kind, [part[0], one[0]], POINTWISE[kind](part[1], one[1]), **fused)
    joined = np.concatenate([scaled[1], size[1]])
    both = chain.made("CONCATENATION", [scaled[0], size[0]], joined, axis=0, fused_activation_function="NONE")
    at = rng.integers(0, len(both[1]), 3).astype(np.int32)
    taken = chain.made("GATHER", [both[0], chain.integers(at)], both[1][at], axis=0)
    product = chain.made(
        "REDUCE_PROD", [taken[0], chain.integers([0])], np.prod(taken[1], dtype=np.int32), keep_dims=False
    )
    wide = chain.made("CAST", [product[0]], product[1].astype(np.int64), in_data_type="int32", out_data_type="int64")
    packed = chain.made("PACK", [one[0], product[0]], np.stack([one[1], product[1]]), values_count=2, axis=0)
    middle = chain.made("SLICE", [size[0], chain.integers([1]), chain.integers([2])], size[1][1:3])
    tall = chain.made("RESHAPE", [middle[0], chain.integers([2, 1])], middle[1].reshape(2, 1))
    flat = chain.made("SQUEEZE", [tall[0]], middle[1], squeeze_dims=[1])
    more = chain.made("EXPAND_DIMS", [flat[0], chain.integers(0)], middle[1][None])
    rank = chain.made("RANK", [x], np.array(4, np.int32))
    counted = chain.made("RANGE", [chain.integers(v) for v in (0, 12, 5)], np.arange(0, 12, 5, dtype=np.int32))
    filled = chain.made("FILL", [chain.integers([2, 3]), rank[0]], np.full((2, 3), 4, np.int32))
    zeros = chain.made("ZEROS_LIKE", [filled[0]], np.zeros((2, 3), np.int32))
    repeated = chain.made("BROADCAST_ARGS", [size[0], chain.integers([7, 1, 1, 1, 1])], np.array([7, *shape], np.int32))
    last = [middle, tall, flat, more, rank, counted, filled, zeros, repeated]
    return chain, x, [*found, scaled, both, taken, product, wide, packed, *last]


@pytest.mark.parametrize("seed", range(30))
def test_what_is_folded_is_what_the_interpreter_computes(seed, interpreted: Callable[..., list[np.ndarray]]):
    rng = np.random.default_rng(seed)
    chain, x, found = grown(rng)
    data = chain.finish([x], [tensor for tensor, _ in found])
    graph = fold_shapes(read(data))
    assert graph.ops == ()
    for (tensor, value), theirs in zip(found, interpreted(data, [tensor for tensor, _ in found])):
        folded = graph.tensor(tensor).data
        np.testing.assert_array_equal(folded, theirs)
        np.testing.assert_array_equal(folded, value)
        assert folded.dtype == theirs.dtype and folded.shape == theirs.shape


@pytest.fixture
def interpreted(reference) -> Callable[..., list[np.ndarray]]:
    """Tensors of a model that has no samples to run on."""
    from edge_tr.golden.oracle import _interpreter, find_runtime

    def tensors(data: bytes, indices: list[int]) -> list[np.ndarray]:
        interpreter = _interpreter(find_runtime(), data)
        interpreter.invoke()
        return [interpreter.get_tensor(i) for i in indices]

    return tensors


def test_what_is_computed_at_run_time_stays():
    model = ModelWriter()
    a, b = (model.activation((1, 4), dtype="int32") for _ in range(2))
    y = model.activation((1, 4), dtype="int32")
    model.op("ADD", [a, b], [y], fused_activation_function="NONE")
    assert [op.kind for op in fold_shapes(read(model.finish([a, b], [y]))).ops] == ["ADD"]


def free_batch(signature: tuple[int, ...], shape: tuple[int, ...] = (1, 2, 3, 4)) -> bytes:
    """A flattening as Keras writes it where the batch is free: its size is computed from the shape."""
    model = ModelWriter()
    elements = int(np.prod(shape))
    x, y, z = (
        model.activation(s, 0.5, signature=g) for s, g in ((shape, signature), *[((1, elements), (-1, elements))] * 2)
    )
    size, batch, wanted = (model.activation(s, dtype="int32") for s in ((4,), (), (2,)))
    model.op("SHAPE", [x], [size], out_type="int32")
    ends = [model.constant(np.array([n], np.int32)) for n in (0, 1, 1)]
    model.op("STRIDED_SLICE", [size, *ends], [batch], **SLICED | dict(shrink_axis_mask=1))
    model.op("PACK", [batch, model.constant(np.array(elements, np.int32))], [wanted], values_count=2, axis=0)
    model.op("RESHAPE", [x, wanted], [y])
    model.op("ABS", [y], [z])
    return model.finish([x], [z])


def test_a_free_batch_is_built_as_one_and_said():
    data = free_batch((-1, 2, 3, 4))
    graph = parse(data)
    assert [op.kind for op in graph.ops] == ["RESHAPE", "ABS"]
    x = np.random.default_rng(3).integers(-128, 128, (5, 2, 3, 4)).astype(np.int8)
    np.testing.assert_array_equal(run(graph, x).output, Oracle(data).run(x))
    note = "the batch of input 't0' is free: built with 1"
    assert free_notes(graph) == (note,) and f"note: {note}" in inspect_text(describe(graph))
    assert free_notes(parse(free_batch((1, 2, 3, 4)))) == ()


def test_a_dimension_with_a_length_in_the_file_is_built_with_it_and_said():
    graph = parse(free_batch((-1, -1, -1, 4)))
    assert free_notes(graph) == ("dimensions 0 and 1 and 2 of input 't0' are free: built with 1 and 2 and 3",)


def test_a_dimension_that_stays_free_is_refused_by_name():
    with pytest.raises(ModelError) as error:
        parse(free_batch((-1, -1, -1, 4), (1, 1, 1, 4)))
    assert "dimensions 1 and 2 of input 't0' are free: found the shape [-1, -1, -1, 4]; supported: a free batch" in str(
        error.value
    )
