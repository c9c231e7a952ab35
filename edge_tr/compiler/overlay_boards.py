"""An accelerator's board: its bitstream, how it gets there, and the board, or what stands for it, in a check."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from edge_tr.codegen import overlay as codegen
from edge_tr.compiler.common import Progress
from edge_tr.errors import DeviceError, UsageError
from edge_tr.files.writing import replacing
from edge_tr.manifest import BuildFolder, MemoryUse, OverlayManifest
from edge_tr.overlays import BITFILE, OverlayBoard
from edge_tr.target import cosim, ecp5, serial_board, serial_model, vivado
from edge_tr.target.costs import Counts, Device
from edge_tr.target.emulator import serving
from edge_tr.target.flash import FlashResult
from edge_tr.target.link import Link, Patience
from edge_tr.target.port import Line, open_port
from edge_tr.target.virtual_board import command

BAUD = 115200
"""Of a serial port that agent.py --serial answers on."""
_PATIENCE = Patience(reply_seconds=60.0)
"""With a simulation on this computer: nothing is lost on the way, and a busy computer simulates slowly."""
START_SECONDS = 300.0
"""Until the simulated board listens: it has loaded the program by then, and a simulated cycle takes microseconds."""
_STARTING = "loading the program into the simulated accelerator"
_LOADING = "loading the program through the serial line"


def bitstream(
    folder: BuildFolder, board: OverlayBoard, manifest: OverlayManifest, tree: Mapping[str, bytes], progress: Progress
) -> dict[str, object]:
    """What is known of the package's bitstream, if there is one that the manifest does not have, if need be after tools
    have worked for an hour."""
    if board.serial:
        made = ecp5.bitstream(
            board, lambda done, total: progress("making the bitstream (many minutes, once)", done, total, "program")
        )
        if made is None:
            return {}
        with replacing(folder.package / BITFILE) as partial:
            shutil.copyfile(made.path, partial)
        used = tuple(MemoryUse(name, n, limit, "on the chip") for name, (n, limit) in made.used.items())
        return {"bitstream": True, "clock_routed_mhz": round(made.mhz, 1), "resources": used}
    digest = codegen.vivado_digest(tree)
    if manifest.bitstream or not vivado.bitstream(
        folder.path / "vivado", digest, folder.package,
        lambda done, total: progress("making the bitstream with Vivado", done, total, "step"),
    ):  # fmt: skip
        return {}
    return {"bitstream": True}


def flash(folder: BuildFolder, board: OverlayBoard) -> FlashResult:
    """Put the build's bitstream into a board that is configured from its own flash; UsageError if there is none."""
    bitfile = folder.package / BITFILE
    if not bitfile.is_file():
        raise UsageError(f"{folder.path} has no bitstream: run pip install 'edge-tr[bitstream]' and build again")
    return ecp5.flash(board, bitfile)


@contextlib.contextmanager
def connect(
    board: OverlayBoard,
    folder: BuildFolder,
    manifest: OverlayManifest,
    port: str | None,
    line: Line,
    token: bytes | None,
    progress: Progress,
) -> Iterator[Device]:
    """The board behind `port`, whose agent may want `token`; without one, the package's own driver and agent on the
    simulated accelerator."""
    if port is not None and not board.serial:
        with open_port(port, line.baud or BAUD, wait_seconds=line.wait_seconds) as serial_port:
            link = Link(serial_port)
            if token is not None:
                link.authenticate(token)
            yield Device(link, board.board_id, cycles=_counted(board), predicts=True)
        return
    start, counts = _started(board, folder, port, line, progress)
    what = _STARTING if port is None else _LOADING
    progress(what, 0, 1, "board")
    with serving(start, START_SECONDS) as running:
        progress(what, 1, 1, "board")
        try:
            with open_port(running.url, BAUD) as serial_port:
                link = Link(serial_port, _PATIENCE)
                yield Device(link, board.board_id, "co-simulation", cycles=counts, predicts=True)
        except DeviceError as error:
            raise running.explain(str(error)) from error


def _counted(board: OverlayBoard) -> Counts:
    """By a board."""
    return Counts(1.0, "cycles", f"cycle counter of the accelerator at {board.clock_mhz} MHz")


def _started(
    board: OverlayBoard, folder: BuildFolder, port: str | None, line: Line, progress: Progress
) -> tuple[Callable[[int], list[str]], Counts]:
    """What runs the package's driver and agent on this computer, for a listening socket, and who counts: the
    accelerator behind the serial line `port`, or without one a simulated accelerator."""

    def compiling(done: int, total: int) -> None:
        progress("compiling the simulator (minutes, once)", done, total, "file")

    if port is not None:
        baud = line.baud or board.serial.baud
        where = ["--port", port, "--baud", str(baud), "--wait", str(line.wait_seconds)]
        return partial(serial_board.command, folder.path, board, where), _counted(board)
    if board.serial:
        library = cosim.model(serial_model.design(board.accelerator), progress=compiling)
        said = "co-simulation: counted by the Verilated accelerator behind a simulated serial line, not on a board"
        start = partial(serial_board.command, folder.path, board, ["--library", str(library)])
    else:
        start = partial(command, folder.path, board, cosim.build(progress=compiling))
        said = "co-simulation: counted by the Verilated accelerator under the package's own driver, not on a board"
    return start, Counts(1.0, "cycles", said)
