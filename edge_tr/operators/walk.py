"""How a kernel walks over operands of one shape or broadcast to it: rows, and strides between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_tr.operators.checks import require, shape_text
from edge_tr.structs import Field, Struct, Value

MAX_OUTER = 5  # axes of rows
OPERAND = Struct(
    "tr_operand",
    "An operand of a walk: elements to the next one in a row, 0 or 1, and to the next row along each axis.",
    (Field("uint32_t", "step"), Field("uint32_t", "strides", count=MAX_OUTER)),
)


def walk_struct(operands: int, name: str) -> Struct:
    """Of so many operands."""
    return Struct(
        name,
        f"A walk over {operands} operands, strides 0 where one is broadcast: rows of `count` elements; `sizes` of the\n"
        "axes of rows, the innermost last.",
        (
            Field("uint32_t", "count"),
            Field("uint32_t", "sizes", count=MAX_OUTER),
            Field(OPERAND, "operands", count=operands),
        ),
    )


def broadcast_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What the shapes broadcast to, `CalculateShapeForBroadcast` in kernel_util.cc; ModelError if they do not."""
    rank = max(len(shape) for shape in shapes)
    axes = list(zip(*(padded(shape, rank) for shape in shapes)))
    text = " and ".join(shape_text(shape) for shape in shapes)
    require(all(len(set(sizes) - {1}) <= 1 for sizes in axes), f"inputs of shapes {text}", "shapes that broadcast")
    return tuple(max(sizes) for sizes in axes)


def padded(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """With ones in front."""
    return (1,) * (rank - len(shape)) + tuple(shape)


def whole(computed: Sequence, constants: Sequence) -> list:
    """All operands in their order: the constants, and in place of None the computed ones."""
    given = iter(computed)
    return [next(given) if constant is None else constant for constant in constants]


def tied(shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]], constants: Sequence) -> list[np.ndarray] | None:
    """See `Record.ties`: where every operand has the output's channels, or is a constant of one value for all."""
    pairs = zip(shapes, constants)
    alike = all(of[-1:] == shape[-1:] or (constant is not None and of[-1:] == (1,)) for of, constant in pairs)
    computed = sum(constant is None for constant in constants)
    return [np.arange(shape[-1])] * (computed + 1) if alike and shape else None


def by_channel(
    shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]], constants: Sequence[np.ndarray | None]
) -> tuple[int, ...]:
    """See `Record.constants_by_channel`, of an operator whose operands are its first inputs."""
    pairs = enumerate(zip(shapes, constants))
    return tuple(number for number, (of, constant) in pairs if constant is not None and of[-1:] == shape[-1:] != (1,))


def summed(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A gradient [n, ...] of a broadcast result, of an operand of `shape` and the result's rank."""
    axes = tuple(axis + 1 for axis, size in enumerate(shape) if size == 1)
    return gradient.sum(axis=axes, keepdims=True)


@dataclass(frozen=True)
class Walk:
    """`sizes` of the axes, the last one a row; `strides` of each operand along them."""

    sizes: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> Walk:
        """The least axes over which the operands, of the output's rank, are walked; ModelError for more than six."""
        axes: list[tuple[int, tuple[int, ...]]] = []
        for axis, size in enumerate(shape):
            if size == 1:
                continue
            strides = tuple(_stride(of, axis) for of in shapes)
            if axes and all(outer == inner * size for outer, inner in zip(axes[-1][1], strides)):
                size *= axes.pop()[0]
            axes.append((size, strides))
        axes = axes or [(1, (0,) * len(shapes))]
        require(len(axes) <= MAX_OUTER + 1, f"a broadcast along {len(axes)} axes apart", f"up to {MAX_OUTER + 1}")
        return Walk(tuple(size for size, _ in axes), tuple(zip(*(strides for _, strides in axes))))

    def values(self) -> dict[str, Value]:
        """Of the C struct."""
        spare = MAX_OUTER + 1 - len(self.sizes)
        return {
            "count": self.sizes[-1],
            "sizes": (1,) * spare + self.sizes[:-1],
            "operands": [(strides[-1], (0,) * spare + strides[:-1]) for strides in self.strides],
        }


def _stride(shape: tuple[int, ...], axis: int) -> int:
    """Elements from one index of the axis to the next, 0 where it is broadcast."""
    stride = 1
    for size in shape[axis + 1 :]:
        stride *= size
    return stride if shape[axis] > 1 else 0
