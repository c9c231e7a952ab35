"""Check that a file is a well-formed flatbuffer of TFLite's schema.

Neither Python's flatbuffers nor the TFLite interpreter checks where offsets
lead; the interpreter crashes on a bad one. After `verify` every table, vector
and string that either of them reads lies inside the file.

Format: flatbuffers' internals document. A table starts with the distance back
to its vtable, which holds its own size, the table's size and the offset of each
field (0: absent); vectors and strings start with their length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edge_tr.errors import ModelError

MAX_TABLES = 1 << 16  # visits of tables; real int8 models have a few thousand


@dataclass(frozen=True)
class Vector:
    """A vector of scalars of `size` bytes, or of offsets to tables of `kind`."""

    size: int = 4
    kind: str = ""


@dataclass(frozen=True)
class Table:
    kind: str


STRING = Vector(size=1, kind="string")

# Table -> its fields in the schema's order: bytes of a scalar, or what its offset leads to.
_SCHEMA: dict[str, tuple[int | Vector | Table, ...]] = {
    "Model": (
        4,
        Vector(kind="OperatorCode"),
        Vector(kind="SubGraph"),
        STRING,
        Vector(kind="Buffer"),
        Vector(),
        Vector(kind="Metadata"),
        Vector(kind="SignatureDef"),
    ),
    "OperatorCode": (1, STRING, 4, 4),
    "SubGraph": (Vector(kind="Tensor"), Vector(), Vector(), Vector(kind="Operator"), STRING, 4),
    "Tensor": (
        Vector(),
        1,
        4,
        STRING,
        Table("QuantizationParameters"),
        1,
        Table("unread"),
        Vector(),
        1,
        Vector(kind="unread"),
    ),
    "QuantizationParameters": (Vector(), Vector(), Vector(), Vector(8), 1, Table("unread"), 4),
    "Operator": (
        4,
        Vector(),
        Vector(),
        1,
        Table("unread"),
        Vector(1),
        1,
        Vector(1),
        Vector(),
        8,
        8,
        1,
        Table("unread"),
        4,
    ),
    "Buffer": (Vector(1), 8, 8),
    "Metadata": (STRING, 4),
    "SignatureDef": (Vector(kind="TensorMap"), Vector(kind="TensorMap"), STRING, STRING, 4),
    "TensorMap": (STRING, 4),
    "unread": (),
}


def verify(data: bytes) -> None:
    """Raise `ModelError` unless `data` is well formed."""
    if data[4:8] != b"TFL3":
        raise ModelError(
            f"this is not a TFLite model ({len(data)} bytes, no TFL3 identifier); "
            "give a .tflite file as written by the TFLite converter"
        )
    verifier = _Verifier(data)
    verifier.table(verifier.read("<I", 0), "Model")


def damaged(what: str) -> ModelError:
    """The error for a file that breaks the format."""
    return ModelError(f"the model file is damaged: {what}; copy or convert it again")


class _Verifier:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._tables = MAX_TABLES

    def read(self, format: str, position: int) -> int:
        self._inside(position, struct.calcsize(format))
        return struct.unpack_from(format, self._data, position)[0]

    def _inside(self, position: int, size: int) -> None:
        if position < 0 or position + size > len(self._data):
            raise damaged(f"it points to bytes {position} to {position + size} of {len(self._data)}")

    def table(self, position: int, kind: str) -> None:
        self._tables -= 1
        if self._tables < 0:
            raise damaged(f"it describes more than {MAX_TABLES} tables")
        vtable = position - self.read("<i", position)
        vtable_size, table_size = self.read("<H", vtable), self.read("<H", vtable + 2)
        self._inside(vtable, vtable_size)
        self._inside(position, table_size)
        for index, field in enumerate(_SCHEMA[kind]):
            entry = 4 + 2 * index
            offset = self.read("<H", vtable + entry) if entry + 2 <= vtable_size else 0
            size = field if isinstance(field, int) else 4
            if not offset:
                continue
            if offset + size > table_size:
                raise damaged(f"field {index} of a {kind} lies outside its table")
            if not isinstance(field, int):
                target = position + offset
                self._follow(target + self.read("<I", target), field)

    def _follow(self, position: int, field: Vector | Table) -> None:
        if isinstance(field, Table):
            self.table(position, field.kind)
            return
        length = self.read("<I", position)
        first = position + 4
        self._inside(first, length * field.size + (field is STRING))
        if field is STRING:
            if self._data[first + length]:
                raise damaged("it has a name without an end")
        elif field.kind:
            for element in range(first, first + 4 * length, 4):
                self.table(element + self.read("<I", element), field.kind)
