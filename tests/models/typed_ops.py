"""Random models of one operator on integers without a scale, and on bool, between ends of int8
(`tests.operators.typed`): moves, joins, reductions, look-ups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.models.drawing import shape
from tests.operators.typed import Typed

TYPES = ("int32", "int64", "bool")
Build = Callable[[np.random.Generator], bytes]


def drawn_shape(rng: np.random.Generator, rank: int | None = None, most: int = 5) -> tuple[int, ...]:
    """Batch 1 and one to three more dimensions."""
    return (1, *shape(rng, rank or int(rng.integers(1, 4)), most))


def as_type(rng: np.random.Generator, size: tuple[int, ...], dtype: str) -> tuple[Typed, int]:
    """A model, and its input as another type: int32 of up to 32 bits."""
    made = Typed(size)
    return made, made.scaled(dtype, int(rng.choice([1, -3, 12345678])) if dtype == "int32" else 1)


def _values(rng: np.random.Generator, size: tuple[int, ...], dtype: str) -> np.ndarray:
    return rng.integers(0, 2, size).astype(bool) if dtype == "bool" else rng.integers(-200, 200, size).astype(dtype)


def concatenation(rng: np.random.Generator) -> bytes:
    """The input before and behind a constant."""
    dtype, size = str(rng.choice(TYPES)), drawn_shape(rng)
    made, x = as_type(rng, size, dtype)
    axis = int(rng.integers(1, len(size)))
    other = tuple(int(rng.integers(1, 5)) if i == axis else d for i, d in enumerate(size))
    inputs = [x, made.model.constant(_values(rng, other, dtype)), x][int(rng.integers(2)) :]
    total = sum(size[axis] if i == x else other[axis] for i in inputs)
    out = tuple(total if i == axis else d for i, d in enumerate(size))
    y = made.op("CONCATENATION", inputs, out, dtype, axis=axis, fused_activation_function="NONE")
    return made.finish(y, dtype, out)


def pack(rng: np.random.Generator) -> bytes:
    dtype, size = str(rng.choice(TYPES[:2])), drawn_shape(rng, int(rng.integers(1, 3)))
    made, x = as_type(rng, size, dtype)
    axis = int(rng.integers(1, len(size) + 1))
    inputs = [x, made.model.constant(_values(rng, size, dtype)), x]
    out = (*size[:axis], 3, *size[axis:])
    return made.finish(made.op("PACK", inputs, out, dtype, 2, axis=axis, values_count=3), dtype, out)


def _padded(kind: str) -> Build:
    def pad(rng: np.random.Generator) -> bytes:
        dtype, size = str(rng.choice(TYPES[:2])), drawn_shape(rng, most=4)
        made, x = as_type(rng, size, dtype)
        reflects = kind == "MIRROR_PAD" and bool(rng.random() < 0.5)
        amounts = rng.integers(0, 3, (len(size), 2))
        if kind == "MIRROR_PAD":
            amounts = np.minimum(amounts, np.array(size)[:, None] - reflects)
        amounts[0] = 0
        out = tuple(int(d + sum(amount)) for d, amount in zip(size, amounts))
        inputs = [x, made.model.constant(amounts.astype(np.int32))]
        if kind == "PADV2":
            inputs.append(made.model.constant(np.array([rng.choice([-1, 0])]).astype(dtype)))
        options = {"mode": "REFLECT" if reflects else "SYMMETRIC"} if kind == "MIRROR_PAD" else {}
        return made.finish(made.op(kind, inputs, out, dtype, 2, **options), dtype, out)

    return pad


def select(rng: np.random.Generator) -> bytes:
    """Of the input and a constant, by a comparison."""
    dtype, size = str(rng.choice(["int32", "int64"])), drawn_shape(rng)
    made, x = as_type(rng, size, dtype)
    flag = made.cast(made.x, "int8", "bool", size)
    other = size if rng.random() < 0.5 else tuple(1 for _ in size)
    pair = [x, made.model.constant(_values(rng, other, dtype))]
    pair = pair[::-1] if rng.random() < 0.5 else pair
    return made.finish(made.op("SELECT_V2", [flag, *pair], size, dtype), dtype, size)


def reduction_of(kind: str, types: tuple[str, ...]) -> Build:
    """The builder of a reduction of one of these types."""

    def reduction(rng: np.random.Generator) -> bytes:
        dtype, size = str(rng.choice(types)), drawn_shape(rng, 3)
        made, x = as_type(rng, size, dtype)
        axes = rng.choice(3, int(rng.integers(1, 4)), replace=False).astype(np.int32) + 1
        keep = bool(rng.random() < 0.5)
        out = tuple(1 if i in axes else d for i, d in enumerate(size) if keep or i not in axes)
        return made.finish(made.op(kind, [x, made.model.constant(axes)], out, dtype, keep_dims=keep), dtype, out)

    return reduction


def negative(rng: np.random.Generator) -> bytes:
    size = drawn_shape(rng)
    made, x = as_type(rng, size, "int32")
    return made.finish(made.op("NEG", [x], size, "int32"), "int32", size)


def gather_nd(rng: np.random.Generator) -> bytes:
    """Places that are the input's remainders, of a constant or of a computed tensor."""
    values, indices = drawn_shape(rng, 2, 6), str(rng.choice(["int32", "int64"]))
    depth, count = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    dtype = str(rng.choice(["int8", "int32"]))
    made = Typed((1, count * depth))
    drawn = rng.integers(-128, 128, values).astype(dtype)
    held = made.model.constant(drawn, *(([0.5], [3]) if dtype == "int8" else ()))
    least = made.model.constant(np.array(min(values[:depth]), np.int32))
    places = made.op("FLOOR_MOD", [made.scaled(), least], made.shape, "int32", 2)
    if indices == "int64":
        places = made.cast(places, "int32", "int64", made.shape)
    shaped = made.model.constant(np.array([count, depth], np.int32))
    at = made.op("RESHAPE", [places, shaped], (count, depth), indices)
    out = (count, *values[depth:])
    return made.finish(made.op("GATHER_ND", [held, at], out, dtype, 2), dtype, out)


BUILDERS: dict[str, Build] = {
    "CONCATENATION": concatenation,
    "PACK": pack,
    **{kind: _padded(kind) for kind in ("PAD", "PADV2", "MIRROR_PAD")},
    "SELECT_V2": select,
    **{kind: reduction_of(kind, ("int32", "int64")) for kind in ("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM")},
    "NEG": negative,
    "GATHER_ND": gather_nd,
}
