"""Tables of the documents that scripts write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(rows: Iterable[Sequence[str]], left: int) -> str:
    """A table; the first row is its head, `left` columns are flush left."""
    head, *body = rows
    rule = ["---" if column < left else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body)) + "\n"
