"""The accelerator's board without a board: the shipped package, under the real pynq, on a fake Zynq.

A program of its own, so that the build's package is what gets imported: `python -m edge_tr.target.virtual_board`.
"""

from __future__ import annotations

import argparse
import importlib
import socket
import sys
import tempfile
from pathlib import Path

from edge_tr import overlays
from edge_tr.errors import EdgeTrError
from edge_tr.overlays import OverlayBoard
from edge_tr.target.cosim import Core

SECONDS = 300.0
"""The driver's patience: a simulated cycle takes microseconds."""
STREAM_CYCLES = 200_000


def command(build: Path, board: OverlayBoard, library: Path, listener: int) -> list[str]:
    """What runs the package of a build folder; it answers at the inherited socket `listener`."""
    paths = (build.resolve(), board.folder, library)
    return [sys.executable, "-m", "edge_tr.target.virtual_board", *map(str, paths), "--listener", str(listener)]


def main() -> int:
    """Serve the agent on the simulated accelerator until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("board")
    parser.add_argument("library", type=Path)
    parser.add_argument("--listener", type=int, required=True)
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.build))
    from edge_tr.target.virtual_zynq import VirtualZynq, overlay_files

    agent, overlay = (importlib.import_module(f"edge_tr_pynq.{name}") for name in ("agent", "overlay"))
    board = overlays.load(arguments.board)
    with tempfile.TemporaryDirectory() as scratch, Core(arguments.library) as core:
        bitfile, device = overlay_files(Path(scratch), board), VirtualZynq(board, core)
        loaded = overlay.TermOverlay(bitfile, device=device, seconds=SECONDS, stream_cycles=STREAM_CYCLES)
        served = agent.Agent(loaded.accelerator, lambda line: print(line, file=sys.stderr, flush=True))
        with socket.socket(fileno=arguments.listener) as listener:
            print("waiting for connection", file=sys.stderr, flush=True)
            agent.serve_tcp(served, listener)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeTrError as error:
        sys.exit(str(error))
