"""Tables of a TOML file against dataclasses, which are its schema: a table is a dataclass, a key is a field, a field
without a default is required. All problems of a file are collected."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from typing import Any, Literal

from edge_tr.files.reading import brief


def as_dataclass(kind: type, table: Any, where: str, problems: list[str]) -> Any:
    """An instance of the dataclass; any value, where `problems` grew."""
    if not isinstance(table, dict):
        problems.append(f"[{where.rstrip('.')}] must be a table")
        return None
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.metadata.get("toml", True)}
    for key in table.keys() - fields.keys():
        close = difflib.get_close_matches(brief(key), fields, n=1)
        problems.append(f"{where}{brief(key)}: unknown key" + (f", did you mean {close[0]}?" if close else ""))
    values = {}
    for key, field in fields.items():
        if key in table:
            values[key] = _value(hints[key], table[key], f"{where}{key}", problems)
        elif field.default is dataclasses.MISSING:
            problems.append(f"{where}{key}: missing")
    return None if problems else kind(**values)


def _value(hint: Any, value: Any, where: str, problems: list[str]) -> Any:
    """`value` as the type `hint` says: str, int, bool, Literal, optional, tuple of one type, or a dataclass."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _value(arguments[0], value, where, problems)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], item, f"{where}[{i}]", problems) for i, item in enumerate(value))
    if dataclasses.is_dataclass(hint):
        return as_dataclass(typing.cast(type, hint), value, f"{where}.", problems)
    if origin is Literal:
        if value not in arguments:
            problems.append(f"{where}: {brief(repr(value))} is not one of {', '.join(map(repr, arguments))}")
    elif type(value) is not hint or (hint is int and value < 0):
        wanted = {str: "a string", int: "a non-negative integer", bool: "true or false"}.get(hint, "a list")
        problems.append(f"{where}: {brief(repr(value))} is not {wanted}")
    return value
