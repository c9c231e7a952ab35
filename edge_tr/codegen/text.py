"""C literals and array bodies: the only place that knows how a number looks in C."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def integer(value: int) -> str:
    """A signed 32-bit literal; INT32_MIN has no literal of its own in C."""
    return "INT32_MIN" if value == -(1 << 31) else str(int(value))


def float_literal(value: float) -> str:
    """A float literal that reads back as the same float32."""
    literal = repr(float(np.float32(value)))
    return f"{literal}f" if any(mark in literal for mark in ".en") else f"{literal}.0f"


def comment(name: str) -> str:
    """A tensor's name that cannot end a C comment or a line."""
    printable = "".join(c if c.isprintable() and c != "\\" else "?" for c in name)
    return printable.replace("*/", "* /").replace("/*", "/ *")


def string(name: str) -> str:
    """A string literal of the name's UTF-8; its bytes may be anything."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\?')
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in name.encode("utf-8", "replace")) + '"'


def body(items: Iterable[str], indent: str = "    ", width: int = 100) -> str:
    """Comma-separated items, wrapped to `width` columns."""
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 2 > width:
            lines.append(line.rstrip())
            line = indent
        line += f"{item}, "
    return "\n".join([*lines, line.rstrip()])


def signed(values: np.ndarray) -> str:
    """Array body of signed numbers."""
    return body(integer(v) for v in np.asarray(values).ravel().tolist())


def words(data: bytes) -> str:
    """Array body of little-endian 32-bit words; len(data) % 4 == 0."""
    return body(f"0x{word:08x}u" for word in np.frombuffer(data, "<u4").tolist())


def octets(data: bytes) -> str:
    """Array body of bytes."""
    return body(f"0x{byte:02x}" for byte in data)
