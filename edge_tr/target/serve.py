"""An emulated board for anybody's client: its UART on a pseudo-terminal or a TCP port, until it is interrupted.

The board starts when the first client opens the one or connects to the other, and runs on when the client leaves: the
next one finds it as it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
import tty
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from edge_tr.errors import DeviceError, UsageError
from edge_tr.target.emulator import RunningBoard

_PIECE = 4096
_LOOK_SECONDS = 0.05  # between two looks whether a client has come


class Clients:
    """Where clients come from, one at a time."""

    name: str  # what they open

    def wait(self) -> None:
        """Until there is one, some milliseconds."""

    def descriptor(self) -> int | None:
        """Of the client that is there."""

    def left(self) -> None:
        """It has closed."""


class Terminal(Clients):
    """A pseudo-terminal, raw. While nobody has it open, its other end hangs up."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise UsageError("there are no pseudo-terminals on Windows: use --tcp PORT")
        self._ours, theirs = os.openpty()
        tty.setraw(theirs)
        self.name = os.ttyname(theirs)
        os.close(theirs)

    def wait(self) -> None:
        if self.descriptor() is None:
            select.select([], [], [], _LOOK_SECONDS)

    def descriptor(self) -> int | None:
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        return None if any(event & select.POLLHUP for _, event in poll.poll(0)) else self._ours

    def close(self) -> None:
        os.close(self._ours)


class Listener(Clients):
    """A TCP port of this computer, 0 for any that is free; pyserial opens it as socket://."""

    def __init__(self, port: int) -> None:
        try:
            self._server = socket.create_server(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise DeviceError(f"port {port} cannot be opened: {error}; choose another --tcp, 0 for any") from error
        self.name = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._client: socket.socket | None = None

    def wait(self) -> None:
        if self._client is None and select.select([self._server], [], [], _LOOK_SECONDS)[0]:
            self._client, _ = self._server.accept()
            self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def descriptor(self) -> int | None:
        return None if self._client is None else self._client.fileno()

    def left(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        self.left()
        self._server.close()


@contextlib.contextmanager
def clients(pty: bool, port: int) -> Iterator[Terminal | Listener]:
    """Where they come from, while the context lasts."""
    with contextlib.closing(Terminal() if pty else Listener(port)) as source:
        yield source


def serve(running: RunningBoard, source: Clients, stop: Callable[[], bool] = lambda: False) -> None:
    """Carry bytes between the board and its clients until `stop`; DeviceError when the emulator ends."""
    while source.descriptor() is None:
        source.wait()
        if stop():
            return
    where = urlsplit(running.url)
    with socket.create_connection((where.hostname, where.port)) as board:
        board.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not stop():
            source.wait()
            _carry(running, board, source)


def _carry(running: RunningBoard, board: socket.socket, source: Clients) -> None:
    """What has come from either side within some milliseconds."""
    client = source.descriptor()
    ready, _, _ = select.select([board.fileno(), *([] if client is None else [client])], [], [], _LOOK_SECONDS)
    if board.fileno() in ready:
        data = board.recv(_PIECE)
        if not data:
            raise running.ended()
        if client is not None:
            _write(client, data, source)
    if client is not None and client in ready:
        data = _read(client)
        if data:
            board.sendall(data)
        else:
            source.left()


def _read(client: int) -> bytes:
    """Nothing, if the client has gone."""
    try:
        return os.read(client, _PIECE)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ECONNRESET):
            return b""
        raise


def _write(client: int, data: bytes, source: Clients) -> None:
    """All of it, unless the client goes."""
    try:
        while data:
            data = data[os.write(client, data) :]
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE, errno.ECONNRESET):
            raise
        source.left()
