"""A layer's call in C as data: function, structure and constants, which code generation prints as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_tr.kernels.generated import Function
from edge_tr.structs import Array, Struct, Value


@dataclass(frozen=True)
class Macro:
    """A C macro of numbers, then of words that are read as bits."""

    name: str
    numbers: tuple[int, ...]
    words: tuple[int, ...]


@dataclass(frozen=True)
class Rows:
    """A constant array of structs. `name` follows the layer's; `needs`: a macro that the compiler has to define."""

    struct: Struct
    name: str
    items: tuple[Macro | tuple[int, ...], ...]
    needs: str = ""


@dataclass(frozen=True)
class Generated:
    """Functions of generated code, by C name and in order (None: there is none). `table`: its name follows the
    layer's, if functions are called through one."""

    type: str
    functions: Mapping[str, Function | None]
    table: str = ""


@dataclass(frozen=True)
class DotCall:
    """``function(&struct, input, output, (scratch_type *)scratch)``. `arrays` and `rows` are the constants that
    `values` name; `rows` is None where an operator takes sums as they are. `lookup` is a table that layers may share:
    its name is not the layer's."""

    function: str
    struct: Struct
    values: Mapping[str, Value]
    arrays: tuple[Array, ...]
    rows: Rows | None
    lookup: Array | None = None
    generated: Generated | None = None
    scratch_type: str = "int32_t"
