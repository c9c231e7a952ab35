"""C structs that generated code fills in and the runtime reads, each declared once and printed like a packed format.

`codegen.structs` prints declarations (firmware/include/tr_layers.h) and the values that operators and kernels give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Field:
    """One member. `type` is a C type or another struct; `count` elements make an array, 0 none."""

    type: str | Struct
    name: str
    doc: str = ""
    count: int = 0


@dataclass(frozen=True)
class Struct:
    """`struct <name>` with its members in the order in which the runtime, assembly included, reads them. `before`: C
    declarations that its members need."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    before: str = ""

    def field(self, name: str) -> Field:
        """The member called `name`; KeyError if there is none."""
        return {field.name: field for field in self.fields}[name]


@dataclass(frozen=True)
class Array:
    """A constant array of the layer, as a value: a pointer to what is printed before the struct."""

    type: str  # C type of an element
    name: str  # follows the layer's name
    values: np.ndarray


@dataclass(frozen=True)
class Follows:
    """The C object whose name is the layer's, `_`, and this."""

    name: str


Value = object
"""Of a member: int, bool, `Array`, `Follows`, str (a C expression), tuple (of members or elements in order), Mapping by
name."""


@dataclass(frozen=True)
class Call:
    """How the runtime computes one layer: ``function(&struct, inputs..., outputs...)``.

    kernel         what computes it, as reports call it
    in_place       whether the output may take the place of an input of its size
    gathered       whether its inputs come as one array of pointers, since their number varies
    scratch_bytes  of the arena while it runs, besides that of its kernels; None: it takes none
    """

    function: str
    struct: Struct
    values: Mapping[str, Value]
    kernel: str = "reference"
    in_place: bool = False
    gathered: bool = False
    scratch_bytes: int | None = None

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The constant arrays among the values, at any depth, in their order."""
        return tuple(_arrays(self.values))


def _arrays(value: Value) -> Iterator[Array]:
    if isinstance(value, Array):
        yield value
    elif isinstance(value, (tuple, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _arrays(part)


SHAPE = Struct(
    "tr_shape",
    "Height, width and channels of an activation.",
    (Field("uint32_t", "height"), Field("uint32_t", "width"), Field("uint32_t", "channels")),
)
WINDOW = Struct(
    "tr_window",
    "A window that slides over an image. `pad_*` is the padding before; dilation 1 is dense.",
    tuple(
        Field("uint16_t", name)
        for name in ("height", "width", "stride_y", "stride_x", "dilation_y", "dilation_x", "pad_top", "pad_left")
    ),
)
FACTOR = Struct(
    "tr_factor",
    "One factor of an affine map: multiplier * 2^(shift - 31).",
    (Field("int32_t", "multiplier"), Field("int8_t", "shift")),
)


def window(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    pad: tuple[int, int] = (0, 0),
) -> tuple[int, ...]:
    """The members of a `WINDOW`."""
    return (*kernel, *stride, *dilation, *pad)


__all__ = ["FACTOR", "SHAPE", "WINDOW", "Array", "Call", "Field", "Struct", "Value", "window"]
