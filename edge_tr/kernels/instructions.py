"""What straight-line programs (`straightline`) consist of, and what planning knows of a core that runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Load:
    """t = words[index]"""

    index: int


@dataclass(frozen=True)
class Shift:
    """t <<= by"""

    by: int


@dataclass(frozen=True)
class Add:
    """a[accumulator] += sign * (t << shift); `first`: = instead of +=."""

    accumulator: int
    sign: int
    shift: int
    first: bool


@dataclass(frozen=True)
class Product:
    """a[accumulator] += weight * t; `first`: = instead of +=."""

    accumulator: int
    weight: int
    first: bool


@dataclass(frozen=True)
class Double:
    """a[accumulator] <<= 1"""

    accumulator: int


@dataclass(frozen=True)
class Flush:
    """sums[2 * row + lane] += lane of a[accumulator] << base; `first`: = instead of +=; without an
    accumulator (a row with no terms here) the sums are set to zero."""

    accumulator: int | None
    row: int
    base: int
    first: bool


Instruction = Load | Shift | Add | Product | Double | Flush


@dataclass(frozen=True)
class Machine:
    """What the plan must know of a core: `accumulators` a tile may use, whether a shift of t is free
    in an addition, `cost(instruction)` in cycles, and what a product with a constant costs besides its addition: 0,
    there is none."""

    accumulators: int
    free_shift: bool
    cost: Callable[[Instruction], int]
    product: int = 0


@dataclass(frozen=True)
class Counts:
    """How many instructions of each kind there are; of flushes, how many are a row's first one and how many are not."""

    loads: int = 0
    shifts: int = 0
    additions: int = 0
    doubles: int = 0
    first_flushes: int = 0
    flushes: int = 0
    products: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other))))

    def cycles(self, machine: Machine) -> int:
        """Of all of them."""
        kinds = (Load(0), Shift(1), Add(0, 1, 0, False), Double(0), Flush(0, 0, 0, True), Flush(0, 0, 0, False))
        products = self.products * (machine.product + machine.cost(Add(0, 1, 0, False)))
        return products + sum(count * machine.cost(kind) for count, kind in zip(astuple(self), kinds))
