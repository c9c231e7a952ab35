"""How a packed format is declared: fields in records, records in a format.

A `Record` is a little-endian bit string: fields fill it from the least
significant bit in the order given. Everything that reads or writes such bytes,
in Python, C or SystemVerilog, is derived from these objects (`emit.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from edge_tr.errors import EdgeTrError


class FormatError(EdgeTrError):
    """Bytes that are not a valid instance of their format, or a value out of its field's range."""


@dataclass(frozen=True)
class Field:
    """`bits` wide unsigned integer, or a byte string when `is_bytes` (then bits % 8 == 0)."""

    name: str
    bits: int
    doc: str
    is_bytes: bool = False

    def __post_init__(self) -> None:
        if self.bits < 1 or (self.is_bytes and self.bits % 8) or (not self.is_bytes and self.bits > 64):
            raise ValueError(f"field {self.name}: {self.bits} bits cannot be packed")


@dataclass(frozen=True)
class Record:
    """Consecutive fields; the sum of their bits is a whole number of bytes."""

    name: str  # CamelCase; printed as snake_case in C and CamelCase in SystemVerilog
    doc: str
    fields: tuple[Field, ...]
    offsets: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        offsets, position = {}, 0
        for item in self.fields:
            offsets[item.name] = position
            position += item.bits
        if position % 8 or len(offsets) != len(self.fields):
            raise ValueError(f"record {self.name}: {position} bits, or two fields of one name")
        object.__setattr__(self, "offsets", offsets)

    @cached_property
    def bits(self) -> int:
        return sum(item.bits for item in self.fields)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.bits // 8

    def pack(self, **values: int | bytes) -> bytes:
        """The record's bytes. Fields left out are zero; FormatError if a value does not fit."""
        unknown = set(values) - set(self.offsets)
        if unknown:
            raise FormatError(f"{self.name} has no field {', '.join(sorted(unknown))}")
        whole = 0
        for item in self.fields:
            whole |= _as_int(self, item, values.get(item.name, 0)) << self.offsets[item.name]
        return whole.to_bytes(self.size, "little")

    def unpack(self, data: bytes) -> dict[str, int | bytes]:
        """Field values of the record at the start of `data`; FormatError if it is too short."""
        if len(data) < self.size:
            raise FormatError(f"{self.name} needs {self.size} bytes, got {len(data)}")
        whole = int.from_bytes(data[: self.size], "little")
        values: dict[str, int | bytes] = {}
        for item in self.fields:
            raw = (whole >> self.offsets[item.name]) & ((1 << item.bits) - 1)
            values[item.name] = raw.to_bytes(item.bits // 8, "little") if item.is_bytes else raw
        return values

    def pack_words(self, **columns: np.ndarray) -> np.ndarray:
        """Vectorised `pack` for records of 8, 16 or 32 bits: arrays in, unsigned words out."""
        words = np.zeros(np.broadcast_shapes(*(np.shape(c) for c in columns.values())), np.uint64)
        for name, column in columns.items():
            item = next((f for f in self.fields if f.name == name), None)
            if item is None:
                raise FormatError(f"{self.name} has no field {name}")
            column = np.asarray(column, np.int64)
            if column.size and (column.min() < 0 or column.max() >> item.bits):
                raise FormatError(f"{self.name}.{name}: a value does not fit {item.bits} bits")
            words |= column.astype(np.uint64) << np.uint64(self.offsets[name])
        return words.astype(f"<u{self.size}")

    def unpack_words(self, words: np.ndarray) -> dict[str, np.ndarray]:
        """Vectorised `unpack`: words in, one int64 array per field out."""
        wide = np.asarray(words).astype(np.int64)
        return {f.name: (wide >> self.offsets[f.name]) & ((1 << f.bits) - 1) for f in self.fields}


def _as_int(record: Record, item: Field, value: int | bytes) -> int:
    if isinstance(value, (bytes, bytearray)):
        if not item.is_bytes or len(value) != item.bits // 8:
            raise FormatError(f"{record.name}.{item.name}: got {len(value)} bytes for {item.bits} bits")
        return int.from_bytes(value, "little")
    number = int(value)
    if not 0 <= number < 1 << item.bits:
        raise FormatError(f"{record.name}.{item.name}: {number} does not fit {item.bits} bits")
    return number


@dataclass(frozen=True)
class Constant:
    """A named unsigned number that both sides of a format must agree on."""

    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class Enumeration:
    """Named values of one field."""

    name: str
    doc: str
    members: tuple[Constant, ...]

    def __getattr__(self, name: str) -> int:
        for member in self.__dict__.get("members", ()):
            if member.name == name:
                return member.value
        raise AttributeError(f"{self.__dict__.get('name')} has no member {name}")

    def name_of(self, value: int) -> str:
        """The member's name, or its number when there is none."""
        return next((m.name for m in self.members if m.value == value), str(value))


@dataclass(frozen=True)
class Format:
    """One packed format: a chapter of docs/formats.md and a section of the generated files."""

    name: str
    doc: str
    constants: tuple[Constant, ...] = ()
    enumerations: tuple[Enumeration, ...] = ()
    records: tuple[Record, ...] = ()
