"""A fake wire: a TCP proxy between the host and a board that loses, repeats, flips and invents bytes.

It keeps the order, as a serial line does, unless old chunks are asked to come again. Faults are drawn from a seeded
generator per direction, so which byte of a direction suffers is repeatable; how often the host repeats itself is not.
"""

from __future__ import annotations

import collections
import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Faults:
    """Chances per byte (lose, double, flip, insert) and per chunk, which is about a frame (repeat, delay)."""

    lose: float = 0.0
    double: float = 0.0
    flip: float = 0.0
    insert: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    delay_seconds: float = 0.0
    stale: float = 0.0  # chance per chunk that an older one of the last eight comes once more before it
    crlf: str = ""  # "to board", "to host": LF becomes CRLF in that direction
    echo: bool = False  # the adapter sends back what the host sends
    dead: bool = False  # nothing passes
    close_after: int | None = None  # bytes from the host


class Wire:
    """The proxy. `frames` counts what the host sent, `faulty` what was changed on the way."""

    def __init__(self, board: socket.socket, faults: Faults, seed: int) -> None:
        self.frames = 0
        self.faulty = 0
        self._board = board
        self._faults = faults
        self._passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._host: socket.socket | None = None
        self._threads = [
            threading.Thread(target=self._serve, args=(random.Random(seed), random.Random(~seed)), daemon=True)
        ]
        self._threads[0].start()

    def _serve(self, there: random.Random, back: random.Random) -> None:
        with contextlib.suppress(OSError):
            self._host, _ = self._listener.accept()
            self._host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._threads.append(threading.Thread(target=self._pump, args=(self._board, self._host, back), daemon=True))
            self._threads[-1].start()
            self._pump(self._host, self._board, there)

    def _pump(self, source: socket.socket, target: socket.socket, dice: random.Random) -> None:
        faults, old = self._faults, collections.deque(maxlen=8)
        line_ends = faults.crlf == ("to board" if source is self._host else "to host")
        with contextlib.suppress(OSError):
            while chunk := source.recv(4096):
                if source is self._host:
                    self._count(chunk)
                    if faults.echo:
                        source.sendall(chunk)
                if old and dice.random() < faults.stale:
                    target.sendall(dice.choice(old))
                    self.faulty += 1
                old.append(chunk)
                if not faults.dead:
                    whole = chunk.replace(b"\n", b"\r\n") if line_ends else chunk
                    target.sendall(self._spoil(whole, dice))

    def _count(self, chunk: bytes) -> None:
        self.frames += chunk.count(0) // 2
        self._passed += len(chunk)
        if self._faults.close_after is not None and self._passed >= self._faults.close_after:
            self.close()

    def _spoil(self, chunk: bytes, dice: random.Random) -> bytes:
        faults, out = self._faults, bytearray()
        for byte in chunk:
            if dice.random() < faults.lose:
                continue
            out.append(byte ^ (1 << dice.randrange(8)) if dice.random() < faults.flip else byte)
            if dice.random() < faults.double:
                out.append(byte)
            while dice.random() < faults.insert:
                out.append(dice.randrange(256))
        if dice.random() < faults.repeat:
            out += bytes(out)
        if dice.random() < faults.delay:
            time.sleep(faults.delay_seconds)
            self.faulty += 1
        self.faulty += bytes(out) != chunk
        return bytes(out)

    def close(self) -> None:
        """End both connections; the pumps end with them."""
        for end in (self._listener, self._host, self._board):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=5.0)


@contextlib.contextmanager
def lossy_wire(board_url: str, faults: Faults, seed: int = 0) -> Iterator[Wire]:
    """A wire to the board at socket://HOST:PORT."""
    host, port = board_url.removeprefix("socket://").split(":")
    board = socket.create_connection((host, int(port)))
    board.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire = Wire(board, faults, seed)
    try:
        yield wire
    finally:
        wire.close()
        wire.join()


@contextlib.contextmanager
def noise_port(seed: int = 0) -> Iterator[str]:
    """The URL of something that is no board: it sends random bytes, zeros among them, for as long as one listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_make_noise, args=(listener, random.Random(seed)), daemon=True)
        thread.start()
        yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
        listener.close()
        thread.join(timeout=5.0)


def _make_noise(listener: socket.socket, dice: random.Random) -> None:
    with contextlib.suppress(OSError):
        client, _ = listener.accept()
        with client:
            while True:
                client.sendall(dice.randbytes(100))
                time.sleep(0.02)
