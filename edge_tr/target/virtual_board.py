"""The accelerator's board without a board: the shipped package, under the real pynq, on a fake Zynq.

A program of its own, so that the build's package is what gets imported: `python -m edge_tr.target.virtual_board`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from edge_tr import overlays
from edge_tr.codegen.overlay import PACKAGE
from edge_tr.errors import EdgeTrError, UsageError
from edge_tr.files.reading import brief
from edge_tr.overlays import OverlayBoard
from edge_tr.target.cosim import PACES, Core

SECONDS = 300.0
"""The driver's patience: a simulated cycle takes microseconds."""
STREAM_CYCLES = 200_000
PACE = "EDGE_TR_DMA"
"""Environment variable: the simulated DMA's pace, of `cosim.PACES`."""
_START = (
    "import sys; sys.path[0] = sys.argv.pop(1); import runpy; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
"""`python -m` would look for modules in the current folder first, which may be the build's."""


def started(name: str, *arguments: object) -> list[str]:
    """What runs a module of this package as a program."""
    root = Path(__file__).resolve().parents[2]
    return [sys.executable, "-c", _START, str(root), f"edge_tr.target.{name}", *map(str, arguments)]


def command(build: Path, board: OverlayBoard, library: Path, listener: int) -> list[str]:
    """What runs the package of a build folder; it answers at the inherited socket `listener`."""
    return started("virtual_board", build.resolve(), board.folder, library, "--listener", listener)


def main() -> int:
    """Serve the agent on the simulated accelerator until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("board")
    parser.add_argument("library", type=Path)
    parser.add_argument("--listener", type=int, required=True)
    arguments = parser.parse_args()
    from edge_tr.target.virtual_zynq import VirtualZynq, overlay_files

    board, pace = overlays.load(arguments.board), os.environ.get(PACE, "ideal")
    if pace not in PACES:
        raise UsageError(f"{PACE} is {brief(pace)}: {' or '.join(PACES)}")
    with tempfile.TemporaryDirectory() as scratch, Core(arguments.library) as core:
        core.pace(PACES[pace])
        sys.pycache_prefix = scratch
        agent, overlay, server = package(arguments.build / PACKAGE, "agent", "overlay", "server")
        bitfile, device = overlay_files(Path(scratch), board), VirtualZynq(board, core)
        loaded = overlay.TermOverlay(bitfile, device=device, seconds=SECONDS, stream_cycles=STREAM_CYCLES)
        with socket.socket(fileno=arguments.listener) as listener:
            print("waiting for connection", file=sys.stderr, flush=True)
            server.Server(lambda: agent.Agent(loaded.accelerator, log), listener).serve()
    return 0


def package(folder: Path, *names: str) -> Iterator[ModuleType]:
    """These modules of the build's package. Nothing else in the build folder can be imported, nor what was compiled
    there."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[PACKAGE])
    return (importlib.import_module(f"{PACKAGE}.{name}") for name in names)


def log(line: str) -> None:
    """For people, beside what is answered."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeTrError as error:
        sys.exit(str(error))
