"""Clients of the agent, over TCP or a serial port: who is let in, how long they may be silent, how much they may send.

Several clients may be there at once. Each has an `Agent` of its own, so none sees what another sent or got, and each
request is answered whole before the next one of anybody. A client that has nothing to say holds up nobody.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_tr_pynq.agent import Agent
from edge_tr_pynq.errors import DeviceError, EdgeTrError, UsageError
from edge_tr_pynq.frames import MAX_PAYLOAD
from edge_tr_pynq.token import VARIABLE, read_token

PORT = 5025
LOOPBACK = "127.0.0.1"
WIRE_BYTES = 2 * MAX_PAYLOAD.value  # more than any frame has between two delimiters
RECEIVED_BYTES = 4096  # at once, from one client
TURN_SECONDS = 1.0  # between two looks at who is silent


@dataclass(frozen=True)
class Limits:
    """Of clients over TCP.

    clients   at once
    stranger  seconds until a client must have given the token
    idle      seconds without a request until a client is dropped
    """

    clients: int = 8
    stranger: float = 10.0
    idle: float = 600.0


class Splitter:
    """Bytes of a wire become frames."""

    def __init__(self) -> None:
        self._wire, self._dropped = bytearray(), False

    def frames(self, data: bytes) -> Iterator[bytes]:
        """What stands between two delimiters; of a frame that is too long no bytes."""
        for byte in data:
            if byte:
                self._dropped = self._dropped or len(self._wire) >= WIRE_BYTES
                self._wire.append(byte) if not self._dropped else self._wire.clear()
            elif self._wire or self._dropped:
                yield bytes(self._wire)
                self._wire.clear()
                self._dropped = False


class _Client:
    """One connection. `heard`: when it last asked for something."""

    def __init__(self, connection: socket.socket, agent: Agent, now: float) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self.agent, self.heard = connection, agent, now
        self.waiting: deque[bytes] = deque()
        self._splitter = Splitter()

    def receive(self) -> bool:
        """Take what has come; whether the client is still there."""
        data = self.connection.recv(RECEIVED_BYTES)
        self.waiting.extend(self._splitter.frames(data))
        return bool(data)

    def answer(self) -> bool:
        """Answer one request; whether the client may go on. One that does not take its replies may not, nor one that
        was to give the token and did not."""
        reply = self.agent.answer(self.waiting.popleft())
        return self.connection.send(reply) == len(reply) and self.agent.admits


class Server:
    """Answers all clients of a listening socket; `agent` makes one for each of them."""

    def __init__(
        self,
        agent: Callable[[], Agent],
        listener: socket.socket,
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agent, self._listener, self._limits, self._clock = agent, listener, limits, clock
        self._clients: list[_Client] = []

    def serve(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Until it shall not go on, which is asked about once a second."""
        while goes_on():
            self._turn()
        for client in list(self._clients):
            self._drop(client)

    def _turn(self) -> None:
        """Answer at most one request of each client."""
        idle = [client for client in self._clients if not client.waiting]
        wanted = [self._listener, *(client.connection for client in idle)]
        ready, _, _ = select.select(wanted, [], [], TURN_SECONDS if len(idle) == len(self._clients) else 0)
        for client in list(self._clients):
            self._attend(client, client.connection in ready)
        if self._listener in ready:
            self._accept()

    def _attend(self, client: _Client, has_sent: bool) -> None:
        try:
            there = not has_sent or client.receive()
            if client.waiting:
                there = client.answer() and there
                client.heard = self._clock()
        except OSError:  # it went away, or does not take its replies
            there = False
        patience = self._limits.idle if client.agent.admits else self._limits.stranger
        if not there or self._clock() - client.heard > patience:
            self._drop(client)

    def _accept(self) -> None:
        """One more client, instead of the one that was silent longest if there are too many."""
        connection, _ = self._listener.accept()
        if len(self._clients) >= self._limits.clients:
            self._drop(min(self._clients, key=lambda client: (client.agent.admits, client.heard)))
        self._clients.append(_Client(connection, self._agent(), self._clock()))

    def _drop(self, client: _Client) -> None:
        client.connection.close()
        self._clients.remove(client)


def serve_serial(agent: Agent, path: str) -> None:
    """Answer on a serial device, for example the board's USB port /dev/ttyPS0; 115200 baud, raw."""
    import termios
    import tty

    descriptor, splitter = os.open(path, os.O_RDWR | os.O_NOCTTY), Splitter()
    tty.setraw(descriptor)
    settings = termios.tcgetattr(descriptor)
    settings[4] = settings[5] = termios.B115200
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    while data := os.read(descriptor, RECEIVED_BYTES):
        for frame in splitter.frames(data):
            _write_all(descriptor, agent.answer(frame))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def listening(address: str, port: int, token: bytes | None) -> socket.socket:
    """A socket that listens; UsageError if others than this computer's users could connect without a token."""
    try:
        family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        if token is None and not ipaddress.ip_address(where[0]).is_loopback:
            raise UsageError(
                f"--address {address} lets everybody on the network in: give --token-file FILE, or set {VARIABLE}; "
                "or leave --address out and come through ssh"
            )
        return socket.create_server(where[:2], family=family)
    except OSError as error:
        raise DeviceError(f"cannot listen on {address}, port {port}: {error}; choose others") from error


def main() -> int:
    """Entry point of agent.py."""
    parser = argparse.ArgumentParser(description="Serve this model on the accelerator to `edge-tr check` of a host.")
    parser.add_argument("--port", type=int, default=PORT, help="TCP port (default %(default)s)")
    parser.add_argument("--serial", metavar="DEVICE", help="a serial device instead, for example /dev/ttyPS0")
    parser.add_argument("--address", default=LOOPBACK, help="to listen on (default %(default)s: this board alone)")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"clients must know what it holds; default: what {VARIABLE} is"
    )
    arguments = parser.parse_args()
    try:
        return _serve(arguments)
    except KeyboardInterrupt:
        return 130
    except EdgeTrError as error:
        print(f"agent: {error}", file=sys.stderr)
        return error.exit_code


def _serve(arguments: argparse.Namespace) -> int:
    token = read_token(arguments.token_file, os.environ)
    if arguments.serial:
        serve_serial(Agent(_accelerator()), arguments.serial)
        return 0
    with listening(arguments.address, arguments.port, token) as listener:
        accelerator = _accelerator()
        print(_invitation(listener, token), flush=True)
        Server(lambda: Agent(accelerator, token=token), listener).serve()
    return 0


def _accelerator() -> object:
    from edge_tr_pynq.overlay import TermOverlay

    return TermOverlay().accelerator


def _invitation(listener: socket.socket, token: bytes | None) -> str:
    """How to reach the agent from the host."""
    (address, port), name = listener.getsockname()[:2], socket.gethostname()
    options = "" if token is None else " --token-file FILE"
    if not ipaddress.ip_address(address).is_loopback:
        return f"from the host: edge-tr check DIR --port socket://{name}:{port}{options}"
    return (
        f"from the host: ssh -L {port}:localhost:{port} xilinx@{name}, and beside it\n"
        f"               edge-tr check DIR --port socket://localhost:{port}{options}"
    )
