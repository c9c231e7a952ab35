"""Random models of SLICE and STRIDED_SLICE: `tests.models.random_ops` puts all builders through what must agree."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.ir.tflite import parse
from tests.models.drawing import one_move, shape


def slice_(rng: np.random.Generator) -> bytes:
    lengths = shape(rng, int(rng.integers(1, 6)))
    begin = np.array([rng.integers(0, length) for length in lengths])
    size = np.array([rng.integers(1, length - first + 1) for length, first in zip(lengths, begin)])
    out = tuple(int(n) for n in size)
    size[(begin + size == lengths) & (rng.random(len(lengths)) < 0.5)] = -1
    kind = rng.choice(["int32", "int64"])
    return one_move(rng, "SLICE", lengths, out, begin.astype(kind), size.astype(kind), version=2)


MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def strided_slice(rng: np.random.Generator) -> bytes:
    """Bounds inside, outside and negative; either direction; every mask."""
    while True:
        lengths = shape(rng, int(rng.integers(1, 5)))
        bounds, masks, key = _bounds(rng, lengths)
        out = np.empty(lengths, np.int8)[key].shape
        if 0 not in out:
            break
    return one_move(rng, "STRIDED_SLICE", lengths, out, *bounds, version=2, **dict(zip(MASKS, masks)))


def _bounds(rng: np.random.Generator, lengths: tuple[int, ...]) -> tuple[list[np.ndarray], list[int], tuple]:
    """Bounds, masks and the same as numpy's key."""
    named = int(rng.integers(1, len(lengths) + 1))
    ellipsis = int(rng.integers(named)) if named > 1 and rng.random() < 0.3 else -1
    axes = iter(lengths if ellipsis < 0 else (*lengths[:ellipsis], 0, *lengths[len(lengths) - named + ellipsis + 1 :]))
    rows, masks, key = [], [0] * 5, []
    for at in range(named):
        if len(lengths) + bin(masks[3]).count("1") < 5 and rng.random() < 0.15:  # as many as tflite-runtime takes
            rows.append((3, 1, 1))
            masks[3] |= 1 << len(key)
            key.append(None)
        length = next(axes)
        step = int(rng.choice([1, 1, 2, 3, -1, -2]))
        begin, end = (int(rng.integers(-length - 2, length + 3)) for _ in range(2))
        opened = rng.random(2) < 0.3
        bit = 1 << len(key)
        if at == ellipsis:
            masks[2] |= bit
            key.append(Ellipsis)
        elif rng.random() < 0.25:
            begin, step = int(rng.integers(-length, length)), 1
            masks[4] |= bit
            key.append(begin)
        else:
            masks[0] |= bit * int(opened[0])
            masks[1] |= bit * int(opened[1])
            key.append(slice(None if opened[0] else begin, None if opened[1] else end, step))
        rows.append((begin, end, step))
    return [np.array(column, np.int32) for column in zip(*rows)], masks, tuple(key)


BUILDERS = {"SLICE": slice_, "STRIDED_SLICE": strided_slice}


def strided(out: tuple[int, ...], begin: int, end: int, step: int, **masks: int) -> bytes:
    bounds = [np.array([bound], np.int32) for bound in (begin, end, step)]
    options = dict.fromkeys(MASKS, 0) | masks
    return one_move(np.random.default_rng(0), "STRIDED_SLICE", (5,), out, *bounds, **options)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (strided((), 5, 6, 1, shrink_axis_mask=1), "index 5 of 5"),
        (strided((5,), 0, 5, 0), "a stride of 0"),
        (strided((4,), 0, 5, 1), "output of shape 4"),
        (strided((1,), 0, 1, 1, offset=True), "ends that are offsets"),
    ],
)
def test_what_the_reference_does_not_define_is_refused(data, message):
    with pytest.raises(ModelError, match=message):
        parse(data)
