"""The agent of an accelerator behind a serial port, on this computer: the shipped package's driver, over our frames.

A program of its own, so that the build's package is what gets imported: `python -m edge_tr.target.serial_board`.
Without a port the board is simulated.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_tr import overlays
from edge_tr.codegen.overlay import PACKAGE
from edge_tr.errors import EdgeTrError
from edge_tr.overlays import OverlayBoard
from edge_tr.target.exchange import Patience
from edge_tr.target.port import open_port
from edge_tr.target.serial_accelerator import Registers, SerialAccelerator
from edge_tr.target.serial_model import ModelPort
from edge_tr.target.virtual_board import SECONDS, log, package, started

STREAM_CYCLES = 500_000_000
"""Without progress of a stream, until the accelerator gives up: the host is slow, 12 s at 40 MHz."""
_SIMULATED = Patience(reply_seconds=60.0)


def command(build: Path, board: OverlayBoard, where: list[str], listener: int) -> list[str]:
    """What runs the package of a build folder; it answers at the inherited socket `listener`. `where`: --port URL with
    --baud N and --wait S, or --library FILE, the simulated board's."""
    return started("serial_board", build.resolve(), board.folder, "--listener", str(listener), *where)


def main() -> int:
    """Serve the agent until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("board")
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--port")
    parser.add_argument("--baud", type=int)
    parser.add_argument("--wait", type=float, default=0.0)
    parser.add_argument("--library", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, _port(arguments) as (port, patience):
        sys.pycache_prefix = scratch
        agent, driver, program, server = package(arguments.build / PACKAGE, "agent", "driver", "program", "server")
        line = SerialAccelerator(port, patience)
        accelerator = driver.Accelerator(Registers(line), line, SECONDS, STREAM_CYCLES)
        accelerator.load(program.read_program())
        with socket.socket(fileno=arguments.listener) as listener:
            print("waiting for connection", file=sys.stderr, flush=True)
            server.Server(lambda: agent.Agent(accelerator, log), listener).serve()
    return 0


@contextlib.contextmanager
def _port(arguments: argparse.Namespace) -> Iterator[tuple[object, Patience]]:
    if arguments.library is not None:
        with ModelPort(arguments.library) as port:
            yield port, _SIMULATED
        return
    baud = arguments.baud or overlays.load(arguments.board).serial.baud
    with open_port(arguments.port, baud, wait_seconds=arguments.wait) as port:
        yield port, Patience()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgeTrError as error:
        sys.exit(str(error))
