"""Which boards a model fits, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Fit(Protocol):
    """What is shown of a board; sizes in bytes."""

    board: str
    verdict: str
    flash_bytes: int
    ram_bytes: int


def fits_text(fits: Sequence[Fit]) -> str:
    """A line for each verdict; sizes are the same on every board."""
    if not fits:
        return "no boards are known"
    named = {
        verdict: ", ".join(fit.board for fit in fits if fit.verdict == verdict)
        for verdict in ("fits", "close", "does not fit")
    }
    words = {"fits": "fits", "close": "close, only build can tell", "does not fit": "does not fit"}
    size = f"about {fits[0].flash_bytes:,} bytes of flash and {fits[0].ram_bytes:,} of RAM"
    head = f"smallest lossless firmware, estimated: {size}"
    return "\n".join([head, *(f"{words[verdict]}: {boards}" for verdict, boards in named.items() if boards)])
