"""JSON as dataclasses, checked: what a file holds has the types that its fields are declared with."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import is_dataclass
from typing import Any

from edge_tr.files.reading import brief

SIGNED = ("zero_point",)
"""Fields of whole numbers that may be negative, where a caller names no others."""


def typed(kind: Any, values: object, signed: tuple[str, ...] = SIGNED) -> Any:
    """`values` as `kind`: a dataclass with each field of its declared type, a tuple of such, or None where that is
    allowed. Fields that have a default may be missing. ValueError, TypeError or KeyError if something is wrong."""
    origin = typing.get_origin(kind)
    if origin is tuple:
        return tuple(typed(typing.get_args(kind)[0], item, signed) for item in _items(values))
    if origin in (types.UnionType, typing.Union):
        return _one_of(typing.get_args(kind), values, signed)
    if is_dataclass(kind):
        return _record(kind, values, signed)
    if kind is float and type(values) is int:
        return values
    if not isinstance(values, kind) or (kind is int and isinstance(values, bool)):
        raise TypeError(f"{kind.__name__} is {brief(repr(values))}")
    return values


def _items(values: object) -> list[object]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"a list is {brief(repr(values))}")
    return list(values)


def _one_of(kinds: tuple[Any, ...], values: object, signed: tuple[str, ...]) -> Any:
    if values is None and type(None) in kinds:
        return None
    wanted = [kind for kind in kinds if kind is not type(None)]
    if not is_dataclass(wanted[0]):
        return typed(wanted[0], values, signed) if len(wanted) == 1 else values
    fitting = [kind for kind in wanted if isinstance(values, dict) and _takes(kind, values)]
    if not fitting:
        raise TypeError(f"{wanted[0].__name__} is {brief(repr(values))}")
    return typed(fitting[0], values, signed)


def _takes(kind: Any, values: dict[str, object]) -> bool:
    """Whether these are all fields of a dataclass that it must have, and no others."""
    needed = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
    return needed <= values.keys() <= {field.name for field in dataclasses.fields(kind)}


def _record(kind: Any, values: object, signed: tuple[str, ...]) -> Any:
    if not isinstance(values, dict):
        raise TypeError(f"{kind.__name__} is {brief(repr(values))}")
    whole = {name: value for name, value in values.items() if type(value) is int}
    wrong = [name for name, value in whole.items() if not (-(1 << 31) * (name in signed) <= value < 1 << 53)]
    if wrong:
        raise ValueError(f"{brief(', '.join(wrong))}: out of range")
    hints, found = typing.get_type_hints(kind), dict(values)
    for field in dataclasses.fields(kind):
        if field.name in values or field.default is dataclasses.MISSING:
            try:
                found[field.name] = typed(hints[field.name], values[field.name], signed)
            except TypeError as error:
                raise TypeError(f"{field.name}: {error}") from None
    return kind(**found)
