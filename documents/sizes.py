"""Writes the sizes of builds in docs/boards.md and docs/clients.md: `python -m documents.sizes` builds the digits model
with the compilers of this computer. Other compilers give other sizes, so the tests compare the words alone.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from pathlib import Path

from documents import DOCS, PROJECT, marked
from edge_tr import api

SMALLEST, PROTOCOLS = DOCS / "boards.md", DOCS / "clients.md"
SCRIPT = "sizes"
DIGITS = PROJECT / "edge_tr" / "demo" / "digits_cnn_int8.tflite"


def smallest(ram: int, flash: int) -> str:
    """Of the smallest board: bytes of the whole program."""
    return _paragraph(
        "The smallest board is the CH32V003, with 2 KB of RAM and 16 KB of flash. The digits CNN of `make demo` fits, "
        f"serial server and stack included: it takes {ram:,} bytes of RAM and {flash:,} of flash (linked, not run on a "
        "chip)."
    )


def protocols(flash: int, variables: int, frame: int, stack: int) -> str:
    """Of both protocols: bytes that they add, and of the stack that is reserved then; `frame`: of an input."""
    return _paragraph(
        f"With the digits model on a Cortex-M4 (`mps2-an386`), both together add {flash:,} bytes of flash (nanopb, and "
        f"arithmetic of floats in software) and {variables:,} bytes of variables, which include an input as MLPerf "
        f"Tiny's runner sends it, {frame:,} bytes here. They call through pointers, so no bound of the stack is known, "
        f"and the `stack_bytes` of the board are reserved: {stack:,} bytes here."
    )


def _paragraph(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 120, break_on_hyphens=False)) + "\n"


def measured() -> dict[Path, str]:
    """The parts by page, from three builds."""
    with tempfile.TemporaryDirectory() as folder:
        tiny = api.build(DIGITS, "ch32v003-evt", Path(folder, "tiny")).manifest
        plain = api.build(DIGITS, "mps2-an386", Path(folder, "plain")).manifest
        both = api.build(
            DIGITS, "mps2-an386", Path(folder, "both"), protocols=["mlperf", "st"], mlperf="kws01"
        ).manifest
    graph = api.load(DIGITS).graph
    return {
        SMALLEST: smallest(tiny.ram_bytes, tiny.flash_bytes),
        PROTOCOLS: protocols(
            both.flash_bytes - plain.flash_bytes,
            both.ram.data + both.ram.link - plain.ram.data - plain.ram.link,
            sum(graph.tensors[index].bytes for index in graph.inputs),
            both.ram.stack,
        ),
    }


def main() -> int:
    """Entry point of `python -m documents.sizes`; the exit code."""
    for page, text in measured().items():
        page.write_text(marked.with_part(page, SCRIPT, text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
