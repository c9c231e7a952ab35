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
    """A line for each verdict, and the sizes where there is least RAM and where there is most."""
    if not fits:
        return "no boards are known"
    named = {
        verdict: ", ".join(fit.board for fit in fits if fit.verdict == verdict)
        for verdict in ("fits", "close", "does not fit")
    }
    words = {"fits": "fits", "close": "close, only build can tell", "does not fit": "does not fit"}
    sizes = [f"{fit.flash_bytes:,} bytes of flash and {fit.ram_bytes:,} of RAM" for fit in fits]
    head = "smallest lossless firmware, estimated: " + " or ".join(dict.fromkeys((sizes[0], sizes[-1])))
    return "\n".join([head, *(f"{words[verdict]}: {boards}" for verdict, boards in named.items() if boards)])
