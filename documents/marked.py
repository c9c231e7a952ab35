"""Parts of pages that a script writes, between two comments of Markdown that name the script."""

from __future__ import annotations

from pathlib import Path


def part(page: Path, script: str) -> str:
    """The text of a page between the marks of `documents.<script>`."""
    return _split(page, script)[1]


def with_part(page: Path, script: str, text: str) -> str:
    """The page with `text`, which ends with a line's end, between the marks."""
    before, _, rest = _split(page, script)
    return f"{before}{text}{rest}"


def _split(page: Path, script: str) -> tuple[str, str, str]:
    """Three parts, the marks in the first and the last. ValueError if there are none."""
    begin, end = f"<!-- {script}: written by `python -m documents.{script}` -->\n", f"<!-- end of {script} -->"
    text = page.read_text(encoding="utf-8")
    first = text.index(begin) + len(begin)
    last = text.index(end, first)
    return text[:first], text[first:last], text[last:]
