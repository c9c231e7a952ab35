"""How results look on a terminal: lines of at most WIDTH columns, and colour where it is wanted."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import TextIO

WIDTH = 100
LONGEST_WORD = 60
"""A line with a longer one (a path, a digest) is left as it is, to be copied."""
_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
_VERDICT = re.compile(r"^(NOT BIT-EXACT|BIT-EXACT)", re.MULTILINE)


def wrapped(text: str) -> str:
    """Lines that are too long are broken at spaces, the rest of them indented by two."""
    return "\n".join(part for line in text.split("\n") for part in _lines(line))


def _lines(line: str) -> list[str]:
    if len(line) <= WIDTH or max(map(len, line.split())) > LONGEST_WORD:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line, WIDTH, subsequent_indent=f"{indent}  ", break_on_hyphens=False, break_long_words=False,
        drop_whitespace=True,
    )  # fmt: skip


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """On a terminal that can, unless NO_COLOR says no (no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


def coloured(text: str) -> str:
    """The verdict in green or red."""
    return _VERDICT.sub(lambda found: f"{_RED if found[0].startswith('NOT') else _GREEN}{found[0]}{_PLAIN}", text)
