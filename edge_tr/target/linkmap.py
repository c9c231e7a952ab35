"""What a linker kept, read from its map (GNU ld, `-Map`)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_START = "Linker script and memory map"
_SECTION = re.compile(r"^ (?P<name>[.\w$-]+)\s+0x[0-9a-f]+\s+0x(?P<size>[0-9a-f]+)\s+(?P<file>\S.*)$", re.MULTILINE)
NOT_LOADED = (".comment", ".debug", ".note", ".ARM.attributes", ".riscv.attributes", ".gnu", ".stab")


def kept(text: str) -> Mapping[str, int]:
    """Bytes that are loaded or reserved, by object file as the linker was given it; a member of a library is
    `path/libname.a(member.o)`. Objects of which nothing was kept are absent."""
    sizes: dict[str, int] = {}
    for found in _SECTION.finditer(text[text.index(_START) :]):
        size = int(found["size"], 16)
        if size and not found["name"].startswith(NOT_LOADED) and found["file"].rstrip(")").endswith(".o"):
            sizes[found["file"]] = sizes.get(found["file"], 0) + size
    return sizes
