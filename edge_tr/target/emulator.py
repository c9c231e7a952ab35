"""An emulated board: started, given a URL, and stopped, whatever happens.

The emulator inherits a listening socket on a free port and starts the board when
the first client connects: no race for the port, and no byte is lost.
What the board's loader wrote lies in a file of `state_dir` and outlives it.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge_tr import resources
from edge_tr.boards import Board
from edge_tr.errors import DeviceError, UsageError
from edge_tr.formats.containers import intel_hex
from edge_tr.target.tools import require_modules, require_tool

START_SECONDS = 20.0  # until the emulator listens; a loaded machine needs a few
ENDING_SECONDS = 5.0  # until it has ended, once its connection has
_LISTENING = "waiting for connection"  # printed by QEMU, and by the host board
PLACED = "{image}"  # the program of a board that is its own emulator: what was flashed
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class RunningBoard:
    """What `emulate` gives: where the board's UART is served, and how its process is."""

    url: str
    process: subprocess.Popen[str]
    log: Callable[[], str]  # the last lines the emulator printed

    def ended(self) -> DeviceError:
        """It has closed its connection: a moment later its code and its last words are known."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(ENDING_SECONDS)
        return self.explain("the emulated board has ended")

    def explain(self, what: str) -> DeviceError:
        """`what` went wrong, with the reason if the emulator gave one."""
        code = self.process.poll()
        ended = "" if code is None else f"; the emulator ended with code {code}"
        return DeviceError(what + ended + (f": {self.log()}" if self.log() else ""))


def flash_file(state_dir: Path) -> Path:
    """The file behind the emulated flash."""
    return state_dir / "flash.bin"


def image_file(state_dir: Path) -> Path:
    """The image that an emulator places, on boards whose flash cannot be written."""
    return state_dir / "placed-image"


def boot_file(state_dir: Path) -> Path:
    """What the chip's ROM wants before the image, if it was placed with it."""
    return state_dir / "placed-boot"


@contextlib.contextmanager
def emulate(board: Board, state_dir: Path, *, loader_elf: Path | None = None) -> Iterator[RunningBoard]:
    """Run the board while the context lasts. Boards with our loader need `loader_elf`, others a placed image."""
    with serving(lambda listener: _command(board, state_dir, loader_elf, listener)) as running:
        yield running


@contextlib.contextmanager
def serving(command: Callable[[int], list[str]], seconds: float = START_SECONDS) -> Iterator[RunningBoard]:
    """Run `command`, made for the number of an inherited listening socket, while the context lasts; it must listen
    within `seconds`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"socket://127.0.0.1:{listener.getsockname()[1]}"
        process = _start(command(listener.fileno()), listener.fileno())
    watcher = _Watcher(process)
    try:
        watcher.wait_until_listening(seconds)
        yield RunningBoard(url, process, watcher.tail)
    finally:
        process.kill()
        process.wait()
        watcher.join()


def _start(command: list[str], listener: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        pass_fds=(listener,),
        env={**os.environ, "TR_HOST_LISTENER": str(listener)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def _command(board: Board, state_dir: Path, loader_elf: Path | None, listener: int) -> list[str]:
    emulator = board.emulator
    if emulator is None:
        raise UsageError(f"{board.name} has no emulator: connect the board and give its --port")
    state_dir.mkdir(parents=True, exist_ok=True)
    _make_flash(flash_file(state_dir), emulator.flash_file_bytes)
    if board.loader and (loader_elf is None or not loader_elf.is_file()):
        raise DeviceError(f"{board.name} starts from a loader, which has not been built: build again")
    if not board.loader and not image_file(state_dir).is_file():
        raise DeviceError(f"{board.name} has no image yet: flash it first")
    values = {
        "listener": str(listener),
        "flash": str(flash_file(state_dir).resolve()),
        "image": str(image_file(state_dir).resolve()),
        "image_hex": str(_hex_file(board, state_dir)),
        "boot": str(boot_file(state_dir).resolve()),
        "common": str(resources.folder("boards") / "common"),
        "modules": str(require_modules(emulator.modules)),
        "loader": str((loader_elf or Path()).resolve()),
        "flash_origin": str(board.memory.flash_origin),
    }
    arguments = [_filled(argument, values) for argument in emulator.arguments]
    if emulator.program == PLACED:
        return [str(image_file(state_dir).resolve()), *arguments]
    return [require_tool(emulator.program, emulator.package), *arguments]


def _hex_file(board: Board, state_dir: Path) -> Path:
    """The placed image with its address in it, made anew at each start where the emulator wants it so."""
    path = image_file(state_dir).resolve().with_suffix(".hex")
    if board.emulator and any("{image_hex}" in argument for argument in board.emulator.arguments):
        path.write_text(intel_hex([(board.memory.flash_origin, image_file(state_dir).read_bytes())]), encoding="ascii")
    return path


def _make_flash(path: Path, size: int) -> None:
    """A sparse file of zeros; zeros are no image, so an empty board stays in its loader."""
    if size and not (path.is_file() and path.stat().st_size == size):
        with path.open("wb") as file:
            file.truncate(size)


def _filled(argument: str, values: Mapping[str, str]) -> str:
    """One argument of the emulator. In a list of options QEMU ends each at a comma unless it is doubled."""
    listed = "," in argument
    return argument.format_map({k: v.replace(",", ",,") if listed else v for k, v in values.items()})


def _die_with_parent() -> None:
    """In the child: a killed edge-tr leaves no emulator behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Watcher:
    """Reads what the emulator prints: first that it listens, then the last lines for error messages."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: collections.deque[str] = collections.deque(maxlen=5)
        self._listens = False
        self._known = threading.Event()
        assert process.stderr is not None
        self._thread = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            if _LISTENING in line:
                self._listens = True
                self._known.set()
            else:
                self._lines.append(line.strip())
        self._known.set()

    def wait_until_listening(self, seconds: float) -> None:
        """Until it takes a client; DeviceError if it ends or stays silent."""
        if not self._known.wait(seconds) or not self._listens:
            reason = self.tail() or f"no answer within {seconds:.0f} s"
            raise DeviceError(f"the emulator did not start: {reason}")

    def tail(self) -> str:
        """The last lines, in one; all that there will be if the emulator has ended."""
        if self._process.poll() is not None:
            self.join()
        return "; ".join(self._lines)

    def join(self) -> None:
        """Wait for the end of its output."""
        self._thread.join(timeout=1.0)
