"""Where tensors lie in activation memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_tr.formats import accelerator as f

COLUMNS = f.COLUMNS.value


@dataclass(frozen=True)
class Placed:
    """A tensor [h, w, c], or rows of one, in words of 64 values.

    A planar tensor has for each channel `blocks` words of pixels, the first of which are its own; pixel (y, x) is value
    `position[y, x]` of them. A vector has its elements one after the other: one channel of 1 x n "pixels".
    """

    shape: tuple[int, int, int]
    position: np.ndarray  # int64 [h, w]
    blocks: int
    vector: bool
    base: int = 0  # first word
    zero_point: int = 0
    phases: tuple[int, int] = (1, 1)

    @property
    def words(self) -> int:
        """Words it takes."""
        return self.blocks if self.vector else self.blocks * self.shape[2]

    def at(self, base: int) -> Placed:
        """The same tensor elsewhere."""
        return replace(self, base=base)

    def viewed(self, shape: tuple[int, int, int]) -> Placed:
        """The same values as an image of another height and width."""
        if self.vector or shape == self.shape:
            return self
        return replace(self, shape=shape, position=self.position.reshape(shape[:2]))

    def band(self, first: int, end: int) -> Placed:
        """Rows `first` to `end` of a planar tensor; they must begin with a word."""
        position = self.position[first:end]
        word = int(position.min()) // COLUMNS
        return replace(
            self, shape=(end - first, *self.shape[1:]), position=position - word * COLUMNS, base=self.base + word
        )

    def elements(self, first: int, last: int) -> Placed:
        """Elements `first` to `last` of a vector; they must begin with a word."""
        return replace(vector(last - first, self.zero_point), base=self.base + first // COLUMNS)

    def channels(self, first: int, last: int) -> Placed:
        """Channels `first` to `last` of a planar tensor."""
        return replace(self, shape=(*self.shape[:2], last - first), base=self.base + first * self.blocks)

    def addresses(self) -> np.ndarray:
        """int64 [h, w, c], 64 * word + value."""
        h, w, c = self.shape
        if self.vector:
            return (self.base * COLUMNS + np.arange(h * w * c)).reshape(h, w, c)
        return self.position[:, :, None] + (self.base + self.blocks * np.arange(c)) * COLUMNS


def planar(shape: tuple[int, int, int], zero_point: int, phases: tuple[int, int] = (1, 1)) -> Placed:
    """Rows one after the other; with `phases`, rows y = 0, sy, 2 sy ... first, and in each phase columns likewise:
    a layer with that stride then reads neighbours."""
    h, w, _ = shape
    (py, px), position, start = phases, np.zeros((h, w), np.int64), 0
    for y in range(py):
        for x in range(px):
            part = position[y::py, x::px]
            part[:] = start + np.arange(part.size).reshape(part.shape)
            start += part.size
    return Placed(shape, position, -(-h * w // COLUMNS), False, zero_point=zero_point, phases=phases)


def vector(size: int, zero_point: int) -> Placed:
    """Elements one after the other."""
    return Placed((1, 1, size), np.zeros((1, 1), np.int64), -(-size // COLUMNS), True, 0, zero_point)


def alike(a: Placed, b: Placed) -> bool:
    """Whether equal elements lie at equal places."""
    return (a.vector, a.blocks, a.shape[2]) == (b.vector, b.blocks, b.shape[2]) and np.array_equal(
        a.position.ravel(), b.position.ravel()
    )
