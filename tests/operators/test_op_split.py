"""Random models of SPLIT, SPLIT_V and UNPACK: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np

from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.lower.views import View
from edge_tr.operators.split import SplitParams
from edge_tr.tr.requant import Rounding
from tests.firmware.harness_models import lower_with
from tests.models.drawing import scale, shape, zero_point


def _cut(rng: np.random.Generator) -> tuple[tuple[int, ...], int, list[int]]:
    """(shape, axis, sizes of the parts)."""
    lengths = list(shape(rng, int(rng.integers(1, 5)), 5))
    axis = int(rng.integers(len(lengths)))
    sizes = rng.integers(1, 5, int(rng.integers(1, 5))).tolist()
    lengths[axis] = sum(sizes)
    return tuple(lengths), axis, sizes


def _split(
    rng: np.random.Generator,
    kind: str,
    before: tuple[int, ...],
    parts: list[tuple[int, ...]],
    arguments: list,
    **options,
) -> bytes:
    """All parts put beside each other again, each rescaled, in another order. `arguments`: constants, None is the
    input."""
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x = model.activation((1, int(np.prod(before))), s, zero)
    shaped = model.activation(before, s, zero)
    model.op("RESHAPE", [x, model.constant(np.array(before, np.int32))], [shaped])
    outputs = [model.activation(part, s, zero) for part in parts]
    inputs = [shaped if a is None else model.constant(a) for a in arguments]
    model.op(kind, inputs, outputs, version=2, **options)
    flat, other = [], (s * 1.3, zero_point(rng))
    for output, part in zip(outputs, parts):
        size = int(np.prod(part))
        scaled, row = model.activation(part, *other), model.activation((1, size), *other)
        model.op("QUANTIZE", [output], [scaled])
        model.op("RESHAPE", [scaled, model.constant(np.array([1, size], np.int32))], [row])
        flat.append(row)
    y = model.activation((1, int(np.prod(before))), *other)
    model.op("CONCATENATION", flat[::-1], [y], version=2, axis=1, fused_activation_function="NONE")
    return model.finish([x], [y])


def split(rng: np.random.Generator) -> bytes:
    before, axis, sizes = _cut(rng)
    size = sizes[0]
    before = (*before[:axis], size * len(sizes), *before[axis + 1 :])
    part = (*before[:axis], size, *before[axis + 1 :])
    named = np.array(axis - len(before) if rng.random() < 0.3 else axis, np.int32)
    return _split(rng, "SPLIT", before, [part] * len(sizes), [named, None], num_splits=len(sizes))


def split_v(rng: np.random.Generator) -> bytes:
    before, axis, sizes = _cut(rng)
    parts = [(*before[:axis], size, *before[axis + 1 :]) for size in sizes]
    given = np.array(sizes, np.int32)
    if rng.random() < 0.4:
        given[rng.integers(len(given))] = -1
    return _split(rng, "SPLIT_V", before, parts, [None, given, np.array(axis, np.int32)], num_splits=len(sizes))


def unpack(rng: np.random.Generator) -> bytes:
    before = shape(rng, int(rng.integers(2, 5)), 4)
    axis = int(rng.integers(len(before)))
    part = (*before[:axis], *before[axis + 1 :])
    named = axis - len(before) if rng.random() < 0.3 else axis
    return _split(rng, "UNPACK", before, [part] * before[axis], [None], num=before[axis], axis=named)


BUILDERS = {"SPLIT": split, "SPLIT_V": split_v, "UNPACK": unpack}


def test_gradients_of_all_parts_come_together():
    record = SplitParams(2, (1, 3), True)
    x = np.arange(8, dtype=np.int8)
    parts = record.golden([x], Rounding.DOUBLE)
    [together] = record.all_gradients([x], parts, [part.astype(np.float32) for part in parts])
    np.testing.assert_array_equal(together.ravel(), x)


def test_one_part_is_the_input_itself():
    """SPLIT names its axis first: the bytes are those of its second input."""
    model = ModelWriter()
    x, part, y = (model.activation((1, 4), scale, 3) for scale in (0.5, 0.5, 0.7))
    model.op("SPLIT", [model.constant(np.array(1, np.int32)), x], [part], version=2, num_splits=1)
    model.op("QUANTIZE", [part], [y])
    program = lower_with(parse(model.finish([x], [y])), "int8", "lossless")
    assert program.views == {part: View(x, 0)} and [layer.op.kind for layer in program.layers] == ["QUANTIZE"]
